//! Writes the steps of the script, one function each.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::shell::{comment, quoted, quoted_with, variable};
use super::{App, Script, option};
use crate::drift::one_line;
use crate::tenant::ServicePrincipal;

/// The members that a new app is created with; the rest follows once all apps have their ids.
const INITIAL: [&str; 5] =
    ["displayName", "description", "signInAudience", "isFallbackPublicClient", "optionalClaims"];

/// The members of a federated credential that a client writes.
const FEDERATED_MEMBERS: [&str; 5] = ["name", "issuer", "subject", "description", "audiences"];

impl Script<'_> {
    /// Creates the app with its roles, then its App ID URIs, then its service principal.
    pub(super) fn register(&mut self, app: App<'_>) {
        self.heading(app, "Registers");
        let (name, principal) = (self.app_variable(app).to_owned(), self.principal_variable(app));
        let granted = self.granted_roles(app);
        let body = quoted(&format!("{:#}", new_application(&app.manifest.document, &granted)));
        self.line(&format!("{name}=$(az rest --method POST --url \"$graph/applications\" \\"));
        self.line(&format!(
            "  --headers Content-Type=application/json --query appId --output tsv --body {body})"
        ));
        let own = [(app.manifest.app_id.to_string(), name.clone())];
        let uris: Vec<String> =
            app.manifest.identifier_uris.iter().map(|uri| quoted_with(uri, &own)).collect();
        if !uris.is_empty() {
            self.line(&format!("az ad app update --id \"${name}\" --identifier-uris {}", uris.join(" ")));
        }
        self.line(&format!("{principal}=$(az ad sp create --id \"${name}\" --query id --output tsv)"));
        let mut settings = Map::new();
        if app.principal.assignment_required {
            settings.insert("appRoleAssignmentRequired".to_owned(), true.into());
        }
        if !app.principal.enabled {
            settings.insert("accountEnabled".to_owned(), false.into());
        }
        if !settings.is_empty() {
            let url = format!("\"$graph/servicePrincipals/${principal}\"");
            self.rest("PATCH", &url, &quoted(&Value::Object(settings).to_string()));
        }
    }

    /// Requests a client's permissions. Granting them is a later step.
    pub(super) fn request_permissions(&mut self, app: App<'_>) {
        let requested = app.manifest.document.get("requiredResourceAccess");
        let Some(requested) = requested.filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
        else {
            return;
        };
        self.heading(app, "The permissions that are requested by");
        let body = quoted_with(&json!({ "requiredResourceAccess": requested }).to_string(), &self.variables);
        let url = format!("\"$graph/applications(appId='${}')\"", self.app_variable(app));
        self.rest("PATCH", &url, &body);
    }

    /// Has Entra make the secrets, and uploads the certificates.
    pub(super) fn add_credentials(&mut self, app: App<'_>) {
        let (secrets, certificates) = (&app.manifest.password_credentials, &app.manifest.key_credentials);
        let federated = app.manifest.document.get("federatedIdentityCredentials");
        let federated = federated.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if secrets.is_empty() && certificates.is_empty() && federated.is_empty() {
            return;
        }
        self.heading(app, "The credentials of");
        let reset = format!("az ad app credential reset --id \"${}\" --append", self.app_variable(app));
        for secret in secrets {
            let name = option("--display-name", secret.display_name.as_deref());
            let end = option("--end-date", secret.end_date_time.as_deref());
            self.line(&format!("{reset}{name}{end} --query password --output tsv"));
        }
        for certificate in certificates {
            let name = certificate.display_name.as_deref().unwrap_or("certificate");
            let cert = if let Some(key) = &certificate.key {
                quoted(key)
            } else {
                let text =
                    format!("The manifest does not hold the certificate {}: name its file.", one_line(name));
                self.line(&comment(&text));
                quoted("@certificate.pem")
            };
            self.line(&format!(
                "{reset}{} --cert {cert} --output none",
                option("--display-name", Some(name))
            ));
        }
        let create = format!("az ad app federated-credential create --id \"${}\"", self.app_variable(app));
        for credential in federated.iter().filter_map(Value::as_object) {
            let new: Map<String, Value> = FEDERATED_MEMBERS
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), credential.get(*name)?.clone())))
                .filter(|(_, value)| !value.is_null())
                .collect();
            let parameters = quoted(&Value::Object(new).to_string());
            self.line(&format!("{create} --output none --parameters {parameters}"));
        }
    }

    /// Disables granted roles that the directory has disabled; Graph grants only enabled roles.
    pub(super) fn disable_roles(&mut self, app: App<'_>) {
        let granted = self.granted_roles(app);
        let manifest = app.manifest;
        if !manifest.app_roles.iter().any(|role| !role.is_enabled() && granted.contains(&role.id)) {
            return;
        }
        self.heading(app, "Disables, now that they are granted, roles of");
        let body = quoted(&json!({ "appRoles": roles(&manifest.document) }).to_string());
        let url = format!("\"$graph/applications(appId='${}')\"", self.app_variable(app));
        self.rest("PATCH", &url, &body);
    }

    /// Returns the ids of the app's roles that any client or identity was granted, as the manifest spells them.
    fn granted_roles(&self, app: App<'_>) -> Vec<String> {
        let resource = app.principal.client_id;
        let is_granted = |id: &str| {
            let has_id = |role: Uuid| role.to_string().eq_ignore_ascii_case(id);
            self.tenant.principals.iter().any(|client| client.roles_on(resource).any(has_id))
        };
        let ids = app.manifest.app_roles.iter().map(|role| role.id.clone());
        ids.filter(|id| is_granted(id)).collect()
    }

    /// Gives admin consent, by one assignment for each client and role.
    pub(super) fn grants(&mut self, apps: &[App<'_>]) {
        for client in apps {
            let variable = self.principal_variable(*client);
            self.client_grants(*client, &format!("${variable}"), apps);
        }
        let identities = self.tenant.principals.iter().filter(|principal| principal.manifest.is_none());
        for (index, identity) in identities.enumerate() {
            self.identity_grants(index, identity, apps);
        }
    }

    fn client_grants(&mut self, client: App<'_>, principal: &str, apps: &[App<'_>]) {
        for resource in apps {
            for role in client.principal.roles_on(resource.principal.client_id) {
                self.heading(client, "Admin consent for");
                self.grant(principal, *resource, &role.to_string());
            }
        }
    }

    fn identity_grants(&mut self, index: usize, identity: &ServicePrincipal, apps: &[App<'_>]) {
        let name = &identity.display_name;
        let variable = variable(&format!("identity{}", index + 1), name);
        self.line("");
        self.line(&comment(&format!(
            "The managed identity {name}: it comes with its resource (`az identity create`)."
        )));
        self.line(&format!("{variable}=${{{variable}:?set it to the object id of the managed identity}}"));
        for resource in apps {
            for role in identity.roles_on(resource.principal.client_id) {
                self.grant(&format!("${variable}"), *resource, &role.to_string());
            }
        }
    }

    fn grant(&mut self, principal: &str, resource: App<'_>, role: &str) {
        let value = resource.manifest.role(role).map_or(role, |role| role.name());
        self.line(&comment(&format!("- {value} of {}", resource.manifest.display_name)));
        let resource = self.principal_variable(resource);
        let body = format!(
            r#"'{{"principalId":"'"{principal}"'","resourceId":"'"${resource}"'","appRoleId":"{role}"}}'"#
        );
        self.rest("POST", &format!("\"$graph/servicePrincipals/${resource}/appRoleAssignedTo\""), &body);
    }
}

/// Returns the body that creates an app. It is the directory's manifest without the members that the server refuses.
///
/// Roles that are granted later are enabled for that time, even if the manifest disables them.
fn new_application(manifest: &Value, granted: &[String]) -> Value {
    let mut new = Map::new();
    for name in INITIAL {
        if let Some(value) = manifest.get(name).filter(|value| !value.is_null()) {
            new.insert(name.to_owned(), value.clone());
        }
    }
    let version = manifest.pointer("/api/requestedAccessTokenVersion").unwrap_or(&Value::Null);
    new.insert("api".to_owned(), json!({ "requestedAccessTokenVersion": version }));
    let mut roles = roles(manifest);
    for role in roles.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        let id = role.get("id").and_then(Value::as_str);
        if id.is_some_and(|id| granted.iter().any(|granted| granted == id)) {
            role.insert("isEnabled".to_owned(), true.into());
        }
    }
    new.insert("appRoles".to_owned(), roles);
    Value::Object(new)
}

/// Returns the roles of a manifest, without the members that the server refuses.
fn roles(manifest: &Value) -> Value {
    let mut roles = manifest.get("appRoles").cloned().unwrap_or_else(|| json!([]));
    for role in roles.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        role.remove("origin");
    }
    roles
}
