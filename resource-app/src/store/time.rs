//! Times as the database stores them.

use jiff::Timestamp;

/// Returns the current time in milliseconds, the precision that is stored.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Formats a time with exactly three decimals, so that texts sort like times.
pub(super) fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}
