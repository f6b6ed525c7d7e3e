//! Sends one request to the resource. An error answer is a result like any other.

use entra_shared::correlation::{REQUEST_ID, RequestId};
use entra_shared::http_client::{self, BodyError, HttpClient};
use entra_shared::json::Object;
use entra_shared::problem::Problem;
use entra_token::{Redaction, Token};
use http::{StatusCode, header};
use jiff::SignedDuration;
use url::Url;

/// The largest answer that is read, in bytes. It has room for the description of a large API.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// An answer of the resource, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// The resource's clock minus this machine's, if the answer has a date.
    pub(super) clock_offset: Option<SignedDuration>,
    /// The URL that the answer redirects to.
    pub(super) redirect: Option<String>,
    pub(super) body: Vec<u8>,
    /// The code of a problem (RFC 9457), with the token redacted in case the resource repeats it.
    pub(super) problem_code: Option<String>,
}

/// A request without a complete answer.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ProbeError {
    #[error("no answer from the resource; request id {request_id}")]
    Unreachable { request_id: RequestId, source: reqwest::Error },
    #[error("the resource answered {status}, but its body cannot be read; request id {request_id}")]
    Body { status: StatusCode, request_id: RequestId, source: BodyError },
}

/// Sends one GET request, with the token if there is one.
pub(super) async fn get(http: &HttpClient, url: Url, token: Option<&Token>) -> Result<Answer, ProbeError> {
    let request_id = RequestId::new();
    let mut request = http.get(url).header(REQUEST_ID, request_id.header_value());
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token.authorization().clone());
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Err(ProbeError::Unreachable { request_id, source: error.without_url() }),
    };
    let (status, clock_offset) = (response.status(), http_client::clock_offset(response.headers()));
    let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
    let redirect = location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
    let body = http_client::read_body(response, MAX_BODY_BYTES).await;
    let body = body.map_err(|source| ProbeError::Body { status, request_id, source })?;
    let problem = serde_json::from_slice(&body).ok().map(|Object::<Problem>(problem)| problem.code);
    let problem_code = problem.map(|code| match token {
        Some(token) => Redaction::for_token(token.access_token().expose()).text(&code),
        None => code.into_owned(),
    });
    Ok(Answer { status, clock_offset, redirect, body: body.into(), problem_code })
}
