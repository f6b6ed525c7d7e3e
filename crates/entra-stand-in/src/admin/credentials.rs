//! The secrets, certificates and federated credentials of a client, for drills of their rotation.

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use entra_shared::ids::ClientId;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Body;
use super::registrations::{changed, created};
use crate::RegistrationError;
use crate::credentials::{Certificate, Credential, FederatedCredential};
use crate::endpoints::AppState;
use crate::tenant::NewSecret;

/// The validity of a secret; two years from now by default.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedSecret {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    known_after_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedSecret {
    client_id: ClientId,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    known_after_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldSecret {
    client_id: ClientId,
    key_id: Uuid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneCertificate {
    client_id: ClientId,
    certificate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedFederated {
    client_id: ClientId,
    issuer: String,
    subject: String,
    audience: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldFederated {
    client_id: ClientId,
    issuer: String,
    subject: String,
}

impl WantedSecret {
    /// Generates the secret.
    pub(super) fn made(&self, now: Timestamp) -> NewSecret {
        let mut new = NewSecret::lasting(now);
        let secret = &mut new.registered;
        secret.start = self.start.unwrap_or(secret.start);
        secret.end = self.end.unwrap_or(secret.end);
        let lag = SignedDuration::from_secs(self.known_after_seconds.unwrap_or(0).into());
        secret.known_from = now.saturating_add(lag).unwrap_or(Timestamp::MAX);
        new
    }
}

impl NewSecret {
    /// Returns the secret's JSON for the response; its value is shown only here.
    pub(super) fn shown(&self) -> Value {
        json!({ "key_id": self.registered.key_id, "client_secret": self.value.expose() })
    }
}

/// Reads a certificate: PEM, of which the first certificate counts, or DER in base64, on one line or several.
pub(super) fn certificate(text: &str) -> Result<Certificate, RegistrationError> {
    let der = if text.contains("-----BEGIN ") {
        CertificateDer::from_pem_slice(text.as_bytes()).ok().map(|der| der.to_vec())
    } else {
        BASE64_STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
    };
    let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
    certificate.ok_or(RegistrationError::InvalidCertificate)
}

/// Creates a federated credential under Microsoft Graph's rules.
pub(super) fn federated(
    issuer: &str,
    subject: &str,
    audience: &str,
) -> Result<FederatedCredential, RegistrationError> {
    FederatedCredential::new(issuer, subject, audience).map_err(RegistrationError::InvalidFederated)
}

pub(super) async fn add_secret(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<AddedSecret>,
) -> Response {
    let AddedSecret { client_id, start, end, known_after_seconds } = new;
    created(&state, &id, |tenant| {
        let secret = WantedSecret { start, end, known_after_seconds }.made(tenant.clock.now());
        let credential = Credential::Secret(secret.registered.clone());
        tenant.change(|tenant| {
            tenant.principal_mut(client_id)?.application_mut().add_credential(credential.clone())
        })?;
        Ok(secret.shown())
    })
}

pub(super) async fn remove_secret(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(old): Body<OldSecret>,
) -> Response {
    let is_it =
        |known: &Credential| matches!(known, Credential::Secret(secret) if secret.key_id == old.key_id);
    changed(&state, &id, |tenant| {
        tenant.principal_mut(old.client_id)?.application_mut().remove_credential(is_it)
    })
}

pub(super) async fn add_certificate(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<OneCertificate>,
) -> Response {
    changed(&state, &id, |tenant| {
        let credential = Credential::Certificate(certificate(&new.certificate)?);
        tenant.principal_mut(new.client_id)?.application_mut().add_credential(credential)
    })
}

pub(super) async fn remove_certificate(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(old): Body<OneCertificate>,
) -> Response {
    changed(&state, &id, |tenant| {
        let old_one = certificate(&old.certificate)?;
        let is_it =
            |known: &Credential| matches!(known, Credential::Certificate(known) if known.is(&old_one));
        tenant.principal_mut(old.client_id)?.application_mut().remove_credential(is_it)
    })
}

pub(super) async fn add_federated(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<AddedFederated>,
) -> Response {
    changed(&state, &id, |tenant| {
        let AddedFederated { client_id, issuer, subject, audience } = &new;
        let credential = Credential::Federated(federated(issuer, subject, audience)?);
        tenant.principal_mut(*client_id)?.application_mut().add_credential(credential)
    })
}

pub(super) async fn remove_federated(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(old): Body<OldFederated>,
) -> Response {
    changed(&state, &id, |tenant| {
        let is_it = |known: &Credential| known.is_federated(&old.issuer, &old.subject);
        tenant.principal_mut(old.client_id)?.application_mut().remove_credential(is_it)
    })
}
