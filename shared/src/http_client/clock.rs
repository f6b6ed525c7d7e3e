//! How far a peer's clock is from this machine's.

use http::{HeaderMap, header};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// The peer's clock less this machine's, as its answer's `Date` says (RFC 9110 section 6.6.1).
///
/// `None` where the answer has no such header, or a malformed one. It is exact to a second and the time that the
/// answer was on its way.
#[must_use]
pub fn clock_offset(headers: &HeaderMap) -> Option<SignedDuration> {
    offset(headers, Timestamp::now())
}

fn offset(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(header::DATE)?.to_str().ok()?.trim();
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.duration_since(now))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_clock_ahead_is_a_positive_offset_and_a_date_that_cannot_be_read_is_none() {
        let now: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 09:00:00 GMT", Some(623)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(-2977)),
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
}
