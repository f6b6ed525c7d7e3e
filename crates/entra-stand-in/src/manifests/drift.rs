//! How a real tenant's registration differs from the directory's.

mod principal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use entra_shared::settings::{KeyProblem, SettingsError};

use super::shell::one_line;
use crate::directory::{RegisteredRole, Registration, Registrations};
use principal::ExportedPrincipal;

/// One difference between a registration of the directory and an exported one. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    what: String,
    directory: String,
    export: String,
    remedy: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, directory, export, remedy } = self;
        write!(f, "{what}: the directory has {directory}, the export has {export}; {remedy}")
    }
}

impl Registrations {
    /// Compares an export with the directory: with `app`, or else with the app of the same client id.
    ///
    /// An exported manifest, of either format, is compared in what tokens depend on: app roles, token version, identifier
    /// URIs, optional claims, requested permissions, whether it is a public client, its audience, and its federated
    /// credentials where the export has them. An exported service principal is compared in whether it is enabled, whether
    /// it demands an assignment, and what it was granted where the export has that (`appRoleAssignments`).
    ///
    /// # Errors
    /// The export is neither, or the directory has no such app. `file` is how errors call the export.
    pub fn drift(
        &self,
        file: &str,
        export: &str,
        app: Option<&str>,
    ) -> Result<Vec<Difference>, SettingsError> {
        if let Some(principal) = ExportedPrincipal::read(file, export)? {
            return self.principal_drift(&principal, app);
        }
        let export = Registration::parse(file, export)?;
        let own = match app {
            Some(app) => self.named(app)?,
            None => self.registration(export.app_id).ok_or_else(|| {
                KeyProblem::new(
                    "appId",
                    "the export's app is not in the directory; name the APP to compare it with",
                )
            })?,
        };
        let mut comparison = Comparison { own, export: &export, found: Vec::new() };
        comparison.token_version();
        comparison.clients();
        comparison.roles();
        comparison.sets();
        Ok(comparison.found)
    }
}

/// The members of one of the manifest's lists: what names each, and what is to be the same.
type Members = fn(&Registration) -> BTreeMap<String, String>;

