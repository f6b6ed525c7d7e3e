//! The reason codes of this API, which are the guard's and its own.

use entra_guard::ReasonCode;

use super::RequestError;

/// Returns all codes, first the guard's, then those of failures, then those of invalid requests.
pub fn codes() -> impl Iterator<Item = ReasonCode> {
    let is_new = |code: &ReasonCode| entra_guard::codes().iter().all(|guard| guard.code != code.code);
    let of_request = |error: &RequestError| {
        let (_, code, text) = error.answer();
        ReasonCode::new(code, text, "The client corrects the request.")
    };
    let requests = RequestError::ALL.iter().map(of_request).filter(is_new);
    entra_guard::codes().iter().copied().chain(FAILURES).chain(requests)
}

/// Failures that are not the caller's fault.
const FAILURES: [ReasonCode; 3] = [
    ReasonCode::new(
        "store_unavailable",
        "The database did not answer.",
        "The client retries later; the operator reads the log.",
    ),
    ReasonCode::new(
        "resource_unreadable",
        "The stored resource is damaged.",
        "The operator restores it, or an authorized client deletes it; the log names it.",
    ),
    ReasonCode::new(
        "not_ready",
        "The app is starting or shutting down, or lacks its signing keys or its store.",
        "The client retries later.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes that have been published. Clients and dashboards depend on them, so never remove or rename one. Add
    /// new ones here.
    const PUBLISHED: &str = "
        abandoned agent_not_allowed algorithm_not_allowed audience_mismatch claims_malformed client_not_allowed
        content_too_large credential_syntax credential_too_weak granted header_member_not_allowed
        idempotency_key_reused incomplete_body internal_error invalid_cursor invalid_idempotency_key
        invalid_if_match invalid_limit invalid_name invalid_query invalid_resource issuer_mismatch
        key_id_missing key_issuer_mismatch key_unknown keys_unavailable lifetime_not_plausible
        malformed_json method_not_allowed no_policy not_app_only not_authenticated not_creator not_ready
        panicked precondition_failed precondition_required request_timeout
        resource_not_found resource_unreadable role_missing route_not_found several_credentials signature_invalid
        store_unavailable subject_ambiguous tenant_mismatch timed_out token_expired
        token_in_query token_malformed token_missing token_not_yet_valid token_sender_constrained
        token_too_large type_not_allowed unsupported_media_type version_not_accepted vetoed
    ";

    #[test]
    fn the_codes_are_those_that_were_published() {
        let published: Vec<&str> = PUBLISHED.split_whitespace().collect();
        let mut table: Vec<&str> = codes().map(|code| code.code).collect();
        table.sort_unstable();
        assert_eq!(table, published);
    }

    #[test]
    fn every_code_is_one_word_and_has_a_remedy() {
        for ReasonCode { code, meaning, remedy, .. } in codes() {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{code}");
            assert!(!meaning.is_empty() && !remedy.is_empty(), "{code}");
        }
    }
}
