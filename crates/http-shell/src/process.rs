//! What every binary does at its start and end: signals, exit codes, and what it says of itself.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::InvalidSetting;
use crate::telemetry::{self, Event};

/// The exit code for something that failed while running.
pub const FAILED: u8 = 1;
/// The exit code for unusable settings or arguments.
pub const UNUSABLE_SETTINGS: u8 = 2;

/// The exit code after a second signal: what a shell makes of an interrupt.
const ENDED_BY_SIGNAL: i32 = 130;

/// How long the end of a program waits for a reader of its log that takes nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same where the end is to be at once: the last lines are written by then if anybody reads.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How long work that nothing waits for any more, such as a file being read, may keep a program from ending.
const BLOCKING_WORK: Duration = Duration::from_millis(500);

/// Runs a program: starts its log, with this filter where `RUST_LOG` sets none, and writes its last lines out.
///
/// Each `main` is this one call, so that none forgets the lines that say why it ended.
pub fn run(log: &str, program: impl Future<Output = ExitCode>) -> ExitCode {
    telemetry::start(log);
    let code = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(program);
            runtime.shutdown_timeout(BLOCKING_WORK);
            code
        }
        Err(error) => report(&error, |_| false),
    };
    telemetry::flush(PATIENCE);
    code
}

/// Says on standard error, in one line of the log's form, why the process ends, and picks its exit code.
///
/// An [`InvalidSetting`] anywhere in the chain, or a cause for which `is_unusable` returns true, makes it 2; everything
/// else 1.
#[must_use]
pub fn report(error: &(dyn Error + 'static), is_unusable: fn(&(dyn Error + 'static)) -> bool) -> ExitCode {
    let message = one_line(error);
    say(&format!("error: {message}"), Level::ERROR, &message);
    if sources(error).any(|cause| cause.is::<InvalidSetting>() || is_unusable(cause)) {
        ExitCode::from(UNUSABLE_SETTINGS)
    } else {
        ExitCode::from(FAILED)
    }
}

/// Says on standard error what the program is busy with, for whoever waits.
pub fn progress(what: &str) {
    say(&format!("{what} ..."), Level::INFO, what);
}

fn say(text: &str, level: Level, message: &str) {
    telemetry::say(text, Event { level, target: module_path!(), message, field: None });
}

/// An error with all its sources, outermost first, in one line.
fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for text in sources(error).map(ToString::to_string) {
        // Some errors repeat their source in their own text.
        if !line.ends_with(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    line.replace(['\r', '\n'], " ")
}

fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// A token that is cancelled at the first `SIGINT` or `SIGTERM`; a second one ends the process at once.
///
/// # Errors
/// The operating system refuses to report signals.
pub fn shutdown_on_signal() -> std::io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let cancel = shutdown.clone();
    // Signals have a thread that does nothing else, so that whatever the others wait for cannot keep the process.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _guard = runtime.enter();
        Signals::new()?
    };
    let watch = async move {
        signals.next().await;
        cancel.cancel();
        signals.next().await;
        telemetry::flush(AT_ONCE);
        std::process::exit(ENDED_BY_SIGNAL);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch))?;
    let begun = shutdown.clone();
    tokio::spawn(async move {
        begun.cancelled().await;
        tracing::info!("shutting down; a second signal ends the process at once");
    });
    Ok(shutdown)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        // Where Ctrl-C cannot be watched, the process is ended by whoever started it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
