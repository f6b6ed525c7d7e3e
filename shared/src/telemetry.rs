//! Logs: text on a terminal, one JSON object a line elsewhere, always on standard error.
//!
//! [`crate::process::run`] starts logging and writes the last lines out, so that no program can forget either.

mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use lines::{Form, Lines};

/// What is logged where `RUST_LOG` says nothing.
///
/// The verifier of certificates logs each refusal as an error of its own; whoever asked reports it.
pub const INFO: &str = "info,rustls_platform_verifier=off";

/// The log of this process, as there is one standard error.
static LOG: OnceLock<Lines> = OnceLock::new();

/// Starts logging for this process, as `RUST_LOG` says, or as `default` does where it says nothing.
///
/// Standard output is left to what a command was asked to print.
pub(crate) fn start(default: &str) {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let wanted = variable.parse::<Targets>();
    let malformed = wanted.is_err();
    let filter =
        wanted.ok().filter(|_| !variable.is_empty()).or_else(|| default.parse().ok()).unwrap_or_default();
    let form = if io::stderr().is_terminal() { Form::Text } else { Form::Json };
    let lines = LOG.get_or_init(|| Lines::written_to(lines::standard_error(), form)).clone();
    log_panics(lines.clone());
    // A log whose reader is gone must not end what the process is there for.
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).log_internal_errors(false);
    let layer = match form {
        Form::Text => layer.boxed(),
        Form::Json => layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    // A second call in one process is harmless: the first subscriber stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if malformed {
        tracing::warn!("RUST_LOG is malformed and counts as unset; it is like `info,shared=debug`");
    }
}

/// Writes a line for a person beside the log, in its place among the log's lines.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    match LOG.get() {
        Some(lines) => lines.push(line.as_bytes()),
        // Not `eprintln!`, which panics when the reader has gone.
        None => drop(io::stderr().write_all(line.as_bytes())),
    }
}

/// Waits until all lines are written, or their reader has stopped reading.
pub(crate) fn flush() {
    if let Some(lines) = LOG.get() {
        lines.flush(lines::PATIENCE);
    }
}

/// Says where a thread panicked, as the standard library would, but without waiting for the log's reader.
fn log_panics(lines: Lines) {
    std::panic::set_hook(Box::new(move |panic| {
        let mut text = format!("{panic}\n");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text = format!("{text}{backtrace}\n");
        }
        lines.push(text.as_bytes());
    }));
}
