//! Reads the log of a server, counts its lines, and detects panics.

use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::sync::{Arc, Mutex, PoisonError};

/// The log as read so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    read: Arc<Mutex<ReadLines>>,
}

/// Counts of a log's lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadLines {
    pub(crate) count: u64,
    pub(crate) panics: u64,
    /// The lines at level ERROR.
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

    /// The last line, which tells why a server did not start.
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
