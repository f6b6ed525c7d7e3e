//! Logs: text on a terminal, one JSON object a line elsewhere, always on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for this process, as `RUST_LOG` says, `info` where it says nothing.
///
/// Standard output is left to what a command was asked to print.
pub fn init() {
    // The verifier of certificates logs each refusal as an error of its own; whoever asked reports it.
    init_with_default("info,rustls_platform_verifier=off");
}

/// Starts logging with another default than `info`, for a program whose output is a report to a person.
pub fn init_with_default(default: &str) {
    let variable = std::env::var("RUST_LOG").unwrap_or_default();
    let wanted = variable.parse::<Targets>();
    let malformed = wanted.is_err();
    let filter =
        wanted.ok().filter(|_| !variable.is_empty()).or_else(|| default.parse().ok()).unwrap_or_default();
    // A log whose reader is gone must not end what the process is there for.
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let layer = if io::stderr().is_terminal() {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    };
    // A second call in one process is harmless: the first subscriber stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if malformed {
        tracing::warn!("RUST_LOG is malformed and counts as unset; it is like `info,shared=debug`");
    }
}
