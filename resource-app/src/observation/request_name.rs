//! What logs and metrics call a request by.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use http::{HeaderMap, HeaderValue};
use shared::correlation::RequestId;
use shared::metrics::method_label;
use uuid::{Builder, Uuid};

use super::RouteNames;

/// What logs and metrics call a request by: nothing that a caller makes up, except for an id that is a plain word.
#[derive(Debug)]
pub(crate) struct RequestName {
    method: &'static str,
    route: Option<Arc<str>>,
    id: HeaderValue,
}

impl RequestName {
    pub(super) fn new(request: &Request, routes: &RouteNames, ids: &RequestIds) -> Self {
        // The template, since a path holds what callers make up; and no query, since somebody may put a token there.
        let route = routes.find(request.uri().path());
        Self { method: method_label(request.method()), route, id: request_id(request.headers(), ids) }
    }

    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    pub(crate) fn route(&self) -> &str {
        self.route.as_deref().unwrap_or("unmatched")
    }

    pub(crate) fn request_id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    pub(super) fn into_id(self) -> HeaderValue {
        self.id
    }
}

/// Makes ids that differ, from a number and a key that is random for each process: they are to be told apart and
/// need not be secret, so that no request waits for the operating system's randomness.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    keys: [RandomState; 2],
    next: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> Uuid {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.keys.each_ref().map(|key| key.hash_one(number));
        let bytes = (u128::from(high) << u64::BITS) | u128::from(low);
        Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}

/// The caller's id for the request if it is a plain word, so that logs of several services can be joined.
fn request_id(headers: &HeaderMap, ids: &RequestIds) -> HeaderValue {
    let named = RequestId::named_in(headers).map(|id| id.header_value());
    named.unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let text = ids.next().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::correlation::REQUEST_ID;

    use super::*;

    #[test]
    fn a_callers_id_is_taken_over_only_if_it_is_a_plain_word() {
        let id_for = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            request_id(&headers, &RequestIds::default()).to_str().unwrap().to_owned()
        };
        assert_eq!(id_for(b"01-ab_C.d"), "01-ab_C.d");
        for wrong in [&b""[..], b"a b", b"a;b", b"\x9b31m", b"a\"b", &[b'a'; 129]] {
            assert!(Uuid::try_parse(&id_for(wrong)).is_ok());
        }
    }

    #[test]
    fn ids_of_one_process_and_of_two_differ() {
        let (one, other) = (RequestIds::default(), RequestIds::default());
        let ids: HashSet<Uuid> = (0..10_000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 20_000);
        assert_eq!(one.next().get_version_num(), 4);
    }
}
