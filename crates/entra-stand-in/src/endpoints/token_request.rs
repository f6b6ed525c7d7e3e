//! Reads a token request, which consists of a form and a credential.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use entra_shared::ids::ClientId;
use entra_shared::json::is_utf8;
use entra_shared::token_endpoint::JWT_BEARER;
use http::{HeaderMap, header};
use serde_json::Value;
use url::form_urlencoded;

use super::read_body;
use crate::credentials::{Presented, SecretHash};
use crate::errors::{Echo, Refusal};
use crate::journal::Caller;

/// The largest body in bytes; enough for a long client assertion.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The client capability for claims challenges, in the case of Microsoft's documentation; libraries send `CP1`.
const CLAIMS_CHALLENGES: &str = "cp1";

/// Parameters that ask for a token of another kind, which the stand-in does not issue.
const UNSUPPORTED: [&str; 4] = ["fmi_path", "req_cnf", "request", "request_uri"];

/// The parameters of a token request. The type has no `Debug`, since one of them is a secret.
pub(super) struct TokenRequest {
    parameters: HashMap<String, String>,
    basic: Option<Basic>,
}

/// The client's id and secret from HTTP Basic (RFC 6749 section 2.3.1).
struct Basic {
    client_id: String,
    secret: SecretHash,
}

/// Returns the `client_id` of a form, without the rest.
pub(super) async fn caller(request: &mut Request) -> Option<Caller> {
    let body = std::mem::take(request.body_mut());
    let read = TokenRequest::read(request.headers(), body).await.ok()?;
    Some(Caller(ClientId::parse(read.client_id()?).ok()))
}

impl TokenRequest {
    /// Reads the request.
    ///
    /// A body of another content type holds no parameters, as at Entra.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let basic = authorizations.next().map(Basic::read).transpose()?.flatten();
        // A client authenticates in one way only (RFC 6749 section 2.3).
        if authorizations.next().is_some() {
            return Err(Refusal::MalformedRequest);
        }
        let mut request = Self { parameters: HashMap::new(), basic };
        if is_form(headers) {
            let bytes = read_body(body, MAX_BODY_BYTES).await.ok_or(Refusal::MalformedRequest)?;
            request.parameters = parameters(&bytes)?;
        }
        request.check_one_client()?;
        Ok(request)
    }

    /// Returns the value of a parameter; an empty one counts as absent (RFC 6749 section 3.2).
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.value("client_id").or(self.basic.as_ref().map(|basic| basic.client_id.as_str()))
    }

    /// Returns whether the client used HTTP Basic, which requires a challenge in refusals (RFC 6749 section 5.2).
    pub(super) fn uses_basic(&self) -> bool {
        self.basic.is_some()
    }

    /// Returns the credential that the client presented.
    pub(super) fn credential(&self) -> Result<Presented<'_>, Refusal> {
        if let Some(basic) = &self.basic {
            return Ok(Presented::Secret(basic.secret.clone()));
        }
        if let Some(assertion) = self.value("client_assertion") {
            let parameter = "client_assertion_type";
            return match self.value(parameter) {
                Some(JWT_BEARER) => Ok(Presented::Assertion(assertion)),
                Some(_) => Err(Refusal::MalformedRequest), // the code is assumed
                None => Err(Refusal::MissingParameter { parameter }),
            };
        }
        // An empty secret counts as presented, and is wrong.
        let secret = self.parameters.get("client_secret");
        Ok(secret.map_or(Presented::Nothing, |secret| Presented::Secret(SecretHash::from_secret(secret))))
    }

    /// Refuses what the stand-in cannot do, since a client would take the bearer token for what it asked for.
    ///
    /// `token_type` is `pop` or `mtls_pop` for tokens bound to a key; a bearer token may be asked for by name.
    pub(super) fn check_supported(&self) -> Result<(), Refusal> {
        if let Some(kind) = self.value("token_type").filter(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
            return Err(Refusal::Unsupported { parameter: "token_type", value: Some(Echo::new(kind)) });
        }
        match UNSUPPORTED.into_iter().find(|name| self.value(name).is_some()) {
            Some(parameter) => Err(Refusal::Unsupported { parameter, value: None }),
            None => Ok(()),
        }
    }

    /// Returns the client's capabilities from the `claims` parameter, as the client writes them; empty if it is invalid.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge#client-capabilities>
    pub(super) fn capabilities(&self) -> Vec<String> {
        let claims = self.value("claims").and_then(|claims| serde_json::from_str::<Value>(claims).ok());
        let values = claims.as_ref().and_then(|claims| claims.pointer("/access_token/xms_cc/values"));
        let mut values = values.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        // The first alone: the same capability in another case is no second one.
        let granted = values.find(|value| value.eq_ignore_ascii_case(CLAIMS_CHALLENGES));
        granted.map(str::to_owned).into_iter().collect()
    }

    /// Checks that the client authenticates in one way only (RFC 6749 section 2.3), with one id.
    fn check_one_client(&self) -> Result<(), Refusal> {
        let ways = [
            self.basic.is_some(),
            self.value("client_secret").is_some(),
            self.value("client_assertion").is_some(),
        ];
        let same_client = match (&self.basic, self.value("client_id")) {
            (Some(basic), Some(client_id)) => {
                let (one, other) = (ClientId::parse(&basic.client_id), ClientId::parse(client_id));
                basic.client_id == client_id || one.is_ok_and(|one| other.is_ok_and(|other| one == other))
            }
            _ => true,
        };
        let one_way = ways.into_iter().filter(|used| *used).count() <= 1;
        if one_way && same_client { Ok(()) } else { Err(Refusal::MalformedRequest) }
    }
}

impl Basic {
    /// Reads an HTTP Basic header; other schemes are ignored.
    fn read(value: &http::HeaderValue) -> Result<Option<Self>, Refusal> {
        let text = value.to_str().map_err(|_| Refusal::MalformedRequest)?;
        let Some((scheme, credentials)) = text.split_once(' ') else { return Ok(None) };
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Ok(None);
        }
        let decoded = BASE64_STANDARD.decode(credentials.trim()).ok().and_then(|b| String::from_utf8(b).ok());
        let (client_id, secret) =
            decoded.as_deref().and_then(|text| text.split_once(':')).ok_or(Refusal::MalformedRequest)?;
        Ok(Some(Self {
            client_id: form_decoded(client_id),
            secret: SecretHash::from_secret(&form_decoded(secret)),
        }))
    }
}

/// Decodes a part of the header, which is form-encoded (RFC 6749 section 2.3.1).
fn form_decoded(text: &str) -> String {
    // `=` and `&` separate pairs in a form; here they are literal.
    let text = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") && is_utf8(headers)
}

/// Reads the pairs of a form; no name may repeat (RFC 6749 section 3.2).
fn parameters(form: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let mut parameters = HashMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        // The replacement character marks bytes that were not UTF-8.
        let garbled = [&name, &value].iter().any(|text| text.contains('\u{fffd}'));
        if garbled || parameters.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Refusal::MalformedRequest);
        }
    }
    Ok(parameters)
}
