//! Probes the credential, the authority, the token and the resource. The checks judge the results.

mod authority;
mod credential;
mod description;
mod probe;
mod progress;
mod resource;

use entra_shared::ids::{AppIdUri, AppRole};
use entra_token::{Token, TokenError, TokenRetriever};
use jiff::Timestamp;
use serde_json::{Map, Value};

pub(super) use authority::{AuthorityFacts, Discovery, Unreachable};
pub(super) use credential::{Acquisition, CredentialFacts, CredentialLifetime};
#[cfg(test)]
pub(super) use description::Operation;
pub(super) use resource::{ResourceFacts, Verdict};

use super::ClientSetup;
use super::finding::Finding;
use crate::decoded_token::unverified_claims;
use progress::Progress;

/// The results of all probes.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) app_id_uri: AppIdUri,
    /// The roles that the client needs; if empty, all that the resource's description names.
    pub(super) needed_roles: Vec<AppRole>,
    pub(super) acquisition: Result<Acquisition, String>,
    /// Absent if tokens come from a managed identity, or no credential can be read.
    pub(super) authority: Option<AuthorityFacts>,
    /// Absent if no token was requested, because the request could not succeed.
    pub(super) token: Option<Result<TokenFacts, TokenError>>,
    pub(super) resource: ResourceFacts,
}

/// The facts about a token, without the token itself.
#[derive(Debug)]
pub(super) struct TokenFacts {
    /// Decoded, not verified; absent if the token is no JWT.
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) expires_at: Timestamp,
    pub(super) renewed_from: Timestamp,
}

impl Facts {
    /// Returns the token, or a skipped finding if there is none.
    pub(super) fn token(&self) -> Result<&TokenFacts, Finding> {
        match &self.token {
            Some(Ok(token)) => Ok(token),
            _ => Err(Finding::skipped("there is no token")),
        }
    }

    /// Returns the token's claims, or a skipped finding if there are none.
    pub(super) fn claims(&self) -> Result<&Map<String, Value>, Finding> {
        let opaque = "the token is not a JWT that can be decoded; its client need not understand it";
        self.token()?.claims.as_ref().ok_or_else(|| Finding::skipped(opaque))
    }

    /// Returns a claim that is a string. A claim of another type counts as absent.
    pub(super) fn claim(&self, name: &str) -> Result<Option<&str>, Finding> {
        Ok(self.claims()?.get(name).and_then(Value::as_str))
    }
}

impl From<&Token> for TokenFacts {
    fn from(token: &Token) -> Self {
        Self {
            claims: unverified_claims(token.access_token().expose()),
            expires_at: token.expires_at(),
            renewed_from: token.renewed_from(),
        }
    }
}

/// Runs every probe once; requests a token only if the request can succeed.
pub(super) async fn gather(setup: ClientSetup, progress: &(dyn Fn(&str) + Sync)) -> Facts {
    let ClientSetup { http, token_source, ignored_settings, app_id_uri, resource, needed_roles } = setup;
    let progress = Progress(progress);
    let authority = match token_source.as_ref().map(credential::authority) {
        Ok(Some((at, version))) => {
            let probe = authority::probe(&http, &at, version);
            Some(progress.report_if_slow("waiting for the authority", probe).await)
        }
        _ => None,
    };
    let is_hopeless = authority.as_ref().is_some_and(AuthorityFacts::is_hopeless);
    let retriever = token_source.clone().map(|source| TokenRetriever::new(source, http.clone()));
    let token = match &retriever {
        Ok(retriever) if !is_hopeless => {
            Some(progress.report_if_slow("waiting for an access token", retriever.token()).await)
        }
        _ => None,
    };
    let acquired = token.as_ref().and_then(|token| token.as_deref().ok());
    let probe = resource::probe(&http, &resource, acquired);
    let resource = progress.report_if_slow("waiting for the resource", probe).await;
    Facts {
        now: Timestamp::now(),
        app_id_uri,
        needed_roles,
        // After the token request, which shows which credentials the authority refuses.
        acquisition: token_source.map(|source| Acquisition::new(&source, ignored_settings)),
        authority,
        token: token.map(|token| token.map(|token| token.as_ref().into())),
        resource,
    }
}
