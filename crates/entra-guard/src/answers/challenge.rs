//! The `WWW-Authenticate` header of a refusal.
//!
//! <https://www.rfc-editor.org/rfc/rfc6750#section-3>

use http::HeaderValue;

use super::Refusal;
use crate::AppRole;
use crate::authentication::AuthenticationError;

/// Writes challenges for one realm. Holds the scheme and the realm, with which each challenge begins.
pub(crate) struct Challenges(String);

impl Challenges {
    /// Creates challenges for a realm. Characters that a quoted string cannot hold are left out of it (RFC 9110 section
    /// 5.6.4).
    pub(crate) fn for_realm(realm: &str) -> Self {
        let is_plain = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
        let realm: String = realm.chars().filter(is_plain).collect();
        Self(format!("Bearer realm=\"{realm}\""))
    }

    /// Returns the challenge of a refusal; `None` for a refusal that another token would not change.
    pub(super) fn challenge(&self, refusal: &Refusal) -> Option<HeaderValue> {
        use AuthenticationError::{InvalidToken, MalformedRequest, NoCredential};
        let text = match refusal {
            // Section 3.1: a request without credentials gets no error code.
            Refusal::Authentication(NoCredential) => self.0.clone(),
            Refusal::Authentication(MalformedRequest(fault)) => self.error("invalid_request", fault.text()),
            Refusal::Authentication(InvalidToken(fault)) => self.error("invalid_token", fault.text()),
            Refusal::Denied(denial) => self.insufficient_scope(&denial.roles),
            _ => return None,
        };
        HeaderValue::try_from(text).ok()
    }

    fn error(&self, error: &str, description: &str) -> String {
        format!("{}, error=\"{error}\", error_description=\"{description}\"", self.0)
    }

    /// Builds the challenge of a 403. It lists the missing app roles as scopes, which tells a client what to request.
    fn insufficient_scope(&self, roles: &[AppRole]) -> String {
        let error = format!("{}, error=\"insufficient_scope\"", self.0);
        if roles.is_empty() { error } else { format!("{error}, scope=\"{}\"", scope(roles)) }
    }
}

/// Returns the roles as a `scope` lists them.
pub(super) fn scope(roles: &[AppRole]) -> String {
    roles.iter().map(AppRole::value).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::{RequestFault, TokenFault};
    use crate::policy::Denial;

    const WRITE: AppRole = AppRole::new("Resource.Write", "f8d39977-e31e-460b-b92c-9cef51d14f98", "Write.");

    fn challenge(refusal: &Refusal) -> Option<String> {
        let challenge = Challenges::for_realm("orders").challenge(refusal);
        challenge.map(|value| value.to_str().unwrap().to_owned())
    }

    fn denied(roles: &[AppRole]) -> Refusal {
        let (reasons, roles) = (vec!["role_missing"], roles.to_vec());
        Refusal::Denied(Denial { policy: "P", reasons, would_deny: Vec::new(), roles })
    }

    #[test]
    fn each_refusal_has_its_challenge() {
        let token = |error: AuthenticationError| challenge(&Refusal::Authentication(error));
        let cases = [
            (token(AuthenticationError::NoCredential), "Bearer realm=\"orders\""),
            (
                token(RequestFault::SeveralCredentials.into()),
                "Bearer realm=\"orders\", error=\"invalid_request\", error_description=\"only one Authorization header may be sent\"",
            ),
            (
                token(TokenFault::Expired.into()),
                "Bearer realm=\"orders\", error=\"invalid_token\", error_description=\"the access token has expired\"",
            ),
            (
                challenge(&denied(&[WRITE])),
                "Bearer realm=\"orders\", error=\"insufficient_scope\", scope=\"Resource.Write\"",
            ),
            (challenge(&denied(&[])), "Bearer realm=\"orders\", error=\"insufficient_scope\""),
        ];
        for (challenge, expected) in cases {
            assert_eq!(challenge.as_deref(), Some(expected));
        }
        assert_eq!(token(AuthenticationError::KeysUnavailable), None);
    }

    #[test]
    fn a_realm_cannot_end_its_quotes() {
        let challenges = Challenges::for_realm("a\"b\\c\r\nd");
        let bare = challenges.challenge(&Refusal::Authentication(AuthenticationError::NoCredential)).unwrap();
        assert_eq!(bare, "Bearer realm=\"abcd\"");
    }

    #[test]
    fn no_description_ends_its_quotes() {
        // Section 3: neither quotes nor backslashes, and only ASCII.
        let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        let texts = RequestFault::ALL.iter().map(|fault| fault.text());
        for text in texts.chain(TokenFault::ALL.iter().map(|fault| fault.text())) {
            assert!(text.bytes().all(allowed), "{text}");
        }
    }
}
