//! The commands that would make the directory's apps in a real tenant, as a script to read and then run.
//!
//! <https://learn.microsoft.com/cli/azure/ad/app>

mod steps;

use std::fmt::Write;

use entra_shared::ids::TenantId;
use entra_shared::settings::KeyProblem;

use super::shell::{comment, quoted, variable};
use crate::directory::{Registration, Registrations, ServicePrincipal, Tenant};

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

/// The script for one tenant, as it grows.
struct Script<'a> {
    registrations: &'a Registrations,
    tenant: &'a Tenant,
    /// Client ids of the directory, each with the variable that holds the new app's.
    variables: Vec<(String, String)>,
    text: String,
}

/// An app of the tenant with its registration.
#[derive(Clone, Copy)]
struct App<'a> {
    registration: &'a Registration,
    principal: &'a ServicePrincipal,
}

impl Registrations {
    /// A shell script of `az` commands that makes the apps of a tenant, the first where none is named, in a real one.
    ///
    /// It holds no secret and no id of the directory's apps: those are captured from the commands before.
    ///
    /// # Errors
    /// The directory has no such tenant.
    pub fn az_script(&self, tenant: Option<&str>) -> Result<String, KeyProblem> {
        let directory = self.directory();
        let found = match tenant {
            None => directory.first_tenant(),
            Some(name) => match TenantId::parse(name) {
                Ok(id) => directory.tenant(id),
                Err(_) => directory.tenant_by_domain(name),
            },
        };
        let tenant = found.ok_or_else(|| KeyProblem::new("TENANT", "no tenant of the directory"))?;
        let mut script =
            Script { registrations: self, tenant, variables: Vec::new(), text: PREFACE.to_owned() };
        script.write();
        Ok(script.text)
    }
}

impl<'a> Script<'a> {
    fn write(&mut self) {
        let apps = self.apps();
        for (index, app) in apps.iter().enumerate() {
            let name = variable(&format!("app{}", index + 1), &app.registration.display_name);
            self.variables.push((app.registration.app_id.to_string(), name));
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

    /// The apps that have a registration, in the order of their names; managed identities have none.
    fn apps(&self) -> Vec<App<'a>> {
        let registrations = self.registrations;
        let with_registration = |principal: &'a ServicePrincipal| {
            let registration = registrations.registration(principal.application.client_id)?;
            Some(App { registration, principal })
        };
        let mut apps: Vec<App<'a>> = self.tenant.principals().filter_map(with_registration).collect();
        apps.sort_by_key(|app| (&app.registration.display_name, app.registration.app_id));
        apps
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, app: App<'_>, what: &str) {
        let text = format!(
            "{what} {} ({} in the directory)",
            app.registration.display_name, app.registration.app_id
        );
        self.line("");
        self.line(&comment(&text));
    }

    /// The variable of a new app's client id.
    fn app_variable(&self, app: App<'_>) -> &str {
        let id = app.registration.app_id.to_string();
        self.variables.iter().find(|(other, _)| *other == id).map_or("app", |(_, name)| name)
    }

    /// The variable of a new service principal's object id.
    fn principal_variable(&self, app: App<'_>) -> String {
        format!("sp_{}", self.app_variable(app))
    }

    /// A call of Microsoft Graph with a JSON body; `url` and `body` are words of the shell.
    fn rest(&mut self, method: &str, url: &str, body: &str) {
        let _ = write!(
            self.text,
            "az rest --method {method} --url {url} \\\n  --headers Content-Type=application/json --output none --body {body}\n"
        );
    }
}

/// An option with its value, where there is one.
fn option(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name} {}", quoted(value))).unwrap_or_default()
}
