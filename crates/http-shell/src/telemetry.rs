//! Logs to standard error: one JSON object a line for services, text at a terminal and for one-shot commands.
//!
//! A panic, and what a program says of itself beside its log, has the same form.
//!
//! [`crate::process::run`] starts logging and writes the last lines out, so that no program can forget either.

mod form;
mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use form::{Event, Form};

use lines::Lines;

/// What is logged where `RUST_LOG` says nothing.
///
/// The verifier of certificates logs each refusal as an error of its own; whoever asked reports it.
pub const INFO: &str = "info,rustls_platform_verifier=off";

/// The log of this process, as there is one standard error.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug, Clone)]
struct Log {
    lines: Lines,
    form: Form,
}

/// Starts logging for this process in this form, with the filter of `RUST_LOG`, or else with `default`.
///
/// Standard output is left to what a command was asked to print.
pub(crate) fn start(default: &str, form: Form) {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let wanted = variable.parse::<Targets>();
    let malformed = wanted.is_err();
    let filter =
        wanted.ok().filter(|_| !variable.is_empty()).or_else(|| default.parse().ok()).unwrap_or_default();
    let log =
        LOG.get_or_init(|| Log { lines: Lines::written_to(lines::standard_error(), form), form }).clone();
    let lines = log.lines.clone();
    log_panics(log);
    // A log whose reader is gone must not end what the process is there for.
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).log_internal_errors(false);
    let layer = match form {
        Form::Text if io::stderr().is_terminal() => layer.boxed(),
        Form::Text => layer.with_ansi(false).boxed(),
        Form::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    // A second call in one process is harmless: the first subscriber stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if malformed {
        tracing::warn!("RUST_LOG is malformed and counts as unset; it is like `info,shared=debug`");
    }
}

/// Writes a line beside the log, in its place among the log's lines: the text for a person, the event otherwise.
///
/// It is written whatever `RUST_LOG` says.
pub(crate) fn say(text: &str, event: Event<'_>) {
    match LOG.get() {
        Some(log) => log.say(text, event),
        // Not `eprintln!`, which panics when the reader has gone.
        None => drop(io::stderr().write_all(Form::Text.line(text, event).as_bytes())),
    }
}

/// Waits until all lines are written, or their reader has not read for so long.
pub(crate) fn flush(patience: Duration) {
    if let Some(log) = LOG.get() {
        log.lines.flush(patience);
    }
}

impl Log {
    fn say(&self, text: &str, event: Event<'_>) {
        self.lines.push(self.form.line(text, event).as_bytes());
    }

    /// Says where a thread panicked, as the standard library would, or as an event with the same words.
    fn say_panic(&self, panic: &PanicHookInfo<'_>) {
        let message = panic.to_string();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        let text = backtrace.as_ref().map_or_else(|| message.clone(), |trace| format!("{message}\n{trace}"));
        let field = backtrace.map(|trace| ("backtrace", trace.into()));
        self.say(&text, Event { level: Level::ERROR, target: module_path!(), message: &message, field });
    }
}

/// Has panics said in the log's form, without waiting for the log's reader.
fn log_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| log.say_panic(panic)));
}

#[cfg(test)]
mod tests {
    use std::process::{Command, ExitCode};

    use serde_json::Value;
    use tracing::Level;

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
}
