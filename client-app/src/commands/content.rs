//! The content of a resource, as the command line names it.

use std::io::Read;

use entra_shared::resource::Content;
use entra_shared::settings::{KeyProblem, SettingsError};

/// The most bytes that are read; the API takes 64 KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads `--content`: JSON, `@` and the name of a file that holds it, or `-` for standard input.
///
/// # Errors
/// There is nothing to read, or it is not JSON.
pub fn content(argument: &str) -> Result<Content, SettingsError> {
    let problem = |text: String| KeyProblem::new("--content", text);
    let text = match argument.strip_prefix('@') {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| problem(format!("{path}: {error}")))?;
            read(file).map_err(|error| problem(format!("{path}: {error}")))?
        }
        None if argument == "-" => {
            read(std::io::stdin().lock()).map_err(|error| problem(format!("standard input: {error}")))?
        }
        None => argument.to_owned(),
    };
    Content::parse(text).map_err(|error| {
        problem(format!("not JSON (line {}, column {})", error.line(), error.column())).into()
    })
}

fn read(source: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_json_or_in_a_file() {
        assert_eq!(content(r#"{"answer": 42}"#).unwrap().as_str(), r#"{"answer": 42}"#);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1, 2]\n").unwrap();
        assert_eq!(content(&format!("@{}", file.path().display())).unwrap().as_str(), "[1, 2]");
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (argument, expected) in [
            ("{canary", "`--content`: not JSON (line 1, column 2)"),
            ("", "`--content`: not JSON"),
            ("@/nowhere", "`--content`: /nowhere: "),
        ] {
            let error = content(argument).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("canary"), "{error}");
        }
    }
}
