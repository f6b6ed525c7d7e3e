//! What a test's code writes to the log.

use std::io;
use std::sync::{Arc, Mutex, Once};

/// What is logged while `run` runs, in this thread.
pub(super) fn logged(run: impl FnOnce()) -> String {
    // Without a subscriber in every thread, one that comes by a line of the log first and has none can switch it off
    // for all.
    static EVERYWHERE: Once = Once::new();
    EVERYWHERE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_writer(io::sink).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = log.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
