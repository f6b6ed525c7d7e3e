//! Logs to standard error: one JSON object a line for services, text at a terminal and for one-shot commands.
//!
//! Panics and the lines that a program writes past its filter have the same form and keep their place among the log's
//! lines.
//!
//! **Invariant:** logging never waits for the reader of standard error. A thread writes the lines; lines that find its
//! queue full are dropped and counted ([`dropped_lines`]).
//!
//! [`crate::process::run`] starts the log and flushes it at the end.

mod form;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tracing::Level;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use form::{Event, Form};

/// The default filter, used unless `RUST_LOG` is set.
///
/// The certificate verifier logs each refusal as an error of its own; the caller reports it too.
pub const INFO: &str = "info,rustls_platform_verifier=off";

/// How many lines wait for the writing thread at most; a line seldom has more than 500 bytes.
const QUEUED_LINES: usize = 8192;

/// The log of this process, which has one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug)]
struct Log {
    lines: NonBlocking,
    /// Ends the writing thread when dropped, after all queued lines.
    thread: Mutex<Option<WorkerGuard>>,
    form: Form,
}

/// Starts the log of this process in this form, with the filter of `RUST_LOG`, or else `default`.
///
/// Standard output is left to the results of commands.
pub(crate) fn start(default: &str, form: Form) {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let wanted = variable.parse::<Targets>();
    let malformed = wanted.is_err();
    let filter =
        wanted.ok().filter(|_| !variable.is_empty()).or_else(|| default.parse().ok()).unwrap_or_default();
    let log = LOG.get_or_init(|| Log::new(standard_error(), form));
    std::panic::set_hook(Box::new(|panic| log.write_panic(panic)));
    // A failure to write the log must not disturb the program.
    let layer = tracing_subscriber::fmt::layer().with_writer(log.lines.clone()).log_internal_errors(false);
    let layer = match form {
        Form::Text if io::stderr().is_terminal() => layer.boxed(),
        Form::Text => layer.with_ansi(false).boxed(),
        Form::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    // A second call in one process is harmless: the first subscriber stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if malformed {
        tracing::warn!("RUST_LOG is malformed and counts as unset; it is like `info,http_shell=debug`");
    }
}

/// Writes a line that bypasses the filter. A person gets the text, a log collector the event.
pub(crate) fn say(text: &str, event: Event<'_>) {
    match LOG.get() {
        Some(log) => log.write(text, event),
        // Not `eprintln!`, which panics if standard error is closed.
        None => drop(io::stderr().write_all(Form::Text.line(text, event).as_bytes())),
    }
}

/// Writes all queued lines, waiting at most this long for their reader; later lines are lost.
pub(crate) fn flush(limit: Duration) {
    if let Some(log) = LOG.get() {
        log.flush(limit);
    }
}

/// Returns how many lines were dropped because the reader of standard error was too slow.
#[must_use]
pub fn dropped_lines() -> u64 {
    let dropped = LOG.get().map_or(0, |log| log.lines.error_counter().dropped_lines());
    u64::try_from(dropped).unwrap_or(u64::MAX)
}

impl Log {
    fn new(sink: impl Write + Send + 'static, form: Form) -> Self {
        let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUED_LINES).thread_name("log");
        let (lines, thread) = builder.finish(sink);
        Self { lines, thread: Mutex::new(Some(thread)), form }
    }

    fn write(&self, text: &str, event: Event<'_>) {
        // Queuing a line cannot fail.
        let _ = self.lines.clone().write_all(self.form.line(text, event).as_bytes());
    }

    /// Writes where a thread panicked, with the standard library's words.
    fn write_panic(&self, panic: &PanicHookInfo<'_>) {
        let message = panic.to_string();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let text = backtrace.as_ref().map_or_else(|| message.clone(), |trace| format!("{message}\n{trace}"));
        let field = backtrace.map(|trace| ("backtrace", trace.into()));
        self.write(&text, Event { level: Level::ERROR, target: module_path!(), message: &message, field });
    }

    fn flush(&self, limit: Duration) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (flushed, wait) = mpsc::channel();
        // On a thread of its own, since dropping the guard can wait longer than `limit`.
        let flushing = std::thread::Builder::new().name("log flush".to_owned()).spawn(move || {
            drop(thread);
            let _ = flushed.send(());
        });
        if flushing.is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

