//! Times as the database keeps them.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// To the millisecond: more than anybody needs, and it reads well.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// With three decimals always, so that texts compare as the times do.
pub(super) fn text(time: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)
}
