//! Turns a failed token request into a finding.

use entra_shared::aadsts;
use entra_shared::http_client::CertificateFault;
use entra_shared::one_line;

use super::super::super::finding::Finding;
use entra_token::{
    ConfigurationFault, CredentialFault, ManagedIdentityFault, Outage, OutageCause, Refusal, TokenError,
};

/// Returns the error as a finding, with the remedy of its AADSTS code if the authority named one.
pub(super) fn finding(error: &TokenError) -> Finding {
    if let Some(refusal) = error.refusal() {
        return refused(refusal);
    }
    let found = one_line(error);
    match error {
        TokenError::Credential(CredentialFault::Unusable(_)) => {
            Finding::fail(found, "Put a credential in its place that is valid now.")
        }
        TokenError::Configuration(ConfigurationFault::Untrusted { host, source }) => {
            let fault = CertificateFault::from_error(source).unwrap_or(CertificateFault::Other);
            Finding::fail(format!("the certificate of {host} {}", fault.problem()), fault.remedy())
        }
        TokenError::Configuration(ConfigurationFault::Proxy(_)) => {
            Finding::fail(found, "Correct the proxy's credentials in the URL of its variable.")
        }
        TokenError::Throttled { retry_after, ids } => Finding::fail(
            format!("the authority is throttling this client; {ids}"),
            format!("Wait {} s, and keep tokens while they are usable.", retry_after.as_secs() + 1),
        ),
        TokenError::Unavailable(Outage { cause: OutageCause::Status(_), .. }) => {
            Finding::fail(found, "Try again in some minutes; https://azure.status.microsoft lists outages.")
        }
        TokenError::Unavailable(_) => Finding::fail(found, "Check the network or proxy on the way there."),
        TokenError::Protocol { url, status, problem, ids } => Finding::fail(
            format!("{url} answered {status}, but {problem}; {ids}"),
            problem.remedy().unwrap_or("Check that nothing answers in its place."),
        ),
        TokenError::Configuration(ConfigurationFault::ManagedIdentity(fault)) => managed_identity(fault),
        // A fault of the registration is a refusal, handled above.
        TokenError::Credential(_) | TokenError::Configuration(_) | TokenError::Abandoned => {
            Finding::fail(found, "Try again.")
        }
    }
}

fn refused(refusal: &Refusal) -> Finding {
    let known = refusal.aadsts.and_then(aadsts::lookup);
    let (error, ids) = (&refusal.error, refusal.ids);
    let found = match (known, refusal.aadsts) {
        (Some(known), _) => format!("{known} ({error}): {} {ids}", known.cause),
        (None, Some(code)) => format!("AADSTS{code} ({error}): \"{}\" {ids}", refusal.description),
        (None, None) => format!("{error}: \"{}\" {ids}", refusal.description),
    };
    match (known, refusal.aadsts) {
        (Some(known), _) => Finding::fail(found, known.remedy),
        (None, Some(code)) => Finding::fail(
            found,
            format!("Look the code up: https://login.microsoftonline.com/error?code={code}"),
        ),
        (None, None) => Finding::fail(found, "Follow the authority's message."),
    }
}

fn managed_identity(fault: &ManagedIdentityFault) -> Finding {
    match fault {
        ManagedIdentityFault::NoEndpoint { host, .. } => Finding::fail(
            format!("no managed identity endpoint answers at {host}"),
            "Run it where Azure assigns identities, or choose another credential.",
        ),
        ManagedIdentityFault::Refused { host, status, description, is_named_by_variable, ids } => {
            Finding::fail(
                format!("the managed identity endpoint at {host} answers {status}: \"{description}\"; {ids}"),
                if *is_named_by_variable {
                    "Assign the identity to this machine, and check AZURE_CLIENT_ID and `resource.app_id_uri`."
                } else {
                    "Assign the identity to this machine, and check its id and `resource.app_id_uri`."
                },
            )
        }
    }
}
