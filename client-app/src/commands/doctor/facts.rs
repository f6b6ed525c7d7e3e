//! What is asked, before anything is judged: the credential, the authority, one token, and the resource twice.

mod authority;
mod credential;
mod description;
mod progress;
mod resource;

use entra_shared::ids::{AppIdUri, AppRole};
use entra_shared::settings::SettingsError;
use jiff::Timestamp;
use serde_json::{Map, Value};

pub(super) use authority::{AuthorityFacts, Discovery, Silence};
pub(super) use credential::{CredentialFacts, Lasting, Way};
#[cfg(test)]
pub(super) use description::Operation;
pub(super) use resource::{ResourceFacts, Verdict};

use super::finding::Finding;
use crate::Settings;
use crate::commands::decoded;
use entra_token::{Token, TokenError, TokenRetriever};
use progress::Progress;

/// Everything that the checks go by.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) app_id_uri: AppIdUri,
    /// The roles that whoever started the command says are needed.
    pub(super) needs: Vec<AppRole>,
    pub(super) way: Result<Way, SettingsError>,
    /// Nothing where tokens come from elsewhere, or nobody can be asked for one.
    pub(super) authority: Option<AuthorityFacts>,
    /// Nothing where none was asked for, since it could not be had.
    pub(super) token: Option<Result<TokenFacts, TokenError>>,
    pub(super) resource: ResourceFacts,
}

/// What is to be known of a token; not the token.
#[derive(Debug)]
pub(super) struct TokenFacts {
    /// Decoded, not verified; nothing where the token is not a JWT.
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) expires_at: Timestamp,
    pub(super) renewed_from: Timestamp,
}

impl Facts {
    /// The token, or why a check about it cannot be made.
    pub(super) fn token(&self) -> Result<&TokenFacts, Finding> {
        match &self.token {
            Some(Ok(token)) => Ok(token),
            _ => Err(Finding::skipped("there is no token")),
        }
    }

    /// What the token says, or why a check about it cannot be made.
    pub(super) fn claims(&self) -> Result<&Map<String, Value>, Finding> {
        let opaque = "the token is not a JWT that can be decoded; its client need not understand it";
        self.token()?.claims.as_ref().ok_or_else(|| Finding::skipped(opaque))
    }

    /// A claim that is a text; what is none counts as absent.
    pub(super) fn claim(&self, name: &str) -> Result<Option<&str>, Finding> {
        Ok(self.claims()?.get(name).and_then(Value::as_str))
    }
}

impl From<&Token> for TokenFacts {
    fn from(token: &Token) -> Self {
        Self {
            claims: decoded::claims(token.access_token().expose()),
            expires_at: token.expires_at(),
            renewed_from: token.renewed_from(),
        }
    }
}

/// Asks everybody, each only once; a token only where it can be had.
pub(super) async fn gather(
    settings: &Settings,
    needs: &[AppRole],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Facts, SettingsError> {
    let (http, progress) = (settings.http_client()?, Progress(progress));
    let source = settings.opened_token_source();
    let authority = match source.as_ref().map(credential::authority) {
        Ok(Some((at, version))) => {
            let asked = authority::ask(&http, &at, version);
            Some(progress.tell("waiting for the authority", asked).await)
        }
        _ => None,
    };
    let is_hopeless = authority.as_ref().is_some_and(AuthorityFacts::is_hopeless);
    let retriever = source.clone().map(|source| TokenRetriever::new(source, http.clone()));
    let token = match &retriever {
        Ok(retriever) if !is_hopeless => {
            Some(progress.tell("waiting for an access token", retriever.token()).await)
        }
        _ => None,
    };
    let at_hand = token.as_ref().and_then(|token| token.as_deref().ok());
    let base_url = &settings.resource.base_url;
    let resource = progress.tell("waiting for the resource", resource::ask(&http, base_url, at_hand)).await;
    Ok(Facts {
        now: Timestamp::now(),
        app_id_uri: settings.resource.app_id_uri.clone(),
        needs: needs.to_vec(),
        // After the token, which shows which credentials are refused.
        way: source.and_then(|source| Way::of(&source, settings)),
        authority,
        token: token.map(|token| token.map(|token| token.as_ref().into())),
        resource,
    })
}
