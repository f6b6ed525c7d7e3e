//! What `fuzz/` reaches that is otherwise private. It is compiled for cargo-fuzz alone.

use http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::credential::Credential;
use super::keys::KeySource;
use super::token::UnverifiedToken;

/// The token that this value of `Authorization` holds.
#[must_use]
pub fn bearer_token(value: HeaderValue) -> Option<String> {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    Credential::find(&headers, None).ok()?.token().ok().map(str::to_owned)
}

/// Whether this is a well-formed token, and if so the `kid` it names.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    UnverifiedToken::parse(token).ok().map(|token| token.key_id().to_owned())
}

/// Where this discovery document says the keys are.
#[must_use]
pub fn key_set_url(source: &KeySource, document: &[u8]) -> Option<Url> {
    source.key_set_url(document).ok()
}
