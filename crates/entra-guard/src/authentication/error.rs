//! Reasons why authentication fails.

/// Why a request is not authenticated. Contains nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Caller's fault: no access token was sent.
    #[error("{}", Self::NoCredential.text())]
    NoCredential,
    /// Caller's fault: the credential does not have the syntax of RFC 6750.
    #[error(transparent)]
    MalformedRequest(#[from] RequestFault),
    /// Caller's fault: this API does not accept the access token.
    #[error(transparent)]
    InvalidToken(#[from] TokenFault),
    /// Not the caller's fault: there are no keys to verify the token with.
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
        /// More than one `Authorization` header.
        SeveralCredentials = "several_credentials", "only one Authorization header may be sent";
        /// A token in the header and another in the query (RFC 6750 section 2).
        TokenInQuery = "token_in_query", "an access token belongs in the Authorization header and nowhere else";
        /// Not `Bearer`, at least one space (RFC 9110 section 11.4) and a `b64token`.
        CredentialSyntax = "credential_syntax", "the Authorization header is not of the form `Bearer <token>`";
    }
}

faults! {
    /// Why an access token is refused; the fault of the caller or of the token's issuer.
    TokenFault {
        /// Larger than 16 KiB, more than any token Entra issues to an app.
        TooLarge = "token_too_large", "the access token is too large";
        /// Not three base64url segments with a JSON object in the first two (RFC 7515 section 7.1).
        Malformed = "token_malformed", "the access token is not a signed JWT";
        /// Not signed with RS256.
        Algorithm = "algorithm_not_allowed", "the access token is not signed with RS256";
        /// A `typ` other than `JWT` or `at+jwt`.
        Type = "type_not_allowed", "the access token has the type of another kind of JWT";
        /// A header member that changes what the token means, such as `crit` (RFC 7515 section 4.1.11).
        HeaderMember = "header_member_not_allowed", "the access token's header asks for an unsupported extension";
        /// No `kid`, or one of the wrong length.
        KeyId = "key_id_missing", "the access token does not name its signing key";
        /// A claim is missing or of the wrong type.
        Claims = "claims_malformed", "a claim of the access token is missing or malformed";
        /// Bound to a key (`cnf`) whose possession a bearer token does not prove (RFC 8705, RFC 9449).
        SenderConstrained = "token_sender_constrained", "the access token is bound to a key that was not proved";
        /// A version that the settings do not accept.
        Version = "version_not_accepted", "the access token's version is not accepted";
        /// Issued by another authority, or under the issuer of the other token version.
        Issuer = "issuer_mismatch", "the access token was issued by another authority";
        /// Issued for another tenant.
        Tenant = "tenant_mismatch", "the access token was issued for another tenant";
        /// Issued for another API.
        Audience = "audience_mismatch", "the access token was issued for another audience";
        /// Past its `exp`.
        Expired = "token_expired", "the access token has expired";
        /// Before its `nbf`, or issued in the future.
        NotYetValid = "token_not_yet_valid", "the access token is not valid yet";
        /// `exp`, `nbf` and `iat` contradict each other, or span more than 28 hours.
        Lifetime = "lifetime_not_plausible", "the access token's times contradict each other";
        /// Neither clearly an app's nor clearly a user's.
        Subject = "subject_ambiguous", "the access token does not say whether an app or a user is its subject";
        /// The newest key set does not have the key that the token names.
        KeyUnknown = "key_unknown", "the access token is signed with an unknown key";
        /// Entra publishes the key for another issuer.
        KeyIssuer = "key_issuer_mismatch", "the access token is signed with another issuer's key";
        /// Not signed by the key it names.
        Signature = "signature_invalid", "the access token's signature is wrong";
    }
}
