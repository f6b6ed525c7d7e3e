//! Checks that the authority answers, and that this machine's clock agrees with it.

use entra_shared::aadsts;
use jiff::SignedDuration;

use super::super::facts::{Acquisition, AuthorityFacts, Discovery, Facts, Unreachable};
use super::super::finding::Finding;

/// The clock offset, in seconds, above which there is a warning. A resource with the default clock skew refuses tokens
/// then.
const WARN_FROM: i64 = 60;

/// The clock offset, in seconds, that fails the check: Entra back-dates tokens and tolerates assertions by no more.
///
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials#claims-payload>
const FAIL_FROM: i64 = 300;

const CORRECT_INSTANCE: &str =
    "Correct `azure_ad.instance` (AZURE_AUTHORITY_HOST): the base URL of Entra ID.";

/// Checks that the host answers, its certificate is trusted, and it knows the tenant.
pub(super) fn reached(facts: &Facts) -> Result<Finding, Finding> {
    let AuthorityFacts { host, answer, .. } = authority(facts)?;
    Ok(match answer {
        Ok(Discovery::Found) => {
            Finding::pass(format!("{host} answers, its certificate is trusted, the tenant is found"))
        }
        Ok(Discovery::Refused(code)) => match code.and_then(aadsts::lookup) {
            Some(known) => Finding::fail(format!("{host} answers {known}: {}", known.cause), known.remedy),
            None => Finding::fail(
                format!("{host} refuses to describe the tenant"),
                "Correct `azure_ad.tenant_id` (AZURE_TENANT_ID): the Directory (tenant) ID.",
            ),
        },
        Ok(Discovery::Other(status)) => Finding::warning(
            format!("{host} answers {status} in place of the tenant's discovery document"),
            CORRECT_INSTANCE,
        ),
        Err(Unreachable::Certificate(fault)) => {
            Finding::fail(format!("the certificate of {host} {}", fault.problem()), fault.remedy())
        }
        Err(Unreachable::WrongScheme) => {
            Finding::fail(format!("{host} does not speak https"), CORRECT_INSTANCE)
        }
        Err(Unreachable::Other(problem)) => Finding::fail(
            format!("no answer from {host}: {problem}"),
            "Check `azure_ad.instance` (AZURE_AUTHORITY_HOST), and the network or proxy on the way there.",
        ),
    })
}

/// Compares this machine's clock with the authority's, or else with the resource's.
pub(super) fn clock(facts: &Facts) -> Result<Finding, Finding> {
    let of_authority = facts.authority.as_ref().and_then(|a| Some((a.host.as_str(), a.clock_offset?)));
    let of_resource = facts.resource.clock_offset.map(|offset| (facts.resource.base_url.as_str(), offset));
    let (peer, offset) =
        of_authority.or(of_resource).ok_or_else(|| Finding::skipped("no answer has a date"))?;
    let seconds = offset.abs().as_secs();
    let direction = if offset < SignedDuration::ZERO { "ahead of" } else { "behind" };
    let found = format!("this machine is {seconds} s {direction} {peer}");
    let remedy = "Set this machine's clock, and keep it right with NTP.";
    Ok(match seconds {
        FAIL_FROM.. => Finding::fail(found, remedy),
        WARN_FROM.. => Finding::warning(found, remedy),
        _ => Finding::pass(found),
    })
}

fn authority(facts: &Facts) -> Result<&AuthorityFacts, Finding> {
    facts.authority.as_ref().ok_or_else(|| {
        Finding::skipped(match &facts.acquisition {
            Ok(Acquisition::ManagedIdentity(_)) => "tokens come from the machine, and not from the authority",
            _ => "there is no credential that can be read",
        })
    })
}
