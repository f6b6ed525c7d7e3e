//! A registration's certificates and federated credentials.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::DirectoryError;
use crate::credentials::{Certificate, Credential, FederatedCredential};

/// An entry of `keyCredentials`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyCredential {
    key_id: Uuid,
    start_date_time: Timestamp,
    end_date_time: Timestamp,
    r#type: Option<String>,
    usage: Option<String>,
    /// The certificate's DER in base64; the portal omits it.
    key: Option<String>,
}

impl KeyCredential {
    /// Returns the certificate, if the manifest contains it and it is for verifying assertions.
    pub(super) fn certificate(&self, file: &str) -> Result<Option<Certificate>, DirectoryError> {
        let is = |member: &Option<String>, wanted| member.as_deref() == Some(wanted);
        if !is(&self.r#type, "AsymmetricX509Cert") || !is(&self.usage, "Verify") {
            return Ok(None);
        }
        let Some(key) = self.key.as_deref() else {
            let (key_id, remedy) = (self.key_id, "put its DER in base64 into `key`");
            tracing::warn!(file, %key_id, remedy, "a certificate in `keyCredentials` is unknown, since exports omit it");
            return Ok(None);
        };
        let problem =
            |text: &str| DirectoryError::key(file, "keyCredentials.key", format!("{}: {text}", self.key_id));
        let der = BASE64_STANDARD.decode(key).map_err(|_| problem("not base64"))?;
        let certificate = Certificate::from_der(&der).map_err(|error| problem(&error.to_string()))?;
        Ok(Some(certificate.with_key_id(self.key_id).within(self.start_date_time, self.end_date_time)))
    }
}

/// Checks each federated credential, and that issuer and subject are unique.
pub(super) fn federated(
    file: &str,
    all: Vec<FederatedCredential>,
) -> Result<impl Iterator<Item = Credential>, DirectoryError> {
    let mut pairs = HashSet::new();
    for credential in &all {
        let problem = |text: &str| {
            let problem = format!("{}: {text}", credential.name);
            DirectoryError::key(file, "federatedIdentityCredentials", problem)
        };
        credential.check().map_err(problem)?;
        if !pairs.insert((&credential.issuer, &credential.subject)) {
            return Err(problem("another one has the same issuer and subject; remove one"));
        }
    }
    Ok(all.into_iter().map(Credential::Federated))
}
