//! `resource-app explain`.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use entra_guard::explain::Verdict;
use entra_shared::settings::SettingsError;
use http_shell::process::print;
use resource_app::Settings;

use crate::arguments::Explain;

/// The largest input in bytes, which is as much as the largest request header.
const MAX_BYTES: usize = 64 * 1024;

/// Prints every check of a token; the exit code tells whether the app accepts it.
pub(crate) async fn explain(settings: &Settings, arguments: &Explain) -> anyhow::Result<ExitCode> {
    let file = arguments.file.as_deref().filter(|file| *file != Path::new("-"));
    let token = read_token(file)?;
    let report = resource_app::explain(settings, &token).await?;
    let text =
        if arguments.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    print(&text)?;
    Ok(if report.verdict == Verdict::Accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the token from a file or from standard input.
///
/// # Errors
/// The input is unusable, which ends the program with 2, like unusable settings.
fn read_token(file: Option<&Path>) -> Result<String, SettingsError> {
    let name = file.map_or_else(|| "standard input".to_owned(), |file| file.display().to_string());
    let unusable = |problem: &str| SettingsError::File { file: name.clone(), problem: problem.to_owned() };
    let text = read_input(file).map_err(|error| unusable(&error.to_string()))?;
    if text.len() > MAX_BYTES {
        return Err(unusable("larger than 64 KiB, so it cannot be a token"));
    }
    let text = text.trim();
    // Accepts a header copied from a request.
    let token = text.strip_prefix("Authorization:").unwrap_or(text).trim_start();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    if token.is_empty() {
        return Err(unusable("there is no token; pass one on standard input or in a file"));
    }
    Ok(token.to_owned())
}

fn read_input(file: Option<&Path>) -> io::Result<String> {
    let Some(file) = file else {
        if io::stdin().is_terminal() {
            eprintln!("Paste the token, then Enter and Ctrl-D.");
        }
        return io::read_to_string(io::stdin().lock().take(MAX_BYTES as u64 + 1));
    };
    io::read_to_string(File::open(file)?.take(MAX_BYTES as u64 + 1))
}
