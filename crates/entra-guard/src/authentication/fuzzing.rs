//! Private functions for the fuzz targets in `fuzz/`; compiled for cargo-fuzz only.

use http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::credential::Credential;
use super::keys::KeySource;
use super::token::UnverifiedToken;

/// Returns the token in this value of `Authorization`.
#[must_use]
pub fn bearer_token(value: HeaderValue) -> Option<String> {
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    Credential::find(&headers, None).ok()?.token().ok().map(str::to_owned)
}

/// Returns the `kid` of a well-formed token; `None` if the token is malformed.
#[must_use]
pub fn key_id(token: &str) -> Option<String> {
    UnverifiedToken::parse(token).ok().map(|token| token.key_id().to_owned())
}

/// Returns the key set's URL in this discovery document.
#[must_use]
pub fn key_set_url(source: &KeySource, document: &[u8]) -> Option<Url> {
    source.key_set_url(document).ok()
}
