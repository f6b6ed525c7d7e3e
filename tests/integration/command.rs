//! Programs of this machine that the tests cannot do without, and what happens where they are missing.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long libraries may take to install, or a script to run.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a program says; where it fails or takes too long, why, and all that it said.
pub(crate) async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output).await;
    let output = output.map_err(|_| format!("did not end within {PATIENCE:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(said(&output.stdout) + &said(&output.stderr))
    }
}

/// What this machine's programs cannot do without, and no library takes for a place to go to.
const KEPT: [&str; 5] = ["PATH", "HOME", "TMPDIR", "SystemRoot", "TEMP"];

/// A program with an environment in which nothing but what the test says tells the libraries where to go.
pub(crate) fn undirected(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let kept = KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(kept).env("NO_PROXY", "localhost,127.0.0.1");
    command
}

/// Runs a script, which has to succeed.
pub(crate) async fn run_script(command: &mut Command) -> String {
    run(command).await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Whether a folder has what these requirements ask for; [`installed`] says so.
pub(crate) fn is_installed(folder: &Path, requirements: &str) -> bool {
    std::fs::read_to_string(folder.join(MARKER)).is_ok_and(|installed| installed == requirements)
}

/// Keeps what was installed into a folder, for the next run of the tests.
pub(crate) fn installed(folder: &Path, requirements: &str) {
    std::fs::write(folder.join(MARKER), requirements).unwrap();
}

const MARKER: &str = "installed.txt";

/// Says that nothing is tested here, and why; in CI that is a failure.
pub(crate) fn skipped<T>(reason: &str) -> Option<T> {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "CI has to run these tests: {reason}");
    // Not `eprintln!`, which the test harness keeps to itself where a test passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: {reason}").unwrap();
    None
}
