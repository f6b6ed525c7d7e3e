//! Where the resource answers, and whether a token may go there.

use std::fmt;

use entra_shared::loopback::is_loopback_host;
use entra_shared::settings::KeyProblem;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

/// The base URL of the resource: every request of this client goes below it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl {
    base: Url,
    /// Below it, ready-made: most calls go there.
    resources: Url,
}

/// A text that is no base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a URL like https://api.contoso.com: http or https, without credentials, query or fragment")]
pub struct InvalidBaseUrl;

impl BaseUrl {
    /// Reads the URL.
    ///
    /// # Errors
    /// The text is not an http or https URL made of a host, an optional port and an optional path.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text).map_err(|_| InvalidBaseUrl)?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare {
            return Err(InvalidBaseUrl);
        }
        Ok(Self { resources: below(&url, &["api", "resources"]), base: url })
    }

    /// Refuses plain http to another machine unless it is allowed: a token that others can read is theirs to use
    /// (RFC 6750 section 5.2).
    ///
    /// # Errors
    /// The scheme is http, the host is not this machine, and plain http is not allowed.
    pub fn check_transport(&self, allow_plain_http: bool) -> Result<(), KeyProblem> {
        let is_loopback = self.base.host_str().is_some_and(is_loopback_host);
        if self.base.scheme() == "https" || is_loopback || allow_plain_http {
            return Ok(());
        }
        Err(KeyProblem::new(
            "resource.base_url",
            "plain http would show the access token to everybody on the way; use https, or set \
             `resource.allow_plain_http` = true",
        ))
    }

    /// The URL of the collection of resources.
    #[must_use]
    pub fn resources(&self) -> Url {
        self.resources.clone()
    }

    /// The URL of one resource.
    #[must_use]
    pub fn resource(&self, id: Uuid) -> Url {
        below(&self.resources, &[&id.to_string()])
    }

    /// The URL of what tells a caller who the resource takes it to be.
    #[must_use]
    pub fn caller(&self) -> Url {
        below(&self.base, &["api", "caller"])
    }

    /// The URL of the API's description.
    #[must_use]
    pub fn description(&self) -> Url {
        below(&self.base, &["openapi.json"])
    }
}

fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    // An http URL always has segments, so this always extends it.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, InvalidBaseUrl> {
        Self::parse(&text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
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
    fn plain_http_goes_to_this_machine_alone() {
        for here in [
            "http://localhost:5001",
            "http://LOCALHOST",
            "HTTP://127.0.0.1:5001",
            "http://127.8.8.8",
            "http://[::1]:5001",
            "https://api.contoso.com",
        ] {
            assert!(BaseUrl::parse(here).unwrap().check_transport(false).is_ok(), "{here}");
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
            let url = BaseUrl::parse(elsewhere).unwrap();
            assert!(url.check_transport(false).is_err(), "{elsewhere}");
            assert!(url.check_transport(true).is_ok(), "{elsewhere}");
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
    fn urls_are_made_below_the_base() {
        for (base, expected) in [
            ("https://a", "https://a/api/resources"),
            ("https://a:1/x", "https://a:1/x/api/resources"),
            ("http://[::1]:5001", "http://[::1]:5001/api/resources"),
            ("https://[2001:DB8:0::1]:8443/x/y/", "https://[2001:db8::1]:8443/x/y/api/resources"),
            ("https://127.0.0.1:443/x", "https://127.0.0.1/x/api/resources"),
            ("https://a/x/", "https://a/x/api/resources"),
        ] {
            assert_eq!(BaseUrl::parse(base).unwrap().resources().as_str(), expected);
        }
        let id = Uuid::nil();
        assert_eq!(
            BaseUrl::parse("https://a").unwrap().resource(id).as_str(),
            format!("https://a/api/resources/{id}")
        );
    }
}
