//! Errors in the settings, with the file or variable that a faulty setting comes from.

use std::path::Path;

use config::{Config, ConfigError, Value, ValueKind};

use super::problem::{KeyProblem, variable_of};

/// The ends of keys that hold secrets.
const SECRETS: [&str; 5] = ["secret", "password", "value", "header", "token"];

/// Parts of tokens, of private keys and of URLs with a password.
const CREDENTIALS: [&str; 3] = ["eyJ", "PRIVATE KEY", "@"];

/// Why an app refuses to start, in one line that never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read, or is not TOML.
    #[error("{file}: {problem}")]
    File {
        /// The file's path.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The key does not exist.
    #[error("unknown key `{key}` ({origin}){expected}")]
    UnknownKey {
        /// The key, with dots between levels.
        key: String,
        /// The file or variable.
        origin: String,
        /// The existing keys.
        expected: String,
    },
    /// A required key is missing.
    #[error("`{key}` is missing from {file}; set {remedy}")]
    MissingKey {
        /// The key, with dots between levels.
        key: String,
        /// The file without the key.
        file: String,
        /// How to set it.
        remedy: String,
    },
    /// The value is unusable.
    #[error("`{key}` ({origin}): {problem}")]
    Key {
        /// The key, with dots between levels.
        key: String,
        /// The file or variable.
        origin: String,
        /// The problem, and how to fix it.
        problem: String,
    },
    /// The value of a command-line argument is unusable.
    #[error(transparent)]
    Argument(KeyProblem),
}

impl From<KeyProblem> for SettingsError {
    /// Names both places that can set the key, since its origin is not known any more.
    fn from(problem: KeyProblem) -> Self {
        if problem.key.starts_with("--") {
            return Self::Argument(problem);
        }
        let origin = format!("the settings or {}", variable_of(problem.key));
        Self::Key { key: problem.key.to_owned(), origin, problem: problem.problem }
    }
}

pub(super) fn read(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path)
        .map_err(|error| SettingsError::File { file: path.display().to_string(), problem: error.to_string() })
}

/// Parses TOML; an error names the line and leaves the value out.
pub(super) fn parse(name: &str, text: &str) -> Result<toml::Table, SettingsError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        SettingsError::File { file: name.to_owned(), problem: format!("line {line}: {}", error.message()) }
    })
}

/// Knows which file or variable each key came from.
pub(super) struct Origins<'a> {
    config: Config,
    file: String,
    aliases: &'a [(&'static str, &'static str)],
}

impl<'a> Origins<'a> {
    pub(super) fn new(config: Config, file: String, aliases: &'a [(&'static str, &'static str)]) -> Self {
        Self { config, file, aliases }
    }

