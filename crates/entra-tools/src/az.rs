//! Generates a script of `az` commands that creates a directory's apps in a real tenant.
//!
//! <https://learn.microsoft.com/cli/azure/ad/app>

mod shell;
mod steps;

use std::fmt::Write;

use crate::manifest::Manifest;
use crate::tenant::{ServicePrincipal, Tenant};
use shell::{comment, quoted, variable};

const PREFACE: &str = "\
#!/usr/bin/env bash
# Makes the app registrations, service principals, credentials and grants of the stand-in's directory in a real tenant.
# Read it before you run it: it is meant to be changed. Run twice, it makes everything twice.
#
# It needs the Azure CLI and a sign-in that may register apps and consent for the tenant (Application Administrator
# and Privileged Role Administrator).
# No secret is in it. Entra makes the secrets; each is printed once, where its command stands: put it in a vault.
set -euo pipefail
";

/// The script for one tenant, while it is being written.
struct Script<'a> {
    tenant: &'a Tenant,
    /// The directory's client ids, each with the variable that holds the new one.
    variables: Vec<(String, String)>,
    text: String,
}

/// An app of the tenant with its manifest.
#[derive(Clone, Copy)]
struct App<'a> {
    manifest: &'a Manifest,
    principal: &'a ServicePrincipal,
}

/// Returns a shell script of `az` commands that creates a tenant's apps in a real tenant.
///
/// It contains neither a secret nor a client id of the directory, and captures the new ids as it runs.
#[must_use]
pub fn az_script(tenant: &Tenant) -> String {
    let mut script = Script { tenant, variables: Vec::new(), text: PREFACE.to_owned() };
    script.write();
    script.text
}

impl<'a> Script<'a> {
    fn write(&mut self) {
        let apps = self.apps();
        for (index, app) in apps.iter().enumerate() {
            let name = variable(&format!("app{}", index + 1), &app.manifest.display_name);
            self.variables.push((app.manifest.app_id.to_string(), name));
        }
        self.line(&comment(&format!(
            "The directory's tenant is {}, {}.",
            self.tenant.display_name, self.tenant.id
        )));
        self.line("tenant=${1:?the id of the tenant to make them in}");
        self.line(r#"[[ $(az account show --query tenantId --output tsv) == "$tenant" ]] || az login --allow-no-subscriptions --tenant "$tenant" --output none"#);
        self.line("graph=https://graph.microsoft.com/v1.0");
        for app in &apps {
            self.register(*app);
        }
        for app in &apps {
            self.request_permissions(*app);
        }
        for app in &apps {
            self.add_credentials(*app);
        }
        self.grants(&apps);
        for app in &apps {
            self.disable_roles(*app);
        }
    }

    /// Returns the apps, in the tenant's order, without managed identities.
    fn apps(&self) -> Vec<App<'a>> {
        let app =
            |principal: &'a ServicePrincipal| Some(App { manifest: principal.manifest.as_ref()?, principal });
        self.tenant.principals.iter().filter_map(app).collect()
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, app: App<'_>, what: &str) {
        let text = format!("{what} {} ({} in the directory)", app.manifest.display_name, app.manifest.app_id);
        self.line("");
        self.line(&comment(&text));
    }

    /// Returns the variable that holds the new app's client id.
    fn app_variable(&self, app: App<'_>) -> &str {
        let id = app.manifest.app_id.to_string();
        self.variables.iter().find(|(other, _)| *other == id).map_or("app", |(_, name)| name)
    }

    /// Returns the variable that holds the new service principal's object id.
    fn principal_variable(&self, app: App<'_>) -> String {
        format!("sp_{}", self.app_variable(app))
    }

    /// Writes a call of Microsoft Graph with a JSON body; `url` and `body` are quoted already.
    fn rest(&mut self, method: &str, url: &str, body: &str) {
        let _ = write!(
            self.text,
            "az rest --method {method} --url {url} \\\n  --headers Content-Type=application/json --output none --body {body}\n"
        );
    }
}

/// Returns an option with its value; empty if there is no value.
fn option(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name} {}", quoted(value))).unwrap_or_default()
}
