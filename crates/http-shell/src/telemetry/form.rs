//! The format of lines that bypass the subscriber and its filter.

use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text for a person.
    Text,
    /// Writes one JSON object per line, for a log collector.
    Json,
}

/// An event of the log.
#[derive(Debug)]
pub(crate) struct Event<'e> {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) message: &'e str,
    /// An additional field, as its name and value.
    pub(crate) field: Option<(&'static str, Value)>,
}

impl Form {
    /// Formats the text or the event as a line.
    pub(super) fn line(self, text: &str, event: Event<'_>) -> String {
        match self {
            Self::Text => format!("{text}\n"),
            Self::Json => format!("{}\n", event.json()),
        }
    }
}

impl Event<'_> {
    /// Formats the event with the member names that the subscriber uses.
    fn json(self) -> Value {
        let mut event = json!({
            "timestamp": now(),
            "level": self.level.as_str(),
            "message": self.message,
            "target": self.target,
        });
        if let (Some(event), Some((name, value))) = (event.as_object_mut(), self.field) {
            event.insert(name.to_owned(), value);
        }
        event
    }
}

/// Formats the current time as the subscriber does.
fn now() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}
