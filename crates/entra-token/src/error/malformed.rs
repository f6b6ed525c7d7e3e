//! The ways in which a response can be malformed.

/// Why a response is neither a token nor an error.
///
/// No message quotes the response, which may still contain a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is larger than a token response can be.
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body is incomplete.
    #[error("the body broke off or took too long")]
    BrokenOff,
    /// The content type is not JSON (RFC 6749 section 5.1).
    #[error("the body is not application/json")]
    ContentType,
    /// The body is not JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// The body lacks this member.
    #[error("the body has no `{0}`")]
    Missing(&'static str),
    /// The body has this member twice.
    #[error("the body has `{0}` twice")]
    Duplicate(&'static str),
    /// This member has an unusable value.
    #[error("`{0}` is not {expected}", expected = expected(.0))]
    Unusable(&'static str),
    /// The token is not for the `Authorization: Bearer` header (RFC 6749 section 7.1).
    #[error("the token's type is not Bearer")]
    TokenType,
    /// The token has expired already.
    #[error("the token's life is zero seconds")]
    Lifetime,
    /// The status of a managed identity endpoint's response is neither 200 nor that of a refusal. It may be a redirect.
    #[error("that is neither a token nor a refusal")]
    Status,
    /// The status of the authority's response is not 200, and the body is no OAuth error, as from another kind of server.
    #[error("that is neither a token nor an OAuth error")]
    NotAnOAuthError,
}

/// The members by which a body is recognized as a token response.
const MEMBERS: [&str; 5] = ["access_token", "token_type", "expires_in", "expires_on", "refresh_in"];

fn expected(member: &str) -> &'static str {
    match member {
        "access_token" => "a token",
        "token_type" => "a text",
        "expires_on" => "a time",
        _ => "a number of seconds",
    }
}

impl Malformed {
    /// Returns how to fix the problem, if a fix is known.
    #[must_use]
    pub fn remedy(self) -> Option<&'static str> {
        (self == Self::NotAnOAuthError)
            .then_some("Correct `azure_ad.instance` (AZURE_AUTHORITY_HOST): the base URL of Entra ID.")
    }

    /// Names the member that a deserializer stumbled over.
    pub(crate) fn from_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        if !error.inner().is_data() {
            return Self::NotJson;
        }
        let named = |member: &&str| path == *member || message.contains(&format!("field `{member}`"));
        match MEMBERS.into_iter().find(named) {
            Some(member) if message.starts_with("missing field") => Self::Missing(member),
            Some(member) if message.starts_with("duplicate field") => Self::Duplicate(member),
            Some(member) => Self::Unusable(member),
            None => Self::NotAnObject,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_the_member_and_what_it_should_be() {
        for (problem, words) in [
            (Malformed::Missing("access_token"), "the body has no `access_token`"),
            (Malformed::Unusable("access_token"), "`access_token` is not a token"),
            (Malformed::Unusable("expires_on"), "`expires_on` is not a time"),
            (Malformed::Unusable("expires_in"), "`expires_in` is not a number of seconds"),
        ] {
            assert_eq!(problem.to_string(), words);
        }
    }
}
