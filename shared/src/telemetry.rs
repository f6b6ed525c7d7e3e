//! Logs: text on a terminal, one JSON object a line elsewhere, always on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Starts logging for this process, as `RUST_LOG` says, `info` where it says nothing.
///
/// Standard output is left to what a command was asked to print.
pub fn init() {
    // The verifier of certificates logs each refusal as an error of its own; whoever asked reports it.
    init_with_default("info,rustls_platform_verifier=off");
}

/// Starts logging with another default than `info`, for a program whose output is a report to a person.
pub fn init_with_default(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // A log whose reader is gone must not end what the process is there for.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    // A second call in one process is harmless: the first subscriber stays.
    let _ = if io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    };
}
