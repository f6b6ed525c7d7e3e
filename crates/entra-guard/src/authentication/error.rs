//! Why a request is not authenticated.

/// Why there is no [`super::Caller`] for a request. Holds nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The caller: no access token was sent.
    #[error("{}", Self::NoCredential.text())]
    NoCredential,
    /// The caller: the credential is not in the form of RFC 6750.
    #[error(transparent)]
    MalformedRequest(#[from] RequestFault),
    /// The caller: the access token is not one for this API, now.
    #[error(transparent)]
    InvalidToken(#[from] TokenFault),
    /// Nobody's fault here: there is no usable key set, so nothing can be said about the token.
    #[error("{}", Self::KeysUnavailable.text())]
    KeysUnavailable,
}

impl AuthenticationError {
    /// A stable word for programs and logs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCredential => "token_missing",
            Self::MalformedRequest(fault) => fault.code(),
            Self::InvalidToken(fault) => fault.code(),
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// What the caller is told: the text of this error.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCredential => "an access token is required",
            Self::MalformedRequest(fault) => fault.text(),
            Self::InvalidToken(fault) => fault.text(),
            Self::KeysUnavailable => "the keys that tokens are signed with are not at hand",
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
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// A stable word for programs and logs.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What the caller is told: the text of this error.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

faults! {
    /// What is malformed about a request's credential: always the caller's doing.
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
    /// What is wrong with an access token: always the caller's doing, or that of who gave them the token.
    TokenFault {
        /// Larger than any token Entra issues to an app.
        TooLarge = "token_too_large", "the access token is too large";
        /// Not three base64url segments with a JSON object in the first two (RFC 7515 section 7.1).
        Malformed = "token_malformed", "the access token is not a signed JWT";
        /// Signed in another way than RS256, or not at all.
        Algorithm = "algorithm_not_allowed", "the access token is not signed with RS256";
        /// A `typ` that is not an access token's.
        Type = "type_not_allowed", "the access token has the type of another kind of JWT";
        /// A header member that changes what the token means, such as `crit` (RFC 7515 section 4.1.11).
        HeaderMember = "header_member_not_allowed", "the access token's header asks for an unsupported extension";
        /// No `kid`, or one that cannot be a key's.
        KeyId = "key_id_missing", "the access token does not name its signing key";
        /// A claim is missing or of the wrong type.
        Claims = "claims_malformed", "a claim of the access token is missing or malformed";
        /// Bound to a key of the client's (`cnf`), which a bearer does not prove to hold (RFC 8705, RFC 9449).
        SenderConstrained = "token_sender_constrained", "the access token is bound to a key that was not proved";
        /// A version that the settings do not accept.
        Version = "version_not_accepted", "the access token's version is not accepted";
        /// Issued by somebody else, or by Entra's other version.
        Issuer = "issuer_mismatch", "the access token was issued by another authority";
        /// Issued for another tenant.
        Tenant = "tenant_mismatch", "the access token was issued for another tenant";
        /// Issued for another API.
        Audience = "audience_mismatch", "the access token was issued for another audience";
        /// Past its `exp`.
        Expired = "token_expired", "the access token has expired";
        /// Before its `nbf`, or issued in the future.
        NotYetValid = "token_not_yet_valid", "the access token is not valid yet";
        /// `exp`, `nbf` and `iat` contradict each other, or span more than any token of Entra's.
        Lifetime = "lifetime_not_plausible", "the access token's times contradict each other";
        /// Neither clearly an app's nor clearly a user's.
        Subject = "subject_ambiguous", "the access token does not say whether an app or a user is its subject";
        /// Signed with a key that Entra does not publish.
        KeyUnknown = "key_unknown", "the access token is signed with an unknown key";
        /// Signed with a key that Entra publishes for another issuer.
        KeyIssuer = "key_issuer_mismatch", "the access token is signed with another issuer's key";
        /// Not signed by the key it names.
        Signature = "signature_invalid", "the access token's signature is wrong";
    }
}
