//! How the client acquires tokens, and with which credentials.

use entra_shared::azure_ad::{Authority, Version};
use entra_token::{Credential, IdentityEndpoint, TokenSource};
use jiff::Timestamp;

/// How the client acquires tokens.
#[derive(Debug)]
pub(in super::super) enum Acquisition {
    /// From the authority's token endpoint, with a credential.
    TokenEndpoint {
        authority: Authority,
        version: Version,
        credentials: Vec<CredentialFacts>,
        /// Settings that choose another credential and have no effect.
        ignored_settings: Vec<&'static str>,
    },
    /// From the managed identity endpoint of this origin.
    ManagedIdentity(String),
}

/// The facts about a credential, none of which is secret.
#[derive(Debug)]
pub(in super::super) struct CredentialFacts {
    pub(in super::super) name: String,
    pub(in super::super) is_refused: bool,
    pub(in super::super) lifetime: CredentialLifetime,
}

/// How long a credential is valid.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum CredentialLifetime {
    Until(Timestamp),
    /// The expiry is unknown, since a client secret does not contain it.
    Unknown,
    /// Unlimited: its issuer renews it.
    Renewed,
}

impl Acquisition {
    pub(super) fn new(source: &TokenSource, ignored_settings: Vec<&'static str>) -> Self {
        let request = match source {
            TokenSource::TokenEndpoint(request) => request,
            TokenSource::ManagedIdentity(identity) => {
                let (IdentityEndpoint::Imds(url) | IdentityEndpoint::AppService { url, .. }) =
                    &identity.endpoint;
                return Self::ManagedIdentity(url.origin().ascii_serialization());
            }
        };
        let refused: Vec<&str> = request.credentials.refused().map(Credential::name).collect();
        let facts = |credential: &Credential| CredentialFacts {
            name: credential.name().to_owned(),
            is_refused: refused.contains(&credential.name()),
            lifetime: lifetime(credential),
        };
        Self::TokenEndpoint {
            authority: request.authority.clone(),
            version: request.version,
            credentials: request.credentials.iter().map(facts).collect(),
            ignored_settings,
        }
    }
}

fn lifetime(credential: &Credential) -> CredentialLifetime {
    match (credential, credential.expires_at()) {
        (_, Some(at)) => CredentialLifetime::Until(at),
        (Credential::Federated(_), None) => CredentialLifetime::Renewed,
        (_, None) => CredentialLifetime::Unknown,
    }
}

/// Returns the authority that issues the client's tokens, and the version of its endpoint. `None` for a managed
/// identity.
pub(super) fn authority(source: &TokenSource) -> Option<(Authority, Version)> {
    match source {
        TokenSource::TokenEndpoint(request) => Some((request.authority.clone(), request.version)),
        TokenSource::ManagedIdentity(_) => None,
    }
}
