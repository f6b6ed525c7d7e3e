//! The base URL of an API, with the rule whether tokens may be sent there.

use std::fmt;

use entra_shared::loopback::is_loopback_host;
use serde::Deserialize;
use url::Url;

/// The base URL of an API: http or https, with an optional path.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Url);

/// Why a text is not the base URL of an API that takes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// The text is malformed, or has more than scheme, host, port and path.
    #[error("not a URL like https://api.contoso.com: http or https, without credentials, query or fragment")]
    Malformed,
    /// A host without a scheme.
    #[error("has no scheme; write https:// in front of the host")]
    NoScheme,
    /// Tokens would be sent to another machine without encryption.
    #[error("plain http would show the access token to anyone on the way; use https")]
    PlainHttp,
}

impl BaseUrl {
    /// Parses a URL, which may be plain http; see [`exposes_tokens`](Self::exposes_tokens).
    ///
    /// # Errors
    /// The text is not an http or https URL made of a host, an optional port and an optional path.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        if !text.is_empty() && !text.contains("://") {
            return Err(InvalidBaseUrl::NoScheme);
        }
        let url = Url::parse(text).map_err(|_| InvalidBaseUrl::Malformed)?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_bare {
            return Err(InvalidBaseUrl::Malformed);
        }
        Ok(Self(url))
    }

    /// Returns whether tokens would travel to another machine without encryption (RFC 6750 section 5.2).
    #[must_use]
    pub fn exposes_tokens(&self) -> bool {
        self.0.scheme() != "https" && !self.0.host_str().is_some_and(is_loopback_host)
    }

    /// Returns the URL of a path below this one. The path cannot change the origin.
    #[must_use]
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&[self.0.path().trim_end_matches('/'), "/", path.trim_start_matches('/')].concat());
        url
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, InvalidBaseUrl> {
        Self::parse(&text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_exposes_tokens_beyond_this_machine() {
        for here in [
            "http://localhost:5001",
            "http://LOCALHOST",
            "HTTP://127.0.0.1:5001",
            "http://127.8.8.8",
            "http://[::1]:5001",
            "https://api.contoso.com",
        ] {
            assert!(!BaseUrl::parse(here).unwrap().exposes_tokens(), "{here}");
        }
        for elsewhere in [
            "http://api.contoso.com",
            "http://localhost.evil",
            "http://localhost.",
            "http://127.0.0.1.nip.io",
            "http://0.0.0.0:5001",
            "http://[::]",
            "http://10.0.0.1",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(BaseUrl::parse(elsewhere).unwrap().exposes_tokens(), "{elsewhere}");
        }
    }

    #[test]
    fn a_base_url_is_http_and_bare() {
        for wrong in [
            "",
            "localhost:5001",
            "ftp://localhost",
            "http://user@127.0.0.1",
            "http://localhost@evil.example",
            "http://:password@localhost",
            "https://a/?b",
            "https://a/#b",
            "https://",
        ] {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn joined_paths_stay_at_the_origin() {
        for (base, expected) in [
            ("https://a", "https://a/api/resources"),
            ("https://a:1/x", "https://a:1/x/api/resources"),
            ("http://[::1]:5001", "http://[::1]:5001/api/resources"),
            ("https://[2001:DB8:0::1]:8443/x/y/", "https://[2001:db8::1]:8443/x/y/api/resources"),
            ("https://127.0.0.1:443/x", "https://127.0.0.1/x/api/resources"),
            ("https://a/x/", "https://a/x/api/resources"),
        ] {
            assert_eq!(BaseUrl::parse(base).unwrap().join("/api/resources").as_str(), expected);
        }
        for path in
            ["//evil.example", "https://evil.example", "\\\\evil.example", "@evil.example", "../..", "?a#b"]
        {
            let url = BaseUrl::parse("https://a/x").unwrap().join(path);
            assert_eq!((url.host_str(), url.query(), url.fragment()), (Some("a"), None, None), "{path}");
        }
    }
}
