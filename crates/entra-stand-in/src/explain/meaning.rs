//! The meaning of an access token's claims.
//!
//! <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>

/// Describes a claim.
pub(super) fn of_claim(name: &str) -> &'static str {
    match name {
        "acr" | "amr" => "how a user signed in; never in an app-only token",
        "acrs" | "xms_cc" => "what the client can do when it is challenged for more claims",
        "aio" | "rh" | "xms_ftd" => "opaque: of use to Entra alone",
        "appid" => "the client's application id (v1.0 tokens)",
        "appidacr" => "how the client proved who it is (v1.0 tokens)",
        "aud" => "the resource that the token is for",
        "azp" => "the client's application id (v2.0 tokens)",
        "azpacr" => "how the client proved who it is (v2.0 tokens)",
        "exp" => "when the token expires",
        "iat" => "when the token was issued; Entra back-dates it by 300 s",
        "idp" => "the identity provider, equal to `iss` (v1.0 tokens)",
        "idtyp" => "`app` in an app-only token, where the resource asked for the claim",
        "iss" => "who issued the token",
        "name" | "preferred_username" | "unique_name" | "upn" => "a user's name; never in an app-only token",
        "nbf" => "when the token becomes valid",
        "oid" => "the object id of the client's service principal (or of the user)",
        "roles" => "the app roles that the client was granted on the resource",
        "scp" => "what a user let the client do; never in an app-only token",
        "sub" => "the subject; equal to `oid` in an app-only token",
        "tid" => "the tenant that issued the token",
        "uti" => "the token's own id",
        "ver" => "the version of the token",
        "wids" => "the directory roles of the tenant that the subject has",
        _ => "not among the usual claims of an app-only token",
    }
}

/// Describes a member of a token's header.
pub(super) fn of_header(name: &str) -> &'static str {
    match name {
        "alg" => "how the token is signed",
        "kid" => "which key of the key set signed it",
        "typ" => "what it is",
        "x5t" => "the thumbprint of the key's certificate (v1.0 tokens)",
        _ => "not a member of Entra's header",
    }
}

/// Describes a claim's value, unless it is obvious.
pub(super) fn of_value(name: &str, value: &serde_json::Value) -> Option<String> {
    match name {
        "appidacr" | "azpacr" => Some(
            match value.as_str()? {
                "0" => "not at all: a public client",
                "1" => "with a secret",
                "2" => "with a certificate or a federated credential",
                _ => "a way that is not documented",
            }
            .to_owned(),
        ),
        "exp" | "iat" | "nbf" => {
            jiff::Timestamp::from_second(value.as_i64()?).ok().map(|time| time.to_string())
        }
        _ => None,
    }
}
