//! The report as text.

use std::fmt;

use serde_json::Value;

use super::{CheckOutcome, ExplainedCheck, ExplainedPolicy, Report, Verdict, WouldDeny};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Refused => "refused",
            Verdict::Undecided => "undecided",
        };
        let code = self.code.map(|code| format!(": {code}")).unwrap_or_default();
        writeln!(f, "The token is {verdict}{code}\n\nChecks")?;
        self.checks.iter().try_for_each(|check| write_check(f, check))?;
        writeln!(f, "\nPolicies")?;
        if self.policies.is_empty() {
            writeln!(f, "  -     not reached")?;
        }
        self.policies.iter().try_for_each(|policy| write_policy(f, policy))?;
        self.write_claims(f)
    }
}

impl Report {
    fn write_claims(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(claims) = &self.claims else { return Ok(()) };
        let origin =
            if self.claims_verified { "verified" } else { "unverified: anybody may have written them" };
        writeln!(f, "\nClaims ({origin})")?;
        let claims = serde_json::to_value(claims).map_err(|_| fmt::Error)?;
        let members = claims.as_object().into_iter().flatten();
        // As JSON, so that nothing in them can speak to the terminal.
        members.into_iter().try_for_each(|(name, value)| writeln!(f, "  {name:<8}  {}", quoted(value)))
    }
}

fn write_check(f: &mut fmt::Formatter<'_>, check: &ExplainedCheck) -> fmt::Result {
    let outcome = match check.outcome {
        CheckOutcome::Pass => "pass",
        CheckOutcome::Fail => "FAIL",
        CheckOutcome::NotReached => "-",
    };
    let rest = match (check.outcome, &check.remedy) {
        (CheckOutcome::Fail, Some(remedy)) => format!("  {}\n          {remedy}", check.code),
        (CheckOutcome::NotReached, _) => "  not reached".to_owned(),
        _ => String::new(),
    };
    let name = if rest.is_empty() { check.check.to_owned() } else { format!("{:<18}", check.check) };
    writeln!(f, "  {outcome:<4}  {name}{rest}")
}

fn write_policy(f: &mut fmt::Formatter<'_>, policy: &ExplainedPolicy) -> fmt::Result {
    let name = policy.policy;
    match policy.granted {
        Some(true) => writeln!(f, "  grant  {name}")?,
        Some(false) => writeln!(f, "  DENY   {name:<18} {}", policy.reasons.join(", "))?,
        None => {
            let requirements = policy.of_each_resource.join(", ");
            writeln!(f, "  -      {name:<18} decided for each resource: {requirements}")?;
        }
    }
    policy.remedies.iter().try_for_each(|remedy| writeln!(f, "          {remedy}"))?;
    policy.would_deny.iter().try_for_each(|WouldDeny { reason, remedy }| {
        writeln!(f, "         would deny: {reason}\n          {remedy}")
    })
}

/// Returns JSON in which every character but visible ASCII is escaped.
fn quoted(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if character == ' ' || character.is_ascii_graphic() {
            text.push(character);
        } else {
            text.extend(character.escape_unicode());
        }
    }
    text
}
