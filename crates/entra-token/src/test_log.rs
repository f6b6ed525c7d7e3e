//! Captures the log of a test.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::subscriber::DefaultGuard;

/// Captures the log of this thread until it is dropped.
pub(crate) struct TestLog {
    written: Written,
    _logged: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl TestLog {
    pub(crate) fn start() -> Self {
        // tracing caches which events are enabled. Without a subscriber for all threads, a thread that has none could
        // disable an event for the others.
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let written = Written::default();
        let writer = written.clone();
        let format = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = format.with_writer(move || writer.clone()).finish();
        Self { written, _logged: tracing::subscriber::set_default(subscriber) }
    }

    /// Returns what was logged since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.written.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_event_that_another_thread_reached_first_is_captured() {
    let log_event = || tracing::info!("logged");
    let log = TestLog::start();
    std::thread::spawn(log_event).join().unwrap();
    assert_eq!(log.take(), "");
    log_event();
    assert_eq!(log.take().matches("logged").count(), 1);
}
