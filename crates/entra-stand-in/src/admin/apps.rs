//! Creates and changes the apps of a tenant, which are APIs and clients. A request takes effect as a whole or not at
//! all.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use entra_shared::azure_ad::Version;
use entra_shared::ids::{AppIdUri, AppRole, ClientId, ObjectId};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Body;
use super::credentials::{WantedSecret, certificate, federated};
use super::registrations::{changed, created};
use crate::RegistrationError;
use crate::credentials::Credential;
use crate::directory::{self, Application};
use crate::endpoints::AppState;
use crate::tenant::NewSecret;
use crate::tenants::LiveTenant;

/// A number of seconds, or a list of minimum and maximum.
#[derive(Deserialize, Clone, Copy)]
#[serde(untagged, expecting = "a number of seconds, or a list of the least and the most")]
enum Lifetime {
    Fixed(u64),
    Between([u64; 2]),
}

impl Lifetime {
    fn range(self) -> RangeInclusive<Duration> {
        let (Self::Fixed(least) | Self::Between([least, _])) = self;
        let (Self::Fixed(most) | Self::Between([_, most])) = self;
        Duration::from_secs(least)..=Duration::from_secs(most)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApplication {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    identifier_uris: Vec<String>,
    token_version: Option<Version>,
    token_lifetime_seconds: Option<Lifetime>,
    #[serde(default)]
    idtyp: bool,
    #[serde(default)]
    use_guid: bool,
    #[serde(default)]
    assignment_required: bool,
}

/// Roles and URIs are added to those of the API; other absent members stay unchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedApplication {
    client_id: ClientId,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    identifier_uris: Vec<String>,
    token_version: Option<Version>,
    token_lifetime_seconds: Option<Lifetime>,
    idtyp: Option<bool>,
    use_guid: Option<bool>,
    assignment_required: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    name: String,
    #[serde(default)]
    secrets: Vec<WantedSecret>,
    /// The client's certificates, each in PEM or as DER in base64.
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    federated: Vec<NewFederated>,
    #[serde(default)]
    public: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFederated {
    issuer: String,
    subject: String,
    audience: String,
}

pub(super) async fn application(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewApplication>,
) -> Response {
    created(&state, &id, |tenant| new.create(tenant))
}

pub(super) async fn change_application(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(wanted): Body<ChangedApplication>,
) -> Response {
    changed(&state, &id, |tenant| wanted.apply(tenant))
}

pub(super) async fn client(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewClient>,
) -> Response {
    created(&state, &id, |tenant| new.create(tenant))
}

impl NewApplication {
    fn create(self, tenant: &LiveTenant) -> Result<Value, RegistrationError> {
        let app = Application::fresh(&self.name);
        let (id, object_id) = (app.client_id, ObjectId::from(Uuid::new_v4()));
        let wanted = self.wanted(id);
        tenant.change(|tenant| {
            tenant.register(app.clone(), object_id)?;
            wanted.apply(tenant)
        })?;
        Ok(json!({ "client_id": id, "app_id_uri": format!("api://{id}") }))
    }

    /// Returns the requested properties other than the name.
    fn wanted(self, client_id: ClientId) -> ChangedApplication {
        ChangedApplication {
            client_id,
            roles: self.roles,
            identifier_uris: self.identifier_uris,
            token_version: self.token_version,
            token_lifetime_seconds: self.token_lifetime_seconds,
            idtyp: Some(self.idtyp),
            use_guid: Some(self.use_guid),
            assignment_required: Some(self.assignment_required),
        }
    }
}

impl ChangedApplication {
    fn apply(&self, tenant: &mut directory::Tenant) -> Result<(), RegistrationError> {
        let principal = tenant.principal_mut(self.client_id)?;
        principal.assignment_required = self.assignment_required.unwrap_or(principal.assignment_required);
        let app = principal.application_mut();
        for role in &self.roles {
            app.add_role(&AppRole::parse(role)?)?;
        }
        app.token_version = self.token_version.unwrap_or(app.token_version);
        if let Some(seconds) = self.token_lifetime_seconds {
            app.set_token_lifetime(seconds.range())?;
        }
        let claims = &mut app.optional_claims;
        claims.idtyp = self.idtyp.unwrap_or(claims.idtyp);
        claims.aud_as_guid = self.use_guid.unwrap_or(claims.aud_as_guid);
        for uri in &self.identifier_uris {
            tenant.add_uri(self.client_id, &AppIdUri::parse(uri).map_err(RegistrationError::InvalidUri)?)?;
        }
        Ok(())
    }
}

impl NewClient {
    fn create(&self, tenant: &LiveTenant) -> Result<Value, RegistrationError> {
        let now = tenant.clock.now();
        let mut app = Application::fresh(&self.name);
        let first = NewSecret::lasting(now);
        let further: Vec<NewSecret> = self.secrets.iter().map(|secret| secret.made(now)).collect();
        for NewSecret { registered, .. } in further.iter().chain([&first]) {
            app.add_credential(Credential::Secret(registered.clone()))?;
        }
        for text in &self.certificates {
            app.add_credential(Credential::Certificate(certificate(text)?))?;
        }
        for NewFederated { issuer, subject, audience } in &self.federated {
            app.add_credential(Credential::Federated(federated(issuer, subject, audience)?))?;
        }
        app.is_public = self.public;
        let (id, object_id) = (app.client_id, ObjectId::from(Uuid::new_v4()));
        tenant.change(|tenant| tenant.register(app.clone(), object_id))?;
        Ok(json!({
            "client_id": id,
            "client_secret": first.value.expose(),
            "key_id": first.registered.key_id,
            "object_id": object_id,
            "secrets": further.iter().map(NewSecret::shown).collect::<Vec<_>>(),
        }))
    }
}
