//! Probes whether the authority answers and knows the tenant.

use entra_shared::azure_ad::{Authority, Version};
use entra_shared::http_client::{
    CertificateFault, HttpClient, clock_offset, is_other_scheme, proxy_refusal, read_body,
};
use entra_shared::one_line;
use entra_shared::token_endpoint::TokenErrorResponse;
use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use url::Position;

/// The largest answer that is read, in bytes; real ones have about 2,000.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The authority's answer to a request for the tenant's discovery document.
#[derive(Debug)]
pub(in super::super) struct AuthorityFacts {
    pub(in super::super) host: String,
    /// Its clock minus this machine's.
    pub(in super::super) clock_offset: Option<SignedDuration>,
    pub(in super::super) answer: Result<Discovery, Unreachable>,
}

/// An answer about the tenant.
#[derive(Debug)]
pub(in super::super) enum Discovery {
    /// The tenant exists.
    Found,
    /// The authority refuses, with the number of its AADSTS code if it names one.
    Refused(Option<u32>),
    /// Any other answer, from which nothing follows about the tenant.
    Other(StatusCode),
}

/// Why the authority did not answer.
#[derive(Debug)]
pub(in super::super) enum Unreachable {
    Certificate(CertificateFault),
    /// It speaks http.
    WrongScheme,
    Other(String),
}

impl AuthorityFacts {
    /// Returns whether a token request is bound to fail for the same reason.
    pub(super) fn is_hopeless(&self) -> bool {
        matches!(self.answer, Err(_) | Ok(Discovery::Refused(_)))
    }
}

#[derive(Deserialize)]
struct Document {
    #[expect(dead_code, reason = "its presence is enough; its value is not used")]
    issuer: String,
}

/// Requests the discovery document. URLs in it are not used.
pub(super) async fn probe(http: &HttpClient, authority: &Authority, version: Version) -> AuthorityFacts {
    let url = authority.discovery_document(version);
    let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let response = match http.get(url).send().await {
        Ok(response) => response,
        Err(error) => return AuthorityFacts { host, clock_offset: None, answer: Err(unreachable(error)) },
    };
    let (status, clock_offset) = (response.status(), clock_offset(response.headers()));
    let body = read_body(response, MAX_BODY_BYTES).await.unwrap_or_default();
    AuthorityFacts { host, clock_offset, answer: Ok(discovery(status, &body)) }
}

fn discovery(status: StatusCode, body: &[u8]) -> Discovery {
    if status == StatusCode::OK && serde_json::from_slice::<Document>(body).is_ok() {
        return Discovery::Found;
    }
    match serde_json::from_slice::<TokenErrorResponse>(body) {
        Ok(refusal) if status.is_client_error() => Discovery::Refused(refusal.error_codes.first().copied()),
        _ => Discovery::Other(status),
    }
}

fn unreachable(error: reqwest::Error) -> Unreachable {
    if let Some(fault) = CertificateFault::from_error(&error) {
        Unreachable::Certificate(fault)
    } else if is_other_scheme(&error) {
        Unreachable::WrongScheme
    } else {
        Unreachable::Other(proxy_refusal(&error).unwrap_or_else(|| one_line(&error.without_url())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_authoritys_own_error_tells_that_a_tenant_is_unknown() {
        let refused = r#"{"error":"invalid_tenant","error_codes":[90002]}"#;
        let cases = [
            (200, r#"{"issuer":"https://x"}"#, "Found"),
            (400, refused, "Refused(Some(90002))"),
            (400, r#"{"error":"invalid_request"}"#, "Refused(None)"),
            (200, "<html>a proxy</html>", "Other(200)"),
            (404, "", "Other(404)"),
            (503, refused, "Other(503)"),
        ];
        for (status, body, expected) in cases {
            let discovery = discovery(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(format!("{discovery:?}"), expected, "{status} {body}");
        }
    }
}
