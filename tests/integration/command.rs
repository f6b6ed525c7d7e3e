//! Runs programs that the tests need from the machine, and skips tests if one is missing.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long an installation or a script may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs a program and returns its output; an error holds the reason and all output.
pub(crate) async fn run(command: &mut Command) -> Result<String, String> {
    run_within(PATIENCE, command).await
}

/// Like [`run`], with a time limit of its own.
pub(crate) async fn run_within(limit: Duration, command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(limit, output).await;
    let output = output.map_err(|_| format!("did not end within {limit:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(said(&output.stdout) + &said(&output.stderr))
    }
}

/// Variables that programs need, and that no library takes an endpoint from.
const KEPT: [&str; 5] = ["PATH", "HOME", "TMPDIR", "SystemRoot", "TEMP"];

/// A program in an environment without variables that could send libraries to an endpoint.
pub(crate) fn undirected(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let kept = KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(kept).env("NO_PROXY", "localhost,127.0.0.1");
    command
}

/// Runs a script that must succeed.
pub(crate) async fn run_script(command: &mut Command) -> String {
    run(command).await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Whether [`installed`] marked the folder with these requirements.
pub(crate) fn is_installed(folder: &Path, requirements: &str) -> bool {
    std::fs::read_to_string(folder.join(MARKER)).is_ok_and(|installed| installed == requirements)
}

/// Marks a folder as having these requirements installed, for the next run of the tests.
pub(crate) fn installed(folder: &Path, requirements: &str) {
    std::fs::write(folder.join(MARKER), requirements).unwrap();
}

const MARKER: &str = "installed.txt";

/// Reports a skipped test with its reason; fails in CI.
pub(crate) fn skipped<T>(reason: &str) -> Option<T> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "CI has to run these tests: {reason}");
    // Not `eprintln!`, which the test harness captures and hides if the test passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: {reason}").unwrap();
    None
}
