//! What the client proves itself with.

use entra_shared::azure_ad::{Authority, Version};
use entra_shared::settings::SettingsError;
use jiff::Timestamp;

use crate::Settings;
use entra_token::{Credential, IdentityEndpoint, TokenSource};

/// How tokens are come by.
#[derive(Debug)]
pub(in super::super) enum Way {
    /// From the authority, with a credential.
    TokenEndpoint {
        authority: Authority,
        version: Version,
        credentials: Vec<CredentialFacts>,
        /// The keys that choose another credential, and do not count.
        passed_over: Vec<&'static str>,
    },
    /// From the machine, at this address.
    ManagedIdentity(String),
}

/// What is to be known of a credential; nothing that is secret.
#[derive(Debug)]
pub(in super::super) struct CredentialFacts {
    pub(in super::super) name: String,
    pub(in super::super) is_refused: bool,
    pub(in super::super) lasting: Lasting,
}

/// How long a credential lasts.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Lasting {
    Until(Timestamp),
    /// A secret does not say.
    Unknown,
    /// Whoever issues it renews it.
    Renewed,
}

impl Way {
    pub(super) fn of(source: &TokenSource, settings: &Settings) -> Result<Self, SettingsError> {
        let request = match source {
            TokenSource::TokenEndpoint(request) => request,
            TokenSource::ManagedIdentity(identity) => {
                let (IdentityEndpoint::Imds(url) | IdentityEndpoint::AppService { url, .. }) =
                    &identity.endpoint;
                return Ok(Self::ManagedIdentity(url.origin().ascii_serialization()));
            }
        };
        let refused: Vec<&str> = request.credentials.refused().map(Credential::name).collect();
        let facts = |credential: &Credential| CredentialFacts {
            name: credential.name().to_owned(),
            is_refused: refused.contains(&credential.name()),
            lasting: lasting(credential),
        };
        Ok(Self::TokenEndpoint {
            authority: request.authority.clone(),
            version: request.version,
            credentials: request.credentials.iter().map(facts).collect(),
            passed_over: settings.passed_over()?,
        })
    }
}

fn lasting(credential: &Credential) -> Lasting {
    match (credential, credential.expires_at()) {
        (_, Some(at)) => Lasting::Until(at),
        (Credential::Federated(_), None) => Lasting::Renewed,
        (_, None) => Lasting::Unknown,
    }
}

/// The authority that is to be asked, and at which version of its endpoint.
pub(super) fn authority(source: &TokenSource) -> Option<(Authority, Version)> {
    match source {
        TokenSource::TokenEndpoint(request) => Some((request.authority.clone(), request.version)),
        TokenSource::ManagedIdentity(_) => None,
    }
}
