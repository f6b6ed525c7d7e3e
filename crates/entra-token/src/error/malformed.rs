//! What is wrong with a malformed response.

/// What is wrong with a response that is neither a token nor an error.
///
/// None of these quotes the response, which may still contain a token.
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
    /// The body lacks a usable `access_token`, `token_type` or `expires_in`, or has one twice.
    #[error("the body is not a token response")]
    NotATokenResponse,
    /// The token is not for the `Authorization: Bearer` header (RFC 6749 section 7.1).
    #[error("the token's type is not Bearer")]
    TokenType,
    /// The token has expired already.
    #[error("the token's life is zero seconds")]
    Lifetime,
    /// The status is not 200, and the body is no OAuth error: a redirect, for example.
    #[error("that is neither a token nor an OAuth error")]
    Status,
}
