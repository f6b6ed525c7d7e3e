//! The `WWW-Authenticate` header of a refusal.
//!
//! <https://www.rfc-editor.org/rfc/rfc6750#section-3>

use http::HeaderValue;

use super::ApiError;
use entra_guard::authentication::AuthenticationError;
use entra_guard::authorization::Role;

const REALM: &str = "Bearer realm=\"resource-app\"";

const BARE: HeaderValue = HeaderValue::from_static(REALM);

/// The challenge for an error; none where another token would not help.
pub(super) fn of(error: &ApiError) -> Option<HeaderValue> {
    let text = match error {
        // Section 3.1: a request without a credential is told nothing further.
        ApiError::Authentication(AuthenticationError::NoCredential) => return Some(BARE),
        ApiError::Authentication(AuthenticationError::MalformedRequest(fault)) => {
            described("invalid_request", fault.text())
        }
        ApiError::Authentication(AuthenticationError::InvalidToken(fault)) => {
            described("invalid_token", fault.text())
        }
        ApiError::Denied(denial) => insufficient_scope(&denial.roles),
        _ => return None,
    };
    HeaderValue::try_from(text).ok()
}

/// What is wrong, in a word and for people.
fn described(error: &str, description: &str) -> String {
    [REALM, ", error=\"", error, "\", error_description=\"", description, "\""].concat()
}

/// App roles stand where other APIs have scopes: what to ask an administrator for.
fn insufficient_scope(roles: &[Role]) -> String {
    let error = format!("{REALM}, error=\"insufficient_scope\"");
    if roles.is_empty() { error } else { format!("{error}, scope=\"{}\"", scope(roles)) }
}

/// The roles as a `scope` lists them.
pub(super) fn scope(roles: &[Role]) -> String {
    roles.iter().map(|role| role.value()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_guard::authentication::{RequestFault, TokenFault};
    use entra_guard::authorization::Denial;

    fn challenge(error: impl Into<ApiError>) -> Option<String> {
        of(&error.into()).map(|value| value.to_str().unwrap().to_owned())
    }

    fn denied(roles: &[Role]) -> ApiError {
        let (reasons, roles) = (vec!["role_missing"], roles.to_vec());
        ApiError::Denied(Denial { policy: "P", reasons, would_deny: Vec::new(), roles })
    }

    #[test]
    fn each_refusal_has_its_challenge() {
        let cases = [
            (challenge(AuthenticationError::NoCredential), "Bearer realm=\"resource-app\""),
            (
                challenge(AuthenticationError::from(RequestFault::SeveralCredentials)),
                "Bearer realm=\"resource-app\", error=\"invalid_request\", error_description=\"only one Authorization header may be sent\"",
            ),
            (
                challenge(AuthenticationError::from(TokenFault::Expired)),
                "Bearer realm=\"resource-app\", error=\"invalid_token\", error_description=\"the access token has expired\"",
            ),
            (
                challenge(denied(&[Role::ResourceWrite])),
                "Bearer realm=\"resource-app\", error=\"insufficient_scope\", scope=\"Resource.Write\"",
            ),
            (challenge(denied(&[])), "Bearer realm=\"resource-app\", error=\"insufficient_scope\""),
        ];
        for (challenge, expected) in cases {
            assert_eq!(challenge.as_deref(), Some(expected));
        }
        assert_eq!(challenge(AuthenticationError::KeysUnavailable), None);
    }

    #[test]
    fn no_description_ends_its_quotes() {
        // Section 3: neither quotes nor backslashes, and nothing beyond ASCII.
        let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        let texts = RequestFault::ALL.iter().map(|fault| fault.text());
        for text in texts.chain(TokenFault::ALL.iter().map(|fault| fault.text())) {
            assert!(text.bytes().all(allowed), "{text}");
        }
    }
}