/// Opens standard error without the standard library's lock, which a blocked write would hold.
fn standard_error() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(descriptor) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() {
        return Box::new(std::fs::File::from(descriptor));
    }
    Box::new(io::stderr())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, ExitCode};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::process::Mode;

    /// Present where this binary is run as the program of a test.
    const PROGRAM: &str = "SHARED_TEST_PROGRAM";

    #[test]
    #[ignore = "the program that `a_panic_and_the_final_error_are_a_line_of_json_each` runs"]
    fn program() {
        if std::env::var_os(PROGRAM).is_none() {
            return;
        }
        let _: ExitCode = crate::process::run(Mode::Service, "info", async {
            tracing::info!("begins");
            assert!(std::thread::spawn(|| panic!("two\nlines")).join().is_err());
            crate::process::report(&io::Error::other("a \"quoted\"\ncause"), |_| false)
        });
    }

    #[test]
    fn a_panic_and_the_final_error_are_a_line_of_json_each() {
        for backtrace in ["0", "1"] {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "telemetry::tests::program", "--ignored", "--nocapture"]);
            command.env_clear().envs([(PROGRAM, ""), ("RUST_BACKTRACE", backtrace)]);
            let output = String::from_utf8(command.output().unwrap().stderr).unwrap();
            let event = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{output}"));
            let events: Vec<Value> = output.lines().map(event).collect();
            let [begin, panic, error] = &events[..] else { panic!("{output}") };
            let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
            assert_eq!(begin["message"], "begins");
            assert_eq!(
                (text(panic, "level"), text(error, "level")),
                ("ERROR".to_owned(), "ERROR".to_owned())
            );
            let message = text(panic, "message");
            assert!(message.contains(file!()) && message.ends_with("two\nlines"), "{message}");
            assert_eq!(panic["backtrace"].is_string(), backtrace == "1");
            assert_eq!(error["message"], "a \"quoted\" cause");
            // As the subscriber writes it.
            for event in [begin, panic, error] {
                assert_eq!(text(event, "timestamp").len(), "2026-01-01T00:00:00.000000Z".len(), "{event}");
            }
        }
    }

    #[test]
    fn a_person_reads_the_text_alone() {
        let event = || Event { level: Level::ERROR, target: "x", message: "cause", field: None };
        assert_eq!(Form::Text.line("error: cause", event()), "error: cause\n");
        assert!(Form::Json.line("error: cause", event()).contains(r#""message":"cause""#));
    }

    const SOON: Duration = Duration::from_secs(20);

    /// A sink that reads nothing until its sender is dropped.
    struct Stalled {
        until: Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stalled {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            let _ = self.until.recv();
            self.read.lock().unwrap().extend_from_slice(piece);
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (Log, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (go, until) = channel();
        let read = Arc::default();
        (Log::new(Stalled { until, read: Arc::clone(&read) }, Form::Text), go, read)
    }

    fn text(read: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(read.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_flush_writes_every_line_whole_and_in_order() {
        let (log, go, read) = log();
        let lines: Vec<String> = (0..QUEUED_LINES / 2).map(|number| format!("{number}\n")).collect();
        for line in &lines {
            log.lines.make_writer().write_all(line.as_bytes()).unwrap();
        }
        let event = Event { level: Level::ERROR, target: "x", message: "last", field: None };
        log.write("last", event);
        drop(go);
        log.flush(SOON);
        assert_eq!(text(&read), lines.concat() + "last\n");
    }

    #[test]
    fn a_stalled_reader_delays_neither_the_program_nor_its_end_and_its_lost_lines_are_counted() {
        let (log, go, read) = log();
        let written = 3 * QUEUED_LINES;
        for _ in 0..written {
            log.lines.make_writer().write_all(b"x\n").unwrap();
        }
        let dropped = log.lines.error_counter().dropped_lines();
        // One more may be with the writing thread.
        assert!((written - QUEUED_LINES - 1..=written - QUEUED_LINES).contains(&dropped), "{dropped}");
        let start = Instant::now();
        log.flush(Duration::from_millis(10));
        assert!(start.elapsed() < SOON);
        assert_eq!(text(&read), "");
        drop(go);
    }
}
