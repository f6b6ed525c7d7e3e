//! Loads settings in layers.

use std::path::Path;

use config::{Config, FileFormat};
use serde::de::DeserializeOwned;

use super::environment::Environment;
use super::error::{self, SettingsError};
use super::problem::KeyProblem;

/// Settings with rules that span several keys.
pub trait Check {
    /// Checks the settings as a whole.
    ///
    /// # Errors
    /// Names the wrong key, and how to fix it.
    fn check(&self) -> Result<(), KeyProblem> {
        Ok(())
    }

    /// Checks the keys that were never set: `is_default` tells whether a key has its built-in default.
    ///
    /// # Errors
    /// Names a key that has to be set, and how.
    fn check_defaults(&self, is_default: &dyn Fn(&str) -> bool) -> Result<(), KeyProblem> {
        let _ = is_default;
        Ok(())
    }

    /// Takes the list of all settings, each with the variable or file it came from, for the log. Secrets are hidden.
    fn set_in_force(&mut self, list: String) {
        drop(list);
    }
}

/// The sources of an app's settings.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// The text of the app's own `settings.toml`.
    pub defaults: &'static str,
    /// The file that replaces the defaults.
    pub file: Option<&'a Path>,
    /// Azure's variables that the app honours, each with its key.
    pub aliases: &'a [(&'static str, &'static str)],
    /// The environment variables.
    pub environment: Environment,
}

