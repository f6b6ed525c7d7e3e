//! Request ids and trace contexts, which join the logs of several services.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header with a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header with a request's trace and span (W3C Trace Context section 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with tracing systems' own data (W3C Trace Context section 3.3); passed on unchanged.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The longest request id that is accepted from a caller, in characters.
const MAX_REQUEST_ID: usize = 128;

/// The longest `tracestate` that is passed on, in bytes. It is the minimum that the specification requires.
const MAX_TRACESTATE: usize = 512;

/// A request id of letters, digits, `-`, `_` and `.`, safe in logs and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Creates a random id.
    #[must_use]
    pub fn new() -> Self {
        let id = HeaderValue::try_from(Uuid::new_v4().to_string());
        // The fallback is unreachable: a UUID is a header value.
        Self(id.unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// Returns the id that a request came with, or a new one if that is missing or malformed.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        Self::find(headers).unwrap_or_default()
    }

    /// Returns the id that a request came with, unless it is malformed.
    #[must_use]
    pub fn find(headers: &HeaderMap) -> Option<Self> {
        let plain = |value: &&HeaderValue| {
            (1..=MAX_REQUEST_ID).contains(&value.len())
                && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        headers.get(REQUEST_ID).filter(plain).cloned().map(Self)
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Returns the id as a header value.
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl From<RequestId> for HeaderValue {
    fn from(RequestId(id): RequestId) -> Self {
        id
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The trace that a request belongs to (W3C Trace Context).
///
/// <https://www.w3.org/TR/trace-context/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace: Uuid,
    is_sampled: bool,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// Returns the trace that a request came with, or a new one, not sampled, if that is missing or malformed.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (parents.next(), parents.next()) else { return Self::default() };
        let Some((trace, is_sampled)) = parent.to_str().ok().and_then(parse) else { return Self::default() };
        let state = headers.get(TRACESTATE).filter(|state| state.len() <= MAX_TRACESTATE).cloned();
        Self { trace, is_sampled, state }
    }

    /// Returns the trace id as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace.simple().to_string()
    }

    /// Adds the trace to the headers of an outgoing request, which becomes a span of its own.
    pub fn propagate(&self, headers: &mut HeaderMap) {
        // The second half of a random UUID is never zero, the invalid span id, since it contains the variant bits.
        let (_, span) = Uuid::new_v4().as_u64_pair();
        let (trace, flags) = (self.trace.simple(), u8::from(self.is_sampled));
        if let Ok(parent) = HeaderValue::try_from(format!("00-{trace}-{span:016x}-{flags:02x}")) {
            headers.insert(TRACEPARENT, parent);
        }
        headers.extend(self.state.clone().map(|state| (TRACESTATE, state)));
    }
}

impl Default for TraceContext {
    /// Begins a trace that is not sampled.
    fn default() -> Self {
        Self { trace: Uuid::new_v4(), is_sampled: false, state: None }
    }
}

/// Parses the trace id and the sampled flag of a `traceparent`, of version 00 or a later, compatible one.
fn parse(text: &str) -> Option<(Uuid, bool)> {
    let mut fields = text.split('-');
    let (version, trace) = (hex(fields.next()?, 2)?, hex(fields.next()?, 32)?);
    let (parent, flags) = (hex(fields.next()?, 16)?, hex(fields.next()?, 2)?);
    let more = fields.next().is_some();
    let sound = version != 0xff && (version != 0 || !more) && trace != 0 && parent != 0;
    // Version 00 defines only the sampled flag; others must not be passed on.
    sound.then_some((Uuid::from_u128(trace), flags & 1 == 1))
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (text.len() == digits && text.bytes().all(lower)).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn continued(parents: &[&str]) -> TraceContext {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(TRACEPARENT, HeaderValue::from_str(parent).unwrap());
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
        TraceContext::from_headers(&headers)
    }

    #[test]
    fn a_trace_is_continued_with_a_span_of_its_own() {
        let trace = continued(&[PARENT]);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let mut sent = HeaderMap::new();
        trace.propagate(&mut sent);
        let parent = sent[TRACEPARENT].to_str().unwrap();
        assert!(parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && parent.ends_with("-01"));
        assert!(!parent.contains("00f067aa0ba902b7") && parse(parent).is_some(), "{parent}");
        assert_eq!(sent[TRACESTATE], "vendor=1");
        assert_eq!(continued(&[&PARENT.replacen("00", "cc", 1)]).trace_id(), trace.trace_id());
        assert_eq!(
            continued(&[&format!("{}-more", PARENT.replacen("00", "cc", 1))]).trace_id(),
            trace.trace_id()
        );
    }

    #[test]
    fn a_malformed_trace_is_replaced() {
        for wrong in [
            "",
            "00",
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-more"),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &PARENT.replace("4bf9", "4bf"),
            &PARENT.replace("4bf9", "+bf9"),
        ] {
            let trace = continued(&[wrong]);
            assert!(
                trace.state.is_none() && trace.trace_id() != "4bf92f3577b34da6a3ce929d0e0e4736",
                "{wrong}"
            );
        }
        assert!(continued(&[PARENT, PARENT]).state.is_none());
    }

    #[test]
    fn ids_differ() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::new().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn a_callers_id_is_accepted_only_if_it_is_well_formed() {
        let id_for = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            RequestId::from_headers(&headers).to_string()
        };
        assert_eq!(id_for(b"01-ab_C.d"), "01-ab_C.d");
        for wrong in [&b""[..], b"a b", b"a;b", b"\x9b31m", b"a\"b", &[b'a'; MAX_REQUEST_ID + 1]] {
            assert!(Uuid::try_parse(&id_for(wrong)).is_ok());
        }
    }
}
