//! Starts and ends a program, with its log, signals, exit codes, and the error that it ends with.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::InvalidSetting;
use crate::redaction::without_credentials;
use crate::telemetry::{self, Event, Form};

/// The exit code of a program that failed while running.
pub const FAILED: u8 = 1;
/// The exit code of a program with unusable settings or arguments.
pub const UNUSABLE_SETTINGS: u8 = 2;

/// The exit code after a second signal, as a shell reports an interrupt.
const ENDED_BY_SIGNAL: i32 = 130;

/// How long a program that ends waits for a stalled reader of its log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for flushing the log after a second signal. It is enough for the last lines if the log is read at all.
const SHORT_FLUSH_TIMEOUT: Duration = Duration::from_millis(10);

/// How long abandoned blocking work, such as reading a file, may delay the end of a program.
const BLOCKING_WORK_TIMEOUT: Duration = Duration::from_millis(500);

/// How a program runs, which determines the format of its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Serves until it is stopped. Writes one JSON object a line, for a log collector, or text at a terminal.
    Service,
    /// Does one thing and ends. Writes text, for a person, even if its standard error is no terminal.
    OneShot,
}

impl Mode {
    fn form(self) -> Form {
        match self {
            Self::Service if !io::stderr().is_terminal() => Form::Json,
            Self::Service | Self::OneShot => Form::Text,
        }
    }
}

/// Runs a program with a log, and flushes the log at the end.
///
/// `log` is the filter unless `RUST_LOG` sets one. Each `main` is this one call, so that no program can lose its last
/// lines, which tell why it ended.
pub fn run(mode: Mode, log: &str, program: impl Future<Output = ExitCode>) -> ExitCode {
    telemetry::start(log, mode.form());
    let code = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(program);
            runtime.shutdown_timeout(BLOCKING_WORK_TIMEOUT);
            code
        }
        Err(error) => report(&error, |_| false),
    };
    telemetry::flush(FLUSH_TIMEOUT);
    code
}

/// Writes the error that ends the program to standard error, in one line of the log's form, and returns the exit code.
///
/// The code is [`UNUSABLE_SETTINGS`] if the error or one of its sources is an [`InvalidSetting`], or `is_unusable` for
/// it, and [`FAILED`] otherwise.
#[must_use]
pub fn report(error: &(dyn Error + 'static), is_unusable: fn(&(dyn Error + 'static)) -> bool) -> ExitCode {
    let message = one_line(error);
    write_line(&format!("error: {message}"), Level::ERROR, &message);
    if sources(error).any(|cause| cause.is::<InvalidSetting>() || is_unusable(cause)) {
        ExitCode::from(UNUSABLE_SETTINGS)
    } else {
        ExitCode::from(FAILED)
    }
}

/// Writes a command's output to standard output.
///
/// # Errors
/// Standard output is closed; `print!` would panic then.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}

/// Writes to standard error what the program is waiting for.
pub fn progress(what: &str) {
    write_line(&format!("{what} ..."), Level::INFO, what);
}

fn write_line(text: &str, level: Level, message: &str) {
    telemetry::say(text, Event { level, target: module_path!(), message, field: None });
}

/// Returns the error and its sources in one line, outermost first, without a token that was set as the name of a file.
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
    without_credentials(&line.replace(['\r', '\n'], " "))
}

fn sources<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Changes at each `SIGHUP`.
static RELOAD: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::Sender::new(()));

/// Returns a receiver that notices each `SIGHUP`, which asks to reread files that others rotate.
///
/// Only a program that called [`shutdown_on_signal`] receives the signal; any other is ended by it.
#[must_use]
pub fn reload_requests() -> watch::Receiver<()> {
    RELOAD.subscribe()
}

/// Calls `reread` at each `SIGHUP`, on a task of this runtime.
pub fn on_reload(reread: impl Fn() + Send + 'static) {
    let mut requests = reload_requests();
    tokio::spawn(async move {
        while requests.changed().await.is_ok() {
            reread();
        }
    });
}

/// Returns a token that is cancelled at the first `SIGINT` or `SIGTERM`; a second one ends the process at once.
///
/// # Errors
/// The operating system refuses to report signals.
pub fn shutdown_on_signal() -> std::io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let cancel = shutdown.clone();
    // Signals have a thread of their own, so that blocked threads cannot keep the process alive.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _guard = runtime.enter();
        Signals::new()?
    };
    let watch = async move {
        signals.next().await;
        cancel.cancel();
        signals.next().await;
        telemetry::flush(SHORT_FLUSH_TIMEOUT);
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
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that ends the program, and answers those that do not.
    async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => {
                    tracing::info!("SIGHUP: rereading certificates, keys and trusted certificates, but not the settings");
                    RELOAD.send_replace(());
                }
            }
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
        // If Ctrl-C cannot be watched, only the parent process can stop this one.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
