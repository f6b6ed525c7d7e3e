//! The log of a server: counted, and looked through for panics.

use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::sync::{Arc, Mutex, PoisonError};

/// What was read of a log so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    read: Arc<Mutex<ReadLines>>,
}

/// The lines of a log, without their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadLines {
    pub(crate) count: u64,
    pub(crate) panics: u64,
    /// Lines at the level of errors.
    pub(crate) errors: u64,
    last: String,
}

impl Log {
    /// Reads a log to its end, in a thread of its own.
    pub(crate) fn follow(stderr: Option<ChildStderr>) -> Self {
        let log = Self::default();
        if let Some(stderr) = stderr {
            let log = log.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::with_capacity(256 * 1024, stderr);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    log.add(&String::from_utf8_lossy(&line));
                    line.clear();
                }
            });
        }
        log
    }

    pub(crate) fn lines(&self) -> ReadLines {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last line, for whoever reports that a server did not start.
    pub(crate) fn last_line(&self) -> String {
        self.lines().last
    }

    fn add(&self, line: &str) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.count += 1;
        // The panic hook writes plain text, whatever the form of the log.
        read.panics += u64::from(line.contains("panicked at"));
        read.errors += u64::from(line.contains("\"level\":\"ERROR\""));
        line.trim_end().clone_into(&mut read.last);
    }
}
