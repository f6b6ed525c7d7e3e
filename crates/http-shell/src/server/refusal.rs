//! The answers to requests that are malformed or too large.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

use super::head::Refusal;

/// The rest of hyper's answer to a refused head, after the status; it has no body.
const NO_BODY: &[u8] = b"\r\nconnection: close\r\ncontent-length: 0\r\n";

const CONTENT_TYPE: &str = "application/problem+json";

/// Returns whether these bytes look like hyper's own answer to a head that it refused.
pub(super) fn is_library_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 4")
        && bytes
            .iter()
            .position(|&byte| byte == b'\r')
            .and_then(|end| bytes.get(end..))
            .is_some_and(|fields| fields.starts_with(NO_BODY))
}

/// Why a head was refused, as far as the stream knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds {
    /// The stream's own refusal.
    pub(super) refusal: Option<Refusal>,
    /// Whether the request line is the largest part of a head that is too large.
    pub(super) by_request_line: bool,
}

/// A problem (RFC 9457) about a malformed request.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    detail: String,
}

/// Returns the problem that replaces hyper's answer.
pub(super) fn problem(answer: &[u8], grounds: Grounds) -> Problem {
    let is_too_large = answer.get(9..12).is_some_and(|status| status != b"400");
    let (status, code, detail) = match grounds.refusal {
        Some(refusal) => return refusal.into(),
        None if is_too_large && grounds.by_request_line => {
            (StatusCode::URI_TOO_LONG, "target_too_long", "the request line is too long".to_owned())
        }
        None if is_too_large => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "header_too_large",
            "the header is too large, or has too many fields".to_owned(),
        ),
        None => (StatusCode::BAD_REQUEST, "request_malformed", "the request is not HTTP/1.1".to_owned()),
    };
    Problem { status, code, detail }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: code(refusal), detail: refusal.to_string() }
    }
}

fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::EmptyLine | Refusal::BareLineFeed => "line_end_malformed",
        Refusal::Fragment => "target_malformed",
        Refusal::Host => "host_malformed",
        Refusal::ContentLength => "content_length_malformed",
        Refusal::TransferEncoding => "transfer_encoding_not_allowed",
        Refusal::TwoLengths => "body_length_ambiguous",
        Refusal::ChunkedBody => "chunked_body_malformed",
    }
}

impl Problem {
    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    fn body(&self) -> String {
        json!({
            "type": "about:blank",
            "status": self.status.as_u16(),
            "title": self.title(),
            "detail": self.detail,
            "code": self.code,
        })
        .to_string()
    }
}

/// Returns the answer to a peer that speaks http where https is expected.
pub(super) fn answer_to_http() -> Vec<u8> {
    let detail = "this port speaks https, and the request came as http";
    let problem =
        Problem { status: StatusCode::BAD_REQUEST, code: "https_required", detail: detail.to_owned() };
    answer(&problem, &[])
}

/// Returns the last answer of a connection whose request has a malformed body.
pub(super) fn answer_to_malformed_body() -> Response<Full<Bytes>> {
    let problem = Problem::from(Refusal::ChunkedBody);
    let mut response = Response::new(Full::from(problem.body()));
    *response.status_mut() = problem.status;
    let fields = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ];
    response.headers_mut().extend(fields.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Formats the problem as the last answer of a connection, with the date of the answer that it replaces.
pub(super) fn answer(problem: &Problem, instead_of: &[u8]) -> Vec<u8> {
    let body = problem.body();
    let lines = std::str::from_utf8(instead_of).unwrap_or_default();
    let date = lines.lines().find(|line| line.starts_with("date:"));
    let date = date.map(|line| format!("{line}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {CONTENT_TYPE}\r\ncache-control: no-store\r\nconnection: close\r\n\
         content-length: {}\r\n{date}\r\n{body}",
        problem.status.as_u16(),
        problem.title(),
        body.len(),
    )
    .into_bytes()
}
