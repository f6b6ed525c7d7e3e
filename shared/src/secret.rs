//! Secrets, which no log or error shows.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Why a text is not a valid secret; never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is in quotes, which no secret of Entra contains.
    #[error("is in quotes, which `docker run --env-file` keeps; remove them")]
    Quoted,
    /// A character is not allowed in a header.
    #[error("is not the value of a header")]
    NotAHeaderValue,
    /// A character of the access token is not allowed by RFC 6750 section 2.1 (`b64token`).
    #[error("is not a bearer token (RFC 6750 section 2.1)")]
    NotABearerToken,
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $accept:expr) => {
        $(#[$doc])*
        #[derive(Clone, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps the text.
            ///
            /// # Errors
            /// The text is empty or not of this secret's form.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSecret> {
                let text = SecretString::from(text.into());
                let accept: fn(&str) -> Result<&str, InvalidSecret> = $accept;
                let accepted = accept(text.expose_secret())?;
                if accepted.is_empty() { Err(InvalidSecret::Empty) } else { Ok(Self(accepted.into())) }
            }

            /// Exposes the text, to send or compare it.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidSecret;

            fn try_from(text: String) -> Result<Self, InvalidSecret> {
                Self::parse(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret! {
    /// A client secret, which is the value of one of an app registration's `passwordCredentials`.
    ///
    /// A trailing line break is dropped, and so are blanks at either end, with a warning.
    ClientSecret, client_secret
}
secret! {
    /// A signed client assertion (RFC 7523). Until it expires, its holder can act as the client.
    ClientAssertion, |text| Ok(text)
}
secret! {
    /// The password of a file with a private key.
    CertificatePassword, |text| Ok(text)
}
secret! {
    /// The value of `IDENTITY_HEADER`, with which a workload in App Service authenticates.
    IdentityHeader, |text| {
        if HeaderValue::from_str(text).is_ok() { Ok(text) } else { Err(InvalidSecret::NotAHeaderValue) }
    }
}
secret! {
    /// An access token. Its client must not look into it, and its resource has to verify it.
    AccessToken, |text| {
        let body = text.trim_end_matches('=');
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        if !body.is_empty() && body.bytes().all(allowed) { Ok(text) } else { Err(InvalidSecret::NotABearerToken) }
    }
}

fn client_secret(text: &str) -> Result<&str, InvalidSecret> {
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    let trimmed = line.trim();
    if trimmed.len() < line.len() {
        tracing::warn!("the client secret has blanks at its beginning or end, which are dropped");
    }
    let is_in = |quote: char| trimmed.len() > 1 && trimmed.starts_with(quote) && trimmed.ends_with(quote);
    if is_in('"') || is_in('\'') { Err(InvalidSecret::Quoted) } else { Ok(trimmed) }
}

impl AccessToken {
    /// Returns the value of the `Authorization` header, marked sensitive so that no log shows it.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        // The fallback is unreachable: `parse` accepts only characters that a header may contain.
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.expose()))
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        value.set_sensitive(true);
        value
    }
}

impl IdentityHeader {
    /// Returns the value of the `X-IDENTITY-HEADER` header, marked sensitive so that no log shows it.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        // The fallback is unreachable: `parse` accepts only header values.
        let mut value = HeaderValue::from_str(self.expose()).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_shows_a_secret() {
        let secret = ClientSecret::parse("canary").unwrap();
        let token = AccessToken::parse("canary").unwrap();
        let header = IdentityHeader::parse("canary").unwrap();
        assert_eq!(format!("{header:?}"), "IdentityHeader([redacted])");
        assert!(!format!("{:?}", header.value()).contains("canary"));
        assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
        assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
        assert!(!format!("{:?}", token.authorization()).contains("canary"));
    }

    #[test]
    fn no_secret_is_empty_and_no_token_breaks_a_header() {
        for nothing in ["", "\n", " "] {
            assert_eq!(ClientSecret::parse(nothing).unwrap_err(), InvalidSecret::Empty);
        }
        for (text, secret) in [(" a b\t\r\n", "a b"), ("\"a", "\"a"), ("'", "'")] {
            assert_eq!(ClientSecret::parse(text).unwrap().expose(), secret);
        }
        for quoted in ["\"a\"", "'a'\n", " \"\" "] {
            assert_eq!(ClientSecret::parse(quoted).unwrap_err(), InvalidSecret::Quoted);
        }
        for wrong in ["", "a b", "a\r\nX: y", "ü", "=", "a=b"] {
            assert!(AccessToken::parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(AccessToken::parse("a.b-c_d==").unwrap().expose(), "a.b-c_d==");
    }
}
