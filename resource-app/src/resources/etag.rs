//! Entity tags and `If-Match` (RFC 9110 sections 8.8.3 and 13.1.1).

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::error::RequestError;
use crate::state::AppState;

/// Returns the strong entity tag of a version.
pub(super) fn from_version(version: i64) -> String {
    format!("\"{version}\"")
}

/// The entity tags in `If-Match`, or `*`. They name the versions that the caller agrees to change.
#[derive(Debug)]
pub(crate) struct IfMatch(Vec<String>);

impl IfMatch {
    /// Returns whether the caller agrees to change this version.
    ///
    /// This is the strong comparison: a weak tag starts with `W/`, so it never matches.
    pub(crate) fn allows(&self, version: i64) -> bool {
        let current = from_version(version);
        self.0.iter().any(|tag| tag == "*" || *tag == current)
    }
}

impl FromRequestParts<AppState> for IfMatch {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, RequestError> {
        parse(&parts.headers)
    }
}

fn parse(headers: &HeaderMap) -> Result<IfMatch, RequestError> {
    let invalid = RequestError::InvalidIfMatch;
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let text = value.to_str().map_err(|_| invalid)?;
        tags.extend(text.split(',').map(|tag| tag.trim_matches([' ', '\t']).to_owned()));
    }
    match tags.as_slice() {
        [] => Err(RequestError::PreconditionRequired),
        [any] if any == "*" => Ok(IfMatch(tags)),
        _ if tags.iter().all(|tag| is_entity_tag(tag)) => Ok(IfMatch(tags)),
        _ => Err(invalid),
    }
}

fn is_entity_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allows(values: &[&str], version: i64) -> Result<bool, RequestError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        Ok(parse(&headers)?.allows(version))
    }

    #[test]
    fn a_version_is_allowed_by_its_strong_tag_or_a_star() {
        for values in [&["\"3\""][..], &["*"], &["\"1\", \"3\""], &["\"1\"", "\"3\""]] {
            assert_eq!(allows(values, 3), Ok(true), "{values:?}");
        }
        for values in [&["\"2\""][..], &["W/\"3\""], &["\"03\""], &["\"\""]] {
            assert_eq!(allows(values, 3), Ok(false), "{values:?}");
        }
    }

    #[test]
    fn no_tag_is_required_and_a_malformed_one_refused() {
        assert_eq!(allows(&[], 1), Err(RequestError::PreconditionRequired));
        for values in [&[""][..], &["1"], &["\"1"], &["\""], &["*", "\"1\""], &["\"1\",,"], &["w/\"1\""]] {
            assert_eq!(allows(values, 1), Err(RequestError::InvalidIfMatch), "{values:?}");
        }
    }
}