impl Sources<'_> {
    /// Loads and checks the settings.
    ///
    /// # Errors
    /// Names the key and the file or variable it came from, never a value.
    pub fn load<T: DeserializeOwned + Check>(&self) -> Result<T, SettingsError> {
        let (text, name) = match self.file {
            None => (self.defaults.to_owned(), "the default settings".to_owned()),
            Some(path) => (error::read(path)?, path.display().to_string()),
        };
        let defaults = error::parse("the default settings", self.defaults)?;
        // Parsed as plain TOML first, whose errors have a line and no values, unlike config's.
        error::parse(&name, &text)?;
        for (variable, instead) in self.environment.near_misses(&defaults) {
            tracing::warn!(variable, "sets nothing; set {instead} instead");
        }
        if let Some((variable, key)) = self.environment.emptied(self.aliases, &defaults) {
            let problem = "is empty; set it, or remove the variable".to_owned();
            return Err(SettingsError::Key { key, origin: format!("variable {variable}"), problem });
        }
        if let Some((variable, key)) = self.environment.quoted(self.aliases, &defaults) {
            let problem = "is in quotes, which `docker run --env-file` keeps; remove them".to_owned();
            return Err(SettingsError::Key { key, origin: format!("variable {variable}"), problem });
        }
        let mut builder = Config::builder().add_source(config::File::from_str(&text, FileFormat::Toml));
        for (key, value) in self.environment.overrides(self.aliases, &defaults) {
            let origin = value.origin().unwrap_or_default().to_owned();
            builder = builder.set_override(&key, value).map_err(|_| {
                // Not even the form of a key.
                SettingsError::UnknownKey { key: key.clone(), origin, expected: String::new() }
            })?;
        }
        let config = builder
            .build()
            .map_err(|error| SettingsError::File { file: name.clone(), problem: error.to_string() })?;
        let origins = error::Origins::new(config.clone(), name, self.aliases);
        let mut settings: T =
            serde_path_to_error::deserialize(config).map_err(|error| origins.explain(&error))?;
        settings.check().map_err(|problem| origins.locate(problem))?;
        let is_default = |key: &str| self.file.is_none() && !origins.is_variable(key);
        settings.check_defaults(&is_default).map_err(|problem| origins.locate(problem))?;
        settings.set_in_force(origins.in_force(self.file.is_some()));
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::ids::TenantId;
    use crate::secret::ClientSecret;

    const DEFAULTS: &str =
        "environment = \"production\"\n[azure_ad]\n[server]\nport = 5001\nnames = [\"localhost\"]\n";
    const TENANT: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        environment: String,
        azure_ad: AzureAd,
        server: Server,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct AzureAd {
        tenant_id: TenantId,
        client_secret: ClientSecret,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Server {
        port: u16,
        #[serde(default)]
        names: Vec<String>,
    }

    impl Check for Settings {
        fn check(&self) -> Result<(), KeyProblem> {
            if self.server.port == 0 { Err(KeyProblem::new("server.port", "must not be 0")) } else { Ok(()) }
        }
    }

    fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Sources {
            defaults: DEFAULTS,
            file: None,
            aliases: &[
                ("AZURE_TENANT_ID", "azure_ad.tenant_id"),
                ("AZURE_CLIENT_SECRET", "azure_ad.client_secret"),
            ],
            environment: variables.iter().copied().collect(),
        }
        .load()
        .map_err(|error| error.to_string())
    }

    const GOOD: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_AD__CLIENT_SECRET", "007")];

    fn load_good_and(variable: &str, value: &str) -> Result<Settings, String> {
        load(&[&GOOD[..], &[(variable, value)]].concat())
    }

    #[test]
    fn variables_win_over_azures_and_those_over_the_defaults() {
        let settings = load(&[
            ("AZURE_TENANT_ID", "00000000-0000-0000-0000-000000000000"),
            ("AZURE_AD__TENANT_ID", TENANT),
            ("AZURE_CLIENT_SECRET", "from azure"),
            ("SERVER__PORT", "6001"),
            ("ENVIRONMENT", "development"),
        ])
        .unwrap();
        assert_eq!(settings.azure_ad.tenant_id.to_string(), TENANT);
        assert_eq!(settings.azure_ad.client_secret.expose(), "from azure");
        assert_eq!(settings.server.port, 6001);
        assert_eq!(settings.environment, "development");
    }

    #[test]
    fn a_list_is_separated_by_commas() {
        assert_eq!(load(&GOOD).unwrap().server.names, ["localhost"]);
        assert_eq!(
            load_good_and("SERVER__NAMES", "a.example, b.example").unwrap().server.names,
            ["a.example", "b.example"]
        );
    }

    #[test]
    fn a_secret_that_looks_like_a_number_stays_as_it_is() {
        assert_eq!(load(&GOOD).unwrap().azure_ad.client_secret.expose(), "007");
    }

    #[test]
    fn other_programs_variables_are_passed_over() {
        for name in [
            "PATH",
            "HOME__X",
            "__MISE_DIFF",
            "AZURE_AD_PORT",
            "SERVER",
            "SERVER_PORT_5001_TCP",
            "AZURE_AD__",
        ] {
            assert!(load_good_and(name, "tcp://10.0.0.1").is_ok(), "{name}");
        }
    }

    #[test]
    fn a_variable_that_was_meant_for_a_section_is_noticed() {
        let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
        let missed = |name: &str| {
            let environment = Environment::from_iter([(name, "x")]);
            environment.near_misses(&defaults).into_iter().map(|(_, instead)| instead).next()
        };
        assert_eq!(missed("AzureAd__ClientID").as_deref(), Some("AZURE_AD__CLIENT_ID"));
        for name in ["AZURE_AD_TENANT_ID", "AZUREAD__TENANT_ID", "AzureAd__TenantId", "AZUREAD_TENANT_ID"] {
            assert_eq!(missed(name).as_deref(), Some("AZURE_AD__TENANT_ID"), "{name}");
        }
        for name in
            ["AZURE_AD__TENANT_ID", "AZURE_ADDITIONALLY_ALLOWED_TENANTS", "SERVER_PORT_80_TCP", "PATH"]
        {
            assert_eq!(missed(name), None, "{name}");
        }
    }

    #[test]
    fn an_empty_variable_that_says_who_is_meant_does_not_fall_to_the_default() {
        for variable in ["AZURE_TENANT_ID", "AZURE_AD__TENANT_ID", "AZURE_AD__CREDENTIAL__CLIENT_ID"] {
            let error = load(&[GOOD[1], (variable, "")]).unwrap_err();
            let expected = format!("(variable {variable}): is empty; set it, or remove the variable");
            assert!(error.ends_with(&expected), "{error}");
        }
        for variable in ["AZURE_CLIENT_ID", "OTHER__TENANT_ID", "SERVER__PORT"] {
            assert!(load_good_and(variable, "").is_ok(), "{variable}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(load_good_and("ENVIRONMENT", "").unwrap().environment, "production");
        assert_eq!(load_good_and("AZURE_AD__TENANT_ID", "").unwrap().azure_ad.tenant_id.to_string(), TENANT);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_source_and_without_its_value() {
        let cases = [
            (
                "AZURE_AD__TENNANT_ID",
                "canary",
                "unknown key `azure_ad.tennant_id` (variable AZURE_AD__TENNANT_ID); expected `tenant_id` or `client_secret`",
            ),
            (
                "AZURE_AD__TENANT_ID",
                "canary",
                "`azure_ad.tenant_id` (variable AZURE_AD__TENANT_ID): not a GUID like 00000000-0000-0000-0000-000000000000; set the Directory (tenant) ID, since `common`, `organizations` and `consumers` name no tenant",
            ),
            ("SERVER__PORT", "canary", "`server.port` (variable SERVER__PORT): expected an integer"),
            (
                "SERVER__PORT",
                "70000",
                "`server.port` (variable SERVER__PORT): expected an unsigned 16 bit integer",
            ),
            ("SERVER__PORT", "0", "`server.port` (variable SERVER__PORT): must not be 0"),
            (
                "SERVER__PORT__DEEPER",
                "canary",
                "`server.port` (variable SERVER__PORT__DEEPER): expected an integer",
            ),
        ];
        for (variable, value, expected) in cases {
            let error = load_good_and(variable, value).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.contains("canary"));
        }
    }

    #[test]
    fn the_list_of_settings_hides_what_may_be_a_secret() {
        let defaults = "port = 1\n[a]\nx_token = 'canary'\nfile = 'a/eyJcanary'\nurl = 'https://canary:x@y.example'\nlines = \"a\\nb\"";
        let list = format!("{defaults}\nentries = [{{ password = 'canary', name = 'n' }}]");
        let config = Config::builder().add_source(config::File::from_str(&list, FileFormat::Toml));
        let list = error::Origins::new(config.build().unwrap(), String::new(), &[]).in_force(false);
        assert!(!list.contains("canary") && !list.contains('\n'), "{list}");
        for part in ["port=1 (default)", "a.url=[hidden] (default)", "name=n", "lines=a\\nb"] {
            assert!(list.contains(part), "{part}: {list}");
        }
    }

    #[test]
    fn a_missing_key_says_how_to_set_it() {
        assert_eq!(
            load(&GOOD[..1]).unwrap_err(),
            "`azure_ad.client_secret` is missing from the default settings; set the variable AZURE_AD__CLIENT_SECRET or AZURE_CLIENT_SECRET"
        );
    }

    #[test]
    fn a_file_replaces_the_defaults_and_is_named_in_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let sources = Sources {
            defaults: DEFAULTS,
            file: Some(&path),
            aliases: &[],
            environment: Environment::default(),
        };
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            sources.load::<Settings>().map_err(|error| error.to_string())
        };
        let azure_ad = format!("[azure_ad]\ntenant_id = \"{TENANT}\"\nclient_secret = \"canary\"\n");
        assert!(load(&format!("environment = \"x\"\n{azure_ad}[server]\nport = 1\n")).is_ok());
        let named = |text: &str, expected: &str| {
            let error = load(text).unwrap_err();
            assert!(
                error.contains(expected) && error.contains("mine.toml") && !error.contains("canary"),
                "{error}"
            );
            assert!(!error.contains('\n'), "{error}");
        };
        named(&format!("environment = \"x\"\n{azure_ad}[server]\nprot = 1\n"), "unknown key `server.prot`");
        named(&format!("environment = \"x\"\n{azure_ad}[server]\nport = \"canary\"\n"), "`server.port`");
        named(&format!("environment = \"x\"\n{azure_ad}"), "`server` is missing");
        named("environment = \"canary", "line 1");
        std::fs::remove_file(&path).unwrap();
        assert!(sources.load::<Settings>().unwrap_err().to_string().contains("mine.toml"));
    }
}
