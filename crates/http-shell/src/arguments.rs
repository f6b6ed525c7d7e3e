//! Parses a program's arguments without repeating what must not be seen.
//!
//! Other users of a machine can see a program's arguments, and logs keep error messages. So a token or a private key is
//! no argument, and an error of the command line shows no value.

use std::ffi::OsString;
use std::process::exit;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::process::UNUSABLE_SETTINGS;
use crate::redaction::holds_credential;

/// The text in place of a value that an error must not show.
const HIDDEN: &str = "…";

/// Parses the arguments of this process.
///
/// Ends the process with exit code 2 if they are wrong, and with 0 after printing the help or the version.
#[must_use]
pub fn parse<A: Parser>() -> A {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let shows_credential = |argument: &OsString| holds_credential(&argument.to_string_lossy());
    if let Some(number) = arguments.iter().skip(1).position(shows_credential) {
        eprintln!(
            "error: argument {} contains a token or a private key, which other users of this machine can see; pass it on standard input or in a file",
            number + 1
        );
        exit(UNUSABLE_SETTINGS.into());
    }
    A::try_parse_from(arguments).unwrap_or_else(|error| without_values(error).exit())
}

/// Hides the values in an error of the command line; names of options and of commands stay.
fn without_values(mut error: clap::Error) -> clap::Error {
    let is_option =
        |value: &ContextValue| matches!(value, ContextValue::String(text) if text.starts_with('-'));
    // A value where none belongs is an "argument" to clap. An option's name ends before its `=`.
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let is_value = |(kind, value): (ContextKind, &ContextValue)| match kind {
        ContextKind::InvalidValue | ContextKind::InvalidSubcommand => true,
        ContextKind::InvalidArg => is_unknown && !is_option(value),
        _ => false,
    };
    let hidden: Vec<_> = error.context().filter(|&context| is_value(context)).map(|(kind, _)| kind).collect();
    // A tip tells how to pass the value after `--`.
    if hidden.contains(&ContextKind::InvalidArg) {
        error.remove(ContextKind::Suggested);
    }
    for kind in hidden {
        error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(subcommand)]
        command: Option<Command>,
    }

    #[derive(Debug, Subcommand)]
    enum Command {
        /// Takes a number and a word.
        Take {
            #[arg(long)]
            number: Option<u32>,
            #[arg(long, value_parser = ["a", "b"])]
            word: Option<String>,
        },
    }

    #[test]
    fn an_error_shows_no_value() {
        for arguments in [
            &["canary"][..],
            &["take", "canary"],
            &["take", "--number", "canary"],
            &["take", "--number=canary"],
            &["take", "--word", "canary"],
            &["take", "--nmber=canary"],
            &["take", "--number", "1", "--number", "canary"],
            &["--", "canary"],
            &["take", "--", "canary"],
        ] {
            let all = std::iter::once("program").chain(arguments.iter().copied());
            let error = without_values(Arguments::try_parse_from(all).unwrap_err());
            let text = error.render().to_string();
            assert!(text.starts_with("error: ") && !text.contains("canary"), "{arguments:?}: {text}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn an_error_still_names_what_was_meant() {
        let text = |arguments: &[&str]| {
            let all = std::iter::once("program").chain(arguments.iter().copied());
            without_values(Arguments::try_parse_from(all).unwrap_err()).render().to_string()
        };
        for (arguments, expected) in [
            (&["tke"][..], "'take'"),
            (&["take", "--nmber", "1"], "'--number'"),
            (&["take", "--number", "x"], "'--number <NUMBER>'"),
            (&["take", "--word", "x"], "possible values: a, b"),
        ] {
            assert!(text(arguments).contains(expected), "{}", text(arguments));
        }
    }
}
