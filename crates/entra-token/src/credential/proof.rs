//! The part of a token request that authenticates the client.

use std::fmt;

use entra_shared::secret::{ClientAssertion, ClientSecret};
use entra_shared::token_endpoint::JWT_BEARER;

use crate::redaction::Redaction;

/// A secret or assertion for one token request. `Debug` hides it.
#[derive(Clone)]
pub struct Proof {
    content: Content,
    credential: String,
}

#[derive(Clone)]
enum Content {
    Secret(ClientSecret),
    Assertion(ClientAssertion),
}

impl Proof {
    pub(crate) fn secret(credential: &str, secret: ClientSecret) -> Self {
        Self { content: Content::Secret(secret), credential: credential.to_owned() }
    }

    pub(crate) fn assertion(credential: &str, assertion: ClientAssertion) -> Self {
        Self { content: Content::Assertion(assertion), credential: credential.to_owned() }
    }

    /// Returns the name of the credential that the proof was made from.
    #[must_use]
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// Returns the form fields that carry it (RFC 6749 section 2.3.1, RFC 7523 section 2.2).
    ///
    /// The secret goes into the body, which Entra documents for both versions of its endpoint, rather than HTTP Basic.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        match &self.content {
            Content::Secret(secret) => vec![("client_secret", secret.expose().to_owned())],
            Content::Assertion(assertion) => vec![
                ("client_assertion_type", JWT_BEARER.to_owned()),
                ("client_assertion", assertion.expose().to_owned()),
            ],
        }
    }

    /// Returns whether it is an assertion rather than a secret.
    pub(crate) fn is_assertion(&self) -> bool {
        matches!(self.content, Content::Assertion(_))
    }

    /// Redacts the proof from messages of the authority.
    pub(crate) fn redaction(&self) -> Redaction<'_> {
        match &self.content {
            Content::Secret(secret) => Redaction::new([secret.expose()]),
            Content::Assertion(assertion) => Redaction::for_token(assertion.expose()),
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("credential", &self.credential).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_shown_in_its_fields_and_nowhere_else() {
        let secret = Proof::secret("client secret", ClientSecret::parse("canary").unwrap());
        assert_eq!(secret.fields(), [("client_secret", "canary".to_owned())]);
        let text = "canary.canary-canary-canary.canary-canary-canary-canary";
        let assertion = Proof::assertion("certificate", ClientAssertion::parse(text).unwrap());
        assert_eq!(assertion.fields()[1], ("client_assertion", text.to_owned()));
        assert!(!format!("{secret:?} {assertion:?}").contains("canary"));
        for (proof, said) in [(&secret, "canary"), (&assertion, text), (&assertion, "canary-canary-canary")] {
            assert_eq!(proof.redaction().text(said), "[redacted]");
        }
    }
}
