//! Values that must never be shown.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Why a text cannot be the secret it should be; the text itself is never part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Nothing is there.
    #[error("must not be empty")]
    Empty,
    /// A text with characters that no header can hold.
    #[error("is not the value of a header")]
    NotAHeaderValue,
    /// An access token with characters outside RFC 6750's `b64token`; it cannot go in a header.
    #[error("is not a bearer token (RFC 6750 section 2.1)")]
    NotABearerToken,
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the text in.
            ///
            /// # Errors
            /// The text is empty or not of this secret's form.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSecret> {
                let text: String = text.into();
                if text.is_empty() {
                    return Err(InvalidSecret::Empty);
                }
                let check: fn(&str) -> Result<(), InvalidSecret> = $check;
                check(&text)?;
                Ok(Self(text.into()))
            }

            /// Shows the text, to the one place that sends or compares it.
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
    /// A client secret: the value of one of an app registration's `passwordCredentials`.
    ClientSecret, |_| Ok(())
}
secret! {
    /// A signed statement that stands in for a client secret (RFC 7523): while it lasts, whoever has it is the client.
    ClientAssertion, |_| Ok(())
}
secret! {
    /// The password of a file with a private key.
    CertificatePassword, |_| Ok(())
}
secret! {
    /// What a workload in App Service proves itself with: the value of `IDENTITY_HEADER`.
    IdentityHeader, |text| {
        if HeaderValue::from_str(text).is_ok() { Ok(()) } else { Err(InvalidSecret::NotAHeaderValue) }
    }
}
secret! {
    /// An access token as it travels: opaque to its client, unverified to its resource.
    AccessToken, |text| {
        let body = text.trim_end_matches('=');
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        if !body.is_empty() && body.bytes().all(allowed) { Ok(()) } else { Err(InvalidSecret::NotABearerToken) }
    }
}

impl AccessToken {
    /// The value of the `Authorization` header, marked sensitive so that no log shows it.
    #[must_use]
    pub fn authorization(&self) -> HeaderValue {
        // Never the fallback: `parse` lets only characters in that a header value may hold.
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.expose()))
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
        value.set_sensitive(true);
        value
    }
}

impl IdentityHeader {
    /// The value of the `X-IDENTITY-HEADER` header, marked sensitive so that no log shows it.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        // Never the fallback: `parse` lets only header values in.
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
        assert_eq!(ClientSecret::parse("").unwrap_err(), InvalidSecret::Empty);
        for wrong in ["", "a b", "a\r\nX: y", "ü", "=", "a=b"] {
            assert!(AccessToken::parse(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(AccessToken::parse("a.b-c_d==").unwrap().expose(), "a.b-c_d==");
    }
}
