//! Remedies for the codes of a resource's refusals.

/// The remedy for a refusal with an unknown code.
pub(super) const UNKNOWN: &str = "Ask the operator of the resource what its log says about this client.";

/// Returns the check that reports this code with its remedy.
pub(super) fn covering_check(code: &str) -> Option<&'static str> {
    match code {
        "audience_mismatch" => Some("audience"),
        "issuer_mismatch" | "tenant_mismatch" | "key_issuer_mismatch" => Some("issuer"),
        "version_not_accepted" => Some("token version"),
        _ => None,
    }
}

/// Returns the step that fixes a refusal with this code.
pub(super) fn remedy(code: &str) -> &'static str {
    match code {
        "token_expired" | "token_not_yet_valid" => {
            "Set the clocks of this machine and of the resource's, and keep them right with NTP."
        }
        "key_unknown" => {
            "Point the resource and this client at the same `azure_ad.instance` and tenant; if the resource's \
             registration has a custom signing key (claims mapping), set its `azure_ad.custom_signing_key`."
        }
        "signature_invalid" => {
            "Point the resource and this client at the same `azure_ad.instance` and tenant."
        }
        "keys_unavailable" | "not_ready" => "Let the resource reach the authority: it has no signing keys.",
        "subject_ambiguous" => "Add the optional claim `idtyp` to the resource's registration.",
        "credential_too_weak" => "Use a certificate or a federated credential in place of the secret.",
        "client_not_allowed" => "Have this client added to `authorization.clients` of the resource.",
        _ => UNKNOWN,
    }
}
