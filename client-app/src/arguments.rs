//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use entra_shared::ids::AppRole;
use uuid::Uuid;

const EXAMPLES: &str = "\
Examples:
  The secret comes from the environment or a file, never from an argument:
    export AZURE_CLIENT_SECRET=development-only-demo-client-secret HTTP_CLIENT__CA_FILE=ca.pem
    client-app write --name first --content '{\"answer\": 42}'
    client-app read
    client-app token
    client-app doctor
    client-app serve

  With a real tenant:
    export AZURE_AUTHORITY_HOST=https://login.microsoftonline.com
    export AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=...
    RESOURCE__APP_ID_URI=api://... client-app token

Exit codes: 0 done, 1 failed while running, 2 unusable settings or arguments.";

/// Acquires access tokens with the client credentials grant and calls the resource.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A file that replaces the default settings; environment variables win over both.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the web service that calls the resource with this client's token (the default).
    ///
    /// It does not authenticate its callers, so it listens on loopback unless `server.listen` is set to another address.
    #[command(after_help = "\
Examples:
  client-app serve
  curl http://localhost:5002/api/resources
  SERVER__LISTEN=127.0.0.1:6002 client-app serve")]
    Serve,
    /// Print one resource, or a page of them, as JSON.
    #[command(after_help = "\
Examples:
  client-app read
  client-app read --limit 10
  client-app read --limit 10 --after \"$NEXT\"     NEXT is the previous page's `next`; the last page has none
  client-app read 0190163d-8694-739b-aea5-966c26f8ad91")]
    Read {
        /// The resource to read; all of them by default.
        #[arg(value_name = "ID", conflicts_with_all = ["limit", "after"])]
        id: Option<Uuid>,
        /// The maximum number of resources to print.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// The `next` of the previous page.
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
    },
    /// Create a resource, or replace one, and print it as JSON.
    #[command(after_help = "\
Examples:
  client-app write --name first --content '{\"answer\": 42}'
  client-app write --name second --content @content.json --idempotency-key k-4711
  echo '[1, 2, 3]' | client-app write --name third --content -
  client-app write --id 0190163d-8694-739b-aea5-966c26f8ad91 --if-match '\"1\"' \\
    --name first --content 43")]
    Write(Write),
    /// Print the claims of a token (decoded, not verified), or the token itself.
    #[command(after_help = "\
Examples:
  client-app token
  client-app token | jq .roles
  curl --header \"Authorization: Bearer $(client-app token --raw)\" \\
    http://localhost:5001/api/resources")]
    Token {
        /// Print only the token. Anyone who sees it can use it until it expires.
        #[arg(long)]
        raw: bool,
    },
    /// Diagnose access to the resource: credential, authority, clock, token, roles; each failure comes with its fix.
    ///
    /// It acquires one token, which it never prints, and calls the resource's `GET /openapi.json` and
    /// `GET /api/caller` once each. The exit code is 0 if no check failed, and 1 otherwise.
    #[command(after_help = "\
Examples:
  client-app doctor
  client-app doctor --json | jq '.checks[] | select(.outcome == \"fail\")'
  client-app doctor --needs Resource.Read     for a client that only reads")]
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// A role that this client needs, instead of every role in the resource's description; may be repeated.
        #[arg(long, value_name = "ROLE")]
        needs: Vec<AppRole>,
    },
    /// Check whether the running web service with the same settings is ready; exit code 0 or 1.
    #[command(after_help = "\
Examples:
  client-app healthcheck
  SERVER__LISTEN=127.0.0.1:6002 client-app healthcheck")]
    Healthcheck,
}

#[derive(Debug, Args)]
pub(crate) struct Write {
    /// The resource's name, 1 to 200 characters.
    #[arg(long)]
    pub(crate) name: String,
    /// The resource's content: JSON, a file as @FILE, or - for standard input.
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) content: String,
    /// Replace this resource instead of creating one.
    #[arg(long, value_name = "ID", requires = "if_match", conflicts_with = "idempotency_key")]
    pub(crate) id: Option<Uuid>,
    /// The version to replace: the `etag` printed by `read`.
    #[arg(long, value_name = "ETAG", requires = "id")]
    pub(crate) if_match: Option<String>,
    /// Create the resource only once, even if the command is repeated with this key.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_takes_no_secret() {
        let mut command = Arguments::command();
        command.build();
        command.clone().debug_assert();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            assert!(command.get_arguments().all(|argument| !argument.get_id().as_str().contains("secret")));
        }
    }

    #[test]
    fn a_replacement_names_the_version_it_replaces() {
        let write = |rest: &[&str]| {
            let all = [&["client-app", "write", "--name", "n", "--content", "-1"], rest].concat();
            Arguments::try_parse_from(all).map(|arguments| match arguments.command {
                Some(Command::Write(write)) => (write.id, write.if_match),
                other => panic!("{other:?}"),
            })
        };
        let id = Uuid::nil().to_string();
        assert_eq!(write(&[]).unwrap(), (None, None));
        let replaced = (Some(Uuid::nil()), Some("\"1\"".to_owned()));
        assert_eq!(write(&["--id", &id, "--if-match", "\"1\""]).unwrap(), replaced);
        for wrong in [
            &["--id", &id][..],
            &["--if-match", "x"],
            &["--id", &id, "--if-match", "x", "--idempotency-key", "k"],
        ] {
            assert!(write(wrong).is_err(), "{wrong:?}");
        }
    }
}
