//! Environment variables as layers of settings.

use std::collections::BTreeMap;
use std::fmt;

use config::Value;

/// The separator between the levels of a key in a variable's name.
const SEPARATOR: &str = "__";

/// Keys that identify a tenant, client, resource or instance.
///
/// Their defaults are the stand-in's, so an empty variable must not fall back to them.
const IDENTITIES: [&str; 5] = ["tenant_id", "client_id", "app_id_uri", "instance", "base_url"];

/// A set of environment variables; `Debug` shows only their names.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the variables of this process, without those that are not Unicode.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns the value of a variable if it is set and not empty.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Finds an empty variable for a key in [`IDENTITIES`], and returns it with the key.
    pub(super) fn emptied(
        &self,
        aliases: &[(&'static str, &'static str)],
        defaults: &toml::Table,
    ) -> Option<(&str, String)> {
        let key_of = |name: &str| {
            let alias = aliases.iter().find(|(alias, _)| *alias == name);
            alias.map_or_else(|| name.to_lowercase().replace(SEPARATOR, "."), |(_, key)| (*key).to_owned())
        };
        let is_identity = |key: &str| {
            let (section, name) = (key.split('.').next(), key.rsplit('.').next());
            section.is_some_and(|section| defaults.get(section).is_some_and(toml::Value::is_table))
                && name.is_some_and(|name| IDENTITIES.contains(&name))
        };
        let is_set = |key: &str| self.set().any(|(name, _)| key_of(name) == key);
        let empty = self.0.iter().filter(|(_, value)| value.is_empty());
        let mut emptied = empty.map(|(name, _)| (name.as_str(), key_of(name)));
        emptied.find(|(_, key)| is_identity(key) && !is_set(key))
    }

    /// Finds a variable for one of the keys whose value is in quotes, and returns it with the key.
    pub(super) fn quoted(
        &self,
        aliases: &[(&'static str, &'static str)],
        defaults: &toml::Table,
    ) -> Option<(String, String)> {
        let is_quoted = |text: &str| {
            ['"', '\'']
                .iter()
                .any(|quote| text.len() > 1 && text.starts_with(*quote) && text.ends_with(*quote))
        };
        let mut set = self.overrides(aliases, defaults);
        set.find_map(|(key, value)| {
            let variable = value.origin()?.strip_prefix("variable ")?.to_owned();
            self.value(&variable).is_some_and(is_quoted).then_some((variable, key))
        })
    }

    /// Returns the keys that variables set, each with its value: variables with other names than their keys first, then
    /// those that name a section of `defaults`.
    pub(super) fn overrides<'a>(
        &'a self,
        aliases: &'a [(&'static str, &'static str)],
        defaults: &'a toml::Table,
    ) -> impl Iterator<Item = (String, Value)> + 'a {
        let by_alias = aliases
            .iter()
            .filter_map(|&(name, key)| Some((key.to_owned(), variable(name, self.value(name)?))));
        by_alias.chain(self.set().filter_map(|(name, value)| section_key(name, value, defaults)))
    }

    /// Finds misspelled variables, such as `AZURE_AD_TENANT_ID` or .NET's `AzureAd__TenantId`, which set nothing, each with
    /// the spelling that does.
    ///
    /// Only for sections with an underscore in their name: Kubernetes sets variables like `RESOURCE_PORT` for a service.
    pub(super) fn near_misses(&self, defaults: &toml::Table) -> Vec<(&str, String)> {
        let sections: Vec<&String> = defaults.keys().filter(|section| section.contains('_')).collect();
        let corrected = |name: &str| {
            let lower = name.to_lowercase();
            if lower.split_once(SEPARATOR).is_some_and(|(section, _)| defaults.contains_key(section)) {
                return None;
            }
            sections.iter().find_map(|section| {
                let spellings = [format!("{section}_"), format!("{}_", section.replace('_', ""))];
                let spelling = spellings.iter().find(|spelling| lower.starts_with(*spelling))?;
                let rest = name.get(spelling.len()..)?.trim_start_matches('_');
                Some(format!("{section}{SEPARATOR}{}", snake_case(rest)).to_uppercase())
            })
        };
        self.set().filter_map(|(name, _)| Some((name, corrected(name)?))).collect()
    }

    /// Returns the variables that are not empty.
    fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set().map(|(name, _)| name)).finish()
    }
}

/// Puts an underscore between the words of a name such as `TenantId`. A name without lower-case letters stays
/// unchanged.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && snake.ends_with(|last: char| last.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(c);
    }
    snake
}

/// Returns the key that a variable sets if it names a section of `defaults`, with its value.
fn section_key(name: &str, value: &str, defaults: &toml::Table) -> Option<(String, Value)> {
    let key = name.to_lowercase();
    let levels: Vec<&str> = key.split(SEPARATOR).collect();
    let (first, rest) = levels.split_first()?;
    let section = defaults.get(*first)?;
    // A section needs a key below it; a key at the top has none.
    if section.is_table() == rest.is_empty() || rest.iter().any(|level| level.is_empty()) {
        return None;
    }
    let value = match rest.iter().try_fold(section, |table, level| table.get(*level)) {
        Some(toml::Value::Array(_)) => list(name, value),
        _ => variable(name, value),
    };
    Some((levels.join("."), value))
}

fn variable(name: &str, value: &str) -> Value {
    Value::new(Some(&format!("variable {name}")), value)
}

/// Splits a variable at its commas.
fn list(name: &str, value: &str) -> Value {
    let members: Vec<Value> = value.split(',').map(|member| variable(name, member.trim())).collect();
    Value::new(Some(&format!("variable {name}")), members)
}