struct Comparison<'a> {
    own: &'a Registration,
    export: &'a Registration,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    fn token_version(&mut self) {
        let (own, export) = (self.own.token_version(), self.export.token_version());
        let set = format!("set `api.requestedAccessTokenVersion` to {export}");
        self.compare("token version", &own.to_string(), &export.to_string(), &set);
    }

    /// Who may be a client, and whether it needs a credential.
    fn clients(&mut self) {
        let public = |app: &Registration| app.is_fallback_public_client.unwrap_or(false).to_string();
        let (own, export) = (public(self.own), public(self.export));
        let set = format!("set `isFallbackPublicClient` to {export}");
        self.compare("public client", &own, &export, &set);
        let audience =
            |app: &Registration| app.sign_in_audience.clone().unwrap_or_else(|| "AzureADMyOrg".to_owned());
        let (own, export) = (audience(self.own), audience(self.export));
        self.compare("sign-in audience", &own, &export, &format!("set `signInAudience` to {export}"));
    }

    /// Roles are the same by their id; by their value, they are what a resource's code asks for.
    fn roles(&mut self) {
        let (own, export) = (self.own, self.export);
        for role in &own.app_roles {
            let what = format!("app role {}", role.name());
            match (export.role(&role.id), with_value(export, role)) {
                (Some(other), _) => self.role(&what, role, other),
                (None, Some(other)) => {
                    self.compare(
                        &format!("{what}, id"),
                        &role.id,
                        &other.id,
                        &format!("set its `id` to {}", other.id),
                    );
                    self.role(&what, role, other);
                }
                (None, None) => self.add(&what, &role.id, "none", "remove it from `appRoles`"),
            }
        }
        for role in &export.app_roles {
            if own.role(&role.id).is_none() && with_value(own, role).is_none() {
                self.add(&format!("app role {}", role.name()), "none", &role.id, "add it to `appRoles`");
            }
        }
    }

    fn role(&mut self, what: &str, own: &RegisteredRole, export: &RegisteredRole) {
        let set = |member: &str, value: &str| format!("set its `{member}` to {value}");
        let value = |role: &RegisteredRole| role.value.clone().unwrap_or_else(|| "null".to_owned());
        let (one, other) = (value(own), value(export));
        self.compare(&format!("{what}, value"), &one, &other, &set("value", &other));
        let (one, other) = (own.is_enabled().to_string(), export.is_enabled().to_string());
        self.compare(&format!("{what}, enabled"), &one, &other, &set("isEnabled", &other));
        let kinds = |role: &RegisteredRole| {
            let kinds: BTreeSet<&str> = role.allowed_member_types.iter().map(String::as_str).collect();
            format!("[{}]", Vec::from_iter(kinds).join(", "))
        };
        let (one, other) = (kinds(own), kinds(export));
        self.compare(&format!("{what}, member types"), &one, &other, &set("allowedMemberTypes", &other));
    }

    fn sets(&mut self) {
        let mut parts: Vec<(&str, &str, Members)> = vec![
            ("identifier URI", "identifierUris", identifier_uris),
            ("optional claim", "optionalClaims.accessToken", optional_claims),
            ("requested permission", "requiredResourceAccess", permissions),
        ];
        if self.export.federated_identity_credentials.is_some() {
            parts.push(("federated credential", "federatedIdentityCredentials", federated));
        }
        for (what, member, of) in parts {
            let (own, export) = (of(self.own), of(self.export));
            for (name, value) in &own {
                match export.get(name) {
                    None => self.add(
                        &format!("{what} {name}"),
                        value,
                        "none",
                        &format!("remove it from `{member}`"),
                    ),
                    Some(other) => {
                        self.compare(
                            &format!("{what} {name}"),
                            value,
                            other,
                            &format!("change it in `{member}`"),
                        );
                    }
                }
            }
            for (name, value) in export.iter().filter(|(name, _)| !own.contains_key(*name)) {
                self.add(&format!("{what} {name}"), "none", value, &format!("add it to `{member}`"));
            }
        }
    }

    fn compare(&mut self, what: &str, own: &str, export: &str, remedy: &str) {
        if own != export {
            self.add(what, own, export, remedy);
        }
    }

    fn add(&mut self, what: &str, own: &str, export: &str, remedy: &str) {
        self.found.push(Difference {
            what: one_line(what),
            directory: one_line(own),
            export: one_line(export),
            remedy: one_line(&format!("{remedy} in {}, or change the tenant", self.own.file)),
        });
    }
}

fn with_value<'r>(registration: &'r Registration, role: &RegisteredRole) -> Option<&'r RegisteredRole> {
    registration.app_roles.iter().find(|other| other.value.is_some() && other.value == role.value)
}

/// The URIs; one made of the app's own client id is the same in every tenant.
fn identifier_uris(registration: &Registration) -> BTreeMap<String, String> {
    let own = registration.app_id.to_string();
    let general = |uri: &String| uri.replace(&own, "{appId}");
    registration.identifier_uris.iter().map(|uri| (general(uri), "it".to_owned())).collect()
}

fn optional_claims(registration: &Registration) -> BTreeMap<String, String> {
    let claims = &registration.optional_claims.access_token;
    let properties = |properties: &[String]| {
        let properties: BTreeSet<&str> = properties.iter().map(String::as_str).collect();
        format!("[{}]", Vec::from_iter(properties).join(", "))
    };
    claims.iter().map(|claim| (claim.name.clone(), properties(&claim.additional_properties))).collect()
}

/// By issuer and subject; what they are called is nobody's business.
fn federated(registration: &Registration) -> BTreeMap<String, String> {
    let all = registration.federated_identity_credentials.iter().flatten();
    all.map(|credential| {
        let name = format!("{} of {}", credential.subject, credential.issuer);
        (name, format!("[{}]", credential.audiences.join(", ")))
    })
    .collect()
}

fn permissions(registration: &Registration) -> BTreeMap<String, String> {
    let mut permissions = BTreeMap::new();
    for resource in &registration.required_resource_access {
        for access in &resource.resource_access {
            let name = format!("{} of {}", access.id, resource.resource_app_id).to_lowercase();
            permissions.insert(name, access.kind.clone());
        }
    }
    permissions
}
