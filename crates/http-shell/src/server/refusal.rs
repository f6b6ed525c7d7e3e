//! The answers to requests whose head is malformed or too large; no route sees these.

use http::StatusCode;
use serde_json::json;

use super::head::Refusal;

/// The rest of hyper's answer to a refused head, after the status; it has no body.
const NO_BODY: &[u8] = b"\r\nconnection: close\r\ncontent-length: 0\r\n";

/// Whether these bytes look like hyper's own answer to a head that it refused.
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
    /// Most of a head that is too large is its request line.
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
        Some(refusal) => (StatusCode::BAD_REQUEST, code(refusal), refusal.to_string()),
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

fn code(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::BareLineFeed => "line_end_malformed",
        Refusal::Host => "host_malformed",
        Refusal::ContentLength => "content_length_malformed",
        Refusal::TransferEncoding => "transfer_encoding_not_allowed",
        Refusal::TwoLengths => "body_length_ambiguous",
    }
}

/// Formats the problem as the last answer of a connection, with the date of the answer that it replaces.
pub(super) fn answer(problem: &Problem, instead_of: &[u8]) -> Vec<u8> {
    let Problem { status, code, detail } = problem;
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({
        "type": "about:blank",
        "status": status.as_u16(),
        "title": title,
        "detail": detail,
        "code": code,
    })
    .to_string();
    let lines = std::str::from_utf8(instead_of).unwrap_or_default();
    let date = lines.lines().find(|line| line.starts_with("date:"));
    let date = date.map(|line| format!("{line}\r\n")).unwrap_or_default();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\nconnection: close\r\n\
         content-length: {}\r\n{date}\r\n{body}",
        status.as_u16(),
        title,
        body.len(),
    )
    .into_bytes()
}
