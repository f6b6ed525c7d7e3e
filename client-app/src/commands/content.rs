//! The argument `--content`.

use std::io::Read;

use entra_shared::resource::Content;
use entra_shared::settings::{KeyProblem, SettingsError};

/// The largest content that is read, in bytes; the API accepts 64 KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// Parses `--content`: JSON, `@` and the path of a JSON file, or `-` for standard input.
pub(super) fn parse(argument: &str) -> Result<Content, SettingsError> {
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
    fn content_is_json_or_read_from_a_file() {
        assert_eq!(parse(r#"{"answer": 42}"#).unwrap().as_str(), r#"{"answer": 42}"#);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1, 2]\n").unwrap();
        assert_eq!(parse(&format!("@{}", file.path().display())).unwrap().as_str(), "[1, 2]");
    }

    #[test]
    fn an_error_fits_one_line_and_quotes_no_content() {
        for (argument, expected) in [
            ("{canary", "`--content`: not JSON (line 1, column 2)"),
            ("", "`--content`: not JSON"),
            ("@/nowhere", "`--content`: /nowhere: "),
        ] {
            let error = parse(argument).unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains("canary"), "{error}");
        }
    }
}
