//! Environment variables as layers of settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use config::{ConfigError, Map, Source, Value};

/// The separator between the levels of a key in a variable's name.
const SEPARATOR: &str = "__";

/// Keys that identify a tenant, client, resource or instance.
///
/// Their defaults are the stand-in's, so an empty variable must not fall back to them.
const IDENTITIES: [&str; 5] = ["tenant_id", "client_id", "app_id_uri", "instance", "base_url"];

/// A set of environment variables; `Debug` shows only their names.
#[derive(Clone, Default)]
pub struct Environment {
    set: BTreeMap<String, String>,
    empty: BTreeSet<String>,
}

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
        self.set.get(name).map(String::as_str)
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
        let is_set = |key: &str| self.set.keys().any(|name| key_of(name) == key);
        let emptied = self.empty.iter().map(|name| (name.as_str(), key_of(name)));
        emptied.into_iter().find(|(_, key)| is_identity(key) && !is_set(key))
    }

    /// Returns the layer of variables with other names than their keys.
    pub(super) fn aliased(&self, aliases: &[(&'static str, &'static str)]) -> Layer {
        let set = |&(name, key): &(&str, &str)| Some((key.to_owned(), variable(name, self.value(name)?)));
        Layer(aliases.iter().filter_map(set).collect())
    }

    /// Returns the layer of variables that name a section of `defaults`.
    pub(super) fn sections(&self, defaults: &toml::Table) -> Layer {
        let set = |(name, value): (&String, &String)| {
            let key = name.to_lowercase();
            let levels: Vec<&str> = key.split(SEPARATOR).collect();
            let (first, rest) = levels.split_first()?;
            // A section needs a key below it; a key at the top has none.
            let ours = defaults.get(*first)?.is_table() != rest.is_empty()
                && rest.iter().all(|level| !level.is_empty());
            let default = rest.iter().try_fold(defaults.get(*first)?, |table, level| table.get(*level));
            let value = match default {
                Some(toml::Value::Array(_)) => list(name, value),
                _ => variable(name, value),
            };
            ours.then(|| (levels.join("."), value))
        };
        Layer(self.set.iter().filter_map(set).collect())
    }

    /// Finds misspelled variables, such as `AZURE_AD_TENANT_ID` or .NET's `AzureAd__TenantId`, which set nothing.
    ///
    /// Only for sections with an underscore in their name: Kubernetes sets variables like `RESOURCE_PORT` for a service.
    pub(super) fn near_misses(&self, defaults: &toml::Table) -> Vec<&str> {
        let names: Vec<String> = defaults.keys().filter(|name| name.contains('_')).cloned().collect();
        let spellings =
            names.iter().flat_map(|name| [format!("{name}_"), format!("{}_", name.replace('_', ""))]);
        let spellings: Vec<String> = spellings.collect();
        let meant = |name: &str| spellings.iter().any(|spelling| name.to_lowercase().starts_with(spelling));
        let ours = |name: &str| {
            name.to_lowercase().split_once(SEPARATOR).is_some_and(|(first, _)| defaults.contains_key(first))
        };
        self.set.keys().map(String::as_str).filter(|name| meant(name) && !ours(name)).collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let (name, value): (String, String) = (name.into(), value.into());
            if value.is_empty() {
                environment.empty.insert(name);
            } else {
                environment.set.insert(name, value);
            }
        }
        environment
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set.keys()).finish()
    }
}

fn variable(name: &str, value: &str) -> Value {
    Value::new(Some(&format!("variable {name}")), value)
}

/// Splits a variable at its commas.
fn list(name: &str, value: &str) -> Value {
    let members: Vec<Value> = value.split(',').map(|member| variable(name, member.trim())).collect();
    Value::new(Some(&format!("variable {name}")), members)
}

/// A layer of keys and values for `config`.
#[derive(Clone)]
pub(super) struct Layer(BTreeMap<String, Value>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
