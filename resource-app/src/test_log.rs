//! What a test's code writes to the log.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// The log of this thread, as long as the guard beside it lives.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestLog(Arc<Mutex<Vec<u8>>>);

impl TestLog {
    pub(crate) fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let format =
            tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG);
        let subscriber = format.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// What was written so far, without what other crates wrote.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let is_ours = |event: &Value| {
            event["target"].as_str().is_some_and(|it| it == "decision" || it.starts_with("resource_app"))
        };
        events.filter(is_ours).collect()
    }

    /// The events with this message.
    pub(crate) fn named(&self, message: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["message"] == message).collect()
    }
}

impl io::Write for TestLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
