//! Compares a peer's clock with this machine's.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, header};
use jiff::SignedDuration;
use url::{Position, Url};

/// The tolerated difference, as Entra and most libraries allow when they validate a token's times.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// Time between two warnings about a peer.
const BETWEEN_WARNINGS: Duration = Duration::from_hours(1);

/// The most peers that are remembered; a service calls a few.
const MOST_PEERS: usize = 100;

/// Returns the peer's clock minus this machine's, by the answer's `Date` (RFC 9110 section 6.6.1).
///
/// Exact to a second plus the time of transmission; `None` if the header is missing or malformed.
#[must_use]
pub fn clock_offset(headers: &HeaderMap) -> Option<SignedDuration> {
    offset(headers, SystemTime::now())
}

fn offset(headers: &HeaderMap, now: SystemTime) -> Option<SignedDuration> {
    let text = headers.get(header::DATE)?.to_str().ok()?.trim();
    SignedDuration::system_until(now, httpdate::parse_http_date(text).ok()?).ok()
}

/// The times of the last warning about each peer.
#[derive(Debug, Default)]
pub(super) struct Clocks(Mutex<HashMap<String, Instant>>);

impl Clocks {
    /// Warns if the peer's clock is off, at most once an hour for each peer.
    pub(super) fn check(&self, peer: &Url, headers: &HeaderMap) {
        let Some(offset) = clock_offset(headers).filter(|offset| offset.abs() > TOLERATED) else { return };
        let peer = &peer[Position::BeforeHost..Position::AfterPort];
        if self.is_due(peer, Instant::now()) {
            tracing::warn!(
                peer,
                offset_seconds = offset.as_secs(),
                "the peer's clock and this machine's are far apart, so that tokens seem expired or not yet valid: set \
                 both by NTP"
            );
        }
    }

    fn is_due(&self, peer: &str, now: Instant) -> bool {
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        warned.retain(|_, at| now - *at < BETWEEN_WARNINGS);
        let is_due = warned.len() < MOST_PEERS && !warned.contains_key(peer);
        if is_due {
            warned.insert(peer.to_owned(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_clock_ahead_is_a_positive_offset_and_a_date_that_cannot_be_read_is_none() {
        let now = "1994-11-06T08:49:37Z".parse::<Timestamp>().unwrap().into();
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 09:00:00 GMT", Some(623)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(-2977)),
            ("Sunday, 06-Nov-94 09:00:00 GMT", Some(623)),
            ("Sun Nov  6 09:00:00 1994", Some(623)),
            ("Sun, 06 Nov 1994 09:00:00 +0100", None),
            ("", None),
            ("now", None),
            ("1994-11-06T08:49:37Z", None),
            ("784111777", None),
        ];
        for (date, expected) in cases {
            let headers = [(header::DATE, HeaderValue::from_static(date))].into_iter().collect();
            assert_eq!(offset(&headers, now), expected.map(SignedDuration::from_secs), "{date}");
        }
        assert_eq!(offset(&HeaderMap::new(), now), None);
        assert_eq!(
            offset(&[(header::DATE, HeaderValue::from_bytes(b"\xff").unwrap())].into_iter().collect(), now),
            None
        );
    }

    #[test]
    fn a_warning_is_due_once_an_hour_for_each_peer() {
        let (clocks, start) = (Clocks::default(), Instant::now());
        let is_due = |peer: &str, seconds| clocks.is_due(peer, start + Duration::from_secs(seconds));
        assert!(is_due("a:1", 0) && is_due("b:1", 0));
        assert!(!is_due("a:1", 3599));
        assert!(is_due("a:1", 3600) && !is_due("a:1", 3600));
        assert!((0..1000).filter(|n| is_due(&n.to_string(), 3600)).count() < MOST_PEERS);
    }
}