    /// Converts an error of `config` or serde into a key, its origin and a problem without the value.
    pub(super) fn explain(&self, error: &serde_path_to_error::Error<ConfigError>) -> SettingsError {
        let path = error.path().to_string();
        let below = |name: &str| match path.as_str() {
            "." => name.to_owned(),
            path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
            path => format!("{path}.{name}"),
        };
        let text = match innermost(error.inner()) {
            // config's form of serde's "missing field", with the whole key.
            ConfigError::NotFound(key) => {
                return SettingsError::MissingKey {
                    remedy: self.remedy(key),
                    file: self.file.clone(),
                    key: key.clone(),
                };
            }
            ConfigError::Type { expected, .. } => format!("expected {expected}"),
            ConfigError::Message(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some((name, expected)) = quoted(&text, "unknown field ") {
            let key = below(name);
            let expected =
                expected.strip_prefix(", ").map(|expected| format!("; {}", expected.replace("one of ", "")));
            return SettingsError::UnknownKey {
                origin: self.origin(&key),
                key,
                expected: expected.unwrap_or_default(),
            };
        }
        SettingsError::Key { origin: self.origin(&path), problem: without_value(&text), key: path }
    }

    pub(super) fn locate(&self, problem: KeyProblem) -> SettingsError {
        SettingsError::Key {
            origin: self.origin(problem.key),
            key: problem.key.to_owned(),
            problem: problem.problem,
        }
    }

    /// Returns whether a variable set the key.
    pub(super) fn is_variable(&self, key: &str) -> bool {
        self.value(key).and_then(deepest_origin).is_some()
    }

    /// Lists the settings in one line, each with its variable or file, or `default`. Secrets are hidden.
    pub(super) fn in_force(&self, is_file: bool) -> String {
        let mut entries = Vec::new();
        let unset = if is_file { self.file.as_str() } else { "default" };
        list(&mut entries, "", &self.config.cache, unset);
        entries.sort();
        entries.join(", ")
    }

    fn origin(&self, key: &str) -> String {
        self.value(key).and_then(deepest_origin).unwrap_or_else(|| self.file.clone())
    }

    fn value(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.config.cache, |value, level| match &value.kind {
            // The member of a list has the list's origin.
            ValueKind::Table(table) => table.get(level.split('[').next().unwrap_or(level)),
            _ => Some(value),
        })
    }

    fn remedy(&self, key: &str) -> String {
        let own = variable_of(key);
        let alias =
            self.aliases.iter().find(|(_, target)| *target == key).map(|(name, _)| format!(" or {name}"));
        format!("the variable {own}{}", alias.unwrap_or_default())
    }
}

/// Lists each value below a key, with its variable or `unset`.
fn list(entries: &mut Vec<String>, key: &str, value: &Value, unset: &str) {
    let ValueKind::Table(table) = &value.kind else {
        let origin = value.origin().unwrap_or(unset);
        return entries.push(format!("{key}={} ({origin})", shown(key, value)));
    };
    for (name, member) in table {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        list(entries, &key, member, unset);
    }
}

/// Returns a value in one line, without what may be a secret by its key or its form.
fn shown(key: &str, value: &Value) -> String {
    let joined = |members: &mut dyn Iterator<Item = String>| members.collect::<Vec<_>>().join(", ");
    match &value.kind {
        ValueKind::Table(table) => {
            let mut members = table.iter().map(|(name, member)| format!("{name}={}", shown(name, member)));
            format!("{{{}}}", joined(&mut members))
        }
        ValueKind::Array(array) => {
            format!("[{}]", joined(&mut array.iter().map(|member| shown(key, member))))
        }
        scalar => {
            let text = scalar.to_string();
            let is_secret = SECRETS.iter().any(|name| key.ends_with(name))
                || CREDENTIALS.iter().any(|part| text.contains(part));
            if is_secret { "[hidden]".to_owned() } else { text.escape_debug().to_string() }
        }
    }
}

/// Returns the origin of a value, or of a member if a table has none because a variable created it.
fn deepest_origin(value: &Value) -> Option<String> {
    if let Some(origin) = value.origin() {
        return Some(origin.to_owned());
    }
    match &value.kind {
        ValueKind::Table(table) => table.values().find_map(deepest_origin),
        _ => None,
    }
}

fn innermost(error: &ConfigError) -> &ConfigError {
    match error {
        ConfigError::At { error, .. } => innermost(error),
        other => other,
    }
}

/// Splits "`prefix` `name`rest" into name and rest.
fn quoted<'t>(text: &'t str, prefix: &str) -> Option<(&'t str, &'t str)> {
    text.strip_prefix(prefix)?.strip_prefix('`')?.split_once('`')
}

/// Removes the value that messages of serde and config quote.
fn without_value(text: &str) -> String {
    let quotes_value = ["invalid type: ", "invalid value: ", "unknown variant ", "enum "];
    if !quotes_value.iter().any(|start| text.starts_with(start)) {
        return match text {
            // The standard library's message has no example.
            "invalid socket address syntax" => "not an address like 127.0.0.1:5001".to_owned(),
            text => text.to_owned(),
        };
    }
    let expected = text.rfind(", expected ").and_then(|at| text.get(at + 2..));
    expected.unwrap_or("not a value that this key can have").to_owned()
}
