//! `resource-app explain`.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use entra_guard::explain::Verdict;
use http_shell::process::{self, UNUSABLE_SETTINGS, print};
use resource_app::Settings;

use crate::arguments::Explain;

/// Largest input in bytes: as much as the largest request header.
const MAX_BYTES: u64 = 64 * 1024;

/// Prints every check of a token; the exit code tells whether the app accepts it.
pub(crate) async fn explain(settings: &Settings, arguments: &Explain) -> anyhow::Result<ExitCode> {
    let token = match read(arguments) {
        Ok(token) => token,
        Err(error) => {
            // Any failure here means that the input is unusable, so the exit code is 2.
            let _ = process::report(error.as_ref(), |_| false);
            return Ok(ExitCode::from(UNUSABLE_SETTINGS));
        }
    };
    let report = resource_app::explain(settings, &token).await?;
    let text =
        if arguments.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    print(&text)?;
    Ok(if report.verdict == Verdict::Accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(arguments: &Explain) -> anyhow::Result<String> {
    let text = match &arguments.file {
        Some(file) => read_file(file).with_context(|| format!("cannot read {}", file.display())),
        None => read_standard_input().context("cannot read standard input"),
    }?;
    let text = text.trim();
    // Accepts a header copied from a request.
    let token = text.strip_prefix("Authorization:").unwrap_or(text).trim_start();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    anyhow::ensure!(!token.is_empty(), "there is no token; pass one on standard input or in a file");
    Ok(token.to_owned())
}

fn read_file(file: &Path) -> anyhow::Result<String> {
    read_from(File::open(file)?)
}

fn read_standard_input() -> anyhow::Result<String> {
    let input = io::stdin();
    if input.is_terminal() {
        eprintln!("Paste the token, then Enter and Ctrl-D.");
    }
    read_from(input.lock())
}

fn read_from(source: impl Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= MAX_BYTES, "larger than 64 KiB, so it cannot be a token");
    String::from_utf8(bytes).ok().context("not valid UTF-8")
}
