//! What is wrong with a malformed response.

/// What is wrong with a response that is neither a token nor an error.
///
/// None of these quotes the response, which may still contain a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is larger than a token response can be.
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body did not come to its end.
    #[error("the body broke off or took too long")]
    BrokenOff,
    /// A success that does not say it is JSON (RFC 6749 section 5.1).
    #[error("the body is not application/json")]
    ContentType,
    /// The body is no JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body lacks a usable `access_token`, `token_type` or `expires_in`, or has one twice.
    #[error("the body is not a token response")]
    NotATokenResponse,
    /// The token is not for the `Authorization: Bearer` header (RFC 6749 section 7.1).
    #[error("the token's type is not Bearer")]
    TokenType,
    /// The token has expired as it comes.
    #[error("the token's life is zero seconds")]
    Lifetime,
    /// The status is neither a success nor an error with OAuth's envelope; a redirect, for one.
    #[error("that is neither a token nor an OAuth error")]
    Status,
}
