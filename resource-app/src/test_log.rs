//! Captures the log of a test.

use std::io;
use std::sync::{Arc, Mutex, Once};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// Captures the log of this thread while the returned guard lives.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestLog(Arc<Mutex<Vec<u8>>>);

impl TestLog {
    pub(crate) fn start() -> (Self, DefaultGuard) {
        // A thread without a subscriber that reaches a log line first would disable that line for all threads.
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let log = Self::default();
        let writer = log.clone();
        let format =
            tracing_subscriber::fmt().json().flatten_event(true).with_max_level(tracing::Level::DEBUG);
        let subscriber = format.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Returns the events so far, except those of other crates.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let is_ours = |event: &Value| {
            event["target"].as_str().is_some_and(|it| it == "decision" || it.starts_with("resource_app"))
        };
        events.filter(is_ours).collect()
    }

    /// Returns the events with this message.
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

#[test]
fn a_line_that_another_thread_reached_first_is_captured() {
    let say = || tracing::info!("said");
    let (log, _guard) = TestLog::start();
    std::thread::spawn(say).join().unwrap();
    assert!(log.named("said").is_empty());
    say();
    assert_eq!(log.named("said").len(), 1);
}
