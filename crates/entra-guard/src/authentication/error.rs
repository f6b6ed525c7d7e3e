//! Reasons why authentication fails.

/// Why a request could not be authenticated. It contains nothing that the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The caller's fault: the request has no access token.
    #[error("{}", Self::NoCredential.text())]
    NoCredential,
    /// The caller's fault: the credential does not have the syntax of RFC 6750.
    #[error(transparent)]
    MalformedRequest(#[from] RequestFault),
    /// The caller's fault: this API does not accept the access token.
    #[error(transparent)]
    InvalidToken(#[from] TokenFault),
    /// Not the caller's fault: this service has no keys to verify the token with.
    #[error("{}", Self::KeysUnavailable.text())]
    KeysUnavailable,
}

impl AuthenticationError {
    /// Returns the stable reason code, for programs and logs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCredential => "token_missing",
            Self::MalformedRequest(fault) => fault.code(),
            Self::InvalidToken(fault) => fault.code(),
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// Returns the message for the caller.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCredential => "an access token is required",
            Self::MalformedRequest(fault) => fault.text(),
            Self::InvalidToken(fault) => fault.text(),
            Self::KeysUnavailable => "the keys that access tokens are verified with are not available",
        }
    }
}

macro_rules! faults {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        pub enum $name {
            $($(#[$variant_doc])* #[error($text)] $variant,)+
        }

        impl $name {
            /// All variants, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the stable reason code, for programs and logs.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Returns the message for the caller.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

faults! {
    /// Why a request's credential is malformed; always the caller's fault.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
    RequestFault {
        /// The request has more than one `Authorization` header.
        SeveralCredentials = "several_credentials", "only one Authorization header may be sent";
        /// The request has a token in the header and another one in the query (RFC 6750 section 2).
        TokenInQuery = "token_in_query", "an access token belongs in the Authorization header and nowhere else";
        /// The header is not `Bearer`, followed by at least one space (RFC 9110 section 11.4) and a `b64token`.
        CredentialSyntax = "credential_syntax", "the Authorization header is not of the form `Bearer <token>`";
    }
}

faults! {
    /// Why an access token is refused; the fault of the caller or of the token's issuer.
    TokenFault {
        /// The token is larger than 16 KiB, which is more than any token that Entra issues to an app.
        TooLarge = "token_too_large", "the access token is too large";
        /// The token is not three base64url segments with a JSON object in each of the first two (RFC 7515 section
        /// 7.1).
        Malformed = "token_malformed", "the access token is not a signed JWT";
        /// The token is not signed with RS256.
        Algorithm = "algorithm_not_allowed", "the access token is not signed with RS256";
        /// The token's `typ` is neither `JWT` nor `at+jwt`.
        Type = "type_not_allowed", "the access token has the type of another kind of JWT";
        /// The header has a member that changes the token's meaning, such as `crit` (RFC 7515 section 4.1.11).
        HeaderMember = "header_member_not_allowed", "the access token's header asks for an unsupported extension";
        /// The header has no `kid`, or one that is empty or too long.
        KeyId = "key_id_missing", "the access token does not name its signing key";
        /// A claim is missing or of the wrong type.
        Claims = "claims_malformed", "a claim of the access token is missing or malformed";
        /// The token is bound to a key (`cnf`), and a bearer token does not prove possession of it (RFC 8705, RFC
        /// 9449).
        SenderConstrained = "token_sender_constrained", "the access token is bound to a key that was not proved";
        /// The settings do not accept tokens of this version.
        Version = "version_not_accepted", "the access token's version is not accepted";
        /// The token was issued by another authority, or its issuer is that of the other token version.
        Issuer = "issuer_mismatch", "the access token was issued by another authority";
        /// The token was issued for another tenant.
        Tenant = "tenant_mismatch", "the access token was issued for another tenant";
        /// The token was issued for another API.
        Audience = "audience_mismatch", "the access token was issued for another audience";
        /// The time in `exp` has passed.
        Expired = "token_expired", "the access token has expired";
        /// The time in `nbf` or `iat` is in the future.
        NotYetValid = "token_not_yet_valid", "the access token is not valid yet";
        /// `exp`, `nbf` and `iat` contradict each other, or span more than 28 hours.
        Lifetime = "lifetime_not_plausible", "the access token's times contradict each other";
        /// The claims show neither clearly an app nor clearly a user as the subject.
        Subject = "subject_ambiguous", "the access token does not say whether an app or a user is its subject";
        /// The newest key set does not have the key that the token names.
        KeyUnknown = "key_unknown", "the access token is signed with an unknown key";
        /// Entra publishes the key for another issuer than the token's.
        KeyIssuer = "key_issuer_mismatch", "the access token is signed with another issuer's key";
        /// The signature was not made with the key that the token names.
        Signature = "signature_invalid", "the access token's signature is wrong";
    }
}
