//! How a line looks that comes past the subscriber, and so past its filter.

use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Whom the log is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A person at a terminal.
    Text,
    /// A program that collects one JSON object a line.
    Json,
}

/// What an event of the log says.
#[derive(Debug)]
pub(crate) struct Event<'e> {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) message: &'e str,
    /// One more field, with its name.
    pub(crate) field: Option<(&'static str, Value)>,
}

impl Form {
    /// This text, or the event, as a line.
    pub(super) fn line(self, text: &str, event: Event<'_>) -> String {
        match self {
            Self::Text => format!("{text}\n"),
            Self::Json => format!("{}\n", event.json()),
        }
    }
}

impl Event<'_> {
    /// With the subscriber's names.
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

/// The time as the subscriber writes it.
pub(super) fn now() -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}
