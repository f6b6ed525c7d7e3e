//! Explains an error code by its cause, the broken rule and the remedy.

use std::fmt::Write;

use entra_shared::aadsts;

use super::Explanation;

/// Finds the codes in a text, in order. They are a lone number, or each distinct number after `AADSTS`.
pub(super) fn codes(text: &str) -> Vec<u32> {
    if let Ok(code) = text.parse() {
        return vec![code];
    }
    let mut codes = Vec::new();
    let upper = text.to_ascii_uppercase();
    for after in upper.split("AADSTS").skip(1) {
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        codes.extend(digits.parse::<u32>().ok().filter(|code| !codes.contains(code)));
    }
    codes
}

pub(super) fn explain(codes: &[u32]) -> Explanation {
    let mut text = String::new();
    let mut fine = true;
    for &code in codes {
        let _ = writeln!(text, "AADSTS{code}");
        if let Some(entry) = aadsts::lookup(code) {
            let Rule { rule, link } = rule(code);
            let _ = writeln!(text, "  cause   {}", entry.cause);
            let _ = writeln!(text, "  rule    {rule}");
            let _ = writeln!(text, "          {link}");
            let _ = writeln!(text, "  remedy  {}", entry.remedy);
        } else {
            fine = false;
            let _ = writeln!(text, "  not a code that an app-only flow is known to meet");
        }
        let _ = writeln!(text, "  more    https://login.microsoftonline.com/error?code={code}");
    }
    Explanation { text, fine }
}

/// A rule of the token endpoint, with the page that documents it.
struct Rule {
    rule: &'static str,
    link: &'static str,
}

/// Returns the rule that a code stands for. The endpoint applies the rules in this order and reports the first broken one.
fn rule(code: u32) -> Rule {
    let (rule, link) = match code {
        900561 | 900144 | 90014 | 9002313 => (
            "A token request is a POST of application/x-www-form-urlencoded, with every required parameter once.",
            "https://www.rfc-editor.org/rfc/rfc6749#section-3.2",
        ),
        90002 | 900023 | 50049 | 50059 | 9001023 => (
            "The URL names one existing tenant of this cloud, by its id or a verified domain.",
            "https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud",
        ),
        70003 => (
            "A service that acts for itself uses the client credentials grant.",
            "https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
        ),
        700016 | 700038 | 7000229 | 7000112 => (
            "The client is registered, has a service principal in this very tenant, and that is enabled.",
            "https://learn.microsoft.com/entra/identity-platform/app-objects-and-service-principals",
        ),
        7000215 | 7000216 | 7000218 | 7000222 | 700025 => (
            "A confidential client presents one credential that is registered for it and is valid now.",
            "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow",
        ),
        50027 | 50048 | 700021 | 700023 | 700024 | 700027 | 1000502 | 5002723 | 5002738 | 7000214
        | 7000274 | 7000277 => (
            "A client assertion is a JWT for this endpoint, valid now, signed with a certificate of the client.",
            "https://learn.microsoft.com/entra/identity-platform/certificate-credentials",
        ),
        70021 | 700211..=700213 | 700222 | 700229 | 7002138 | 50166 => (
            "An external token is the workload's own, and its issuer, subject and audience equal those of one federated credential.",
            "https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        ),
        28000 | 70011 | 700022 | 901002 | 1002012 => (
            "The scope is one resource's App ID URI or client id, followed by /.default.",
            "https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope",
        ),
        500011 | 500014 => (
            "The resource has a service principal in the tenant, and that is enabled.",
            "https://learn.microsoft.com/entra/identity-platform/app-objects-and-service-principals",
        ),
        501051 => (
            "Where the resource demands an assignment, the client has at least one of its app roles.",
            "https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal",
        ),
        53003 => (
            "Policies of the tenant may block a workload by where it comes from or by its risk.",
            "https://learn.microsoft.com/entra/identity/conditional-access/workload-identity",
        ),
        50196 | 90033 | 90055 => (
            "A throttled client waits as long as Retry-After says, or backs off exponentially without it.",
            "https://learn.microsoft.com/entra/identity-platform/msal-error-handling-dotnet#http-429",
        ),
        _ => (
            "A request passes a row of checks, and the first that fails names the error.",
            "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
        ),
    };
    Rule { rule, link }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_whatever_was_pasted() {
        assert_eq!(codes("7000215"), [7000215]);
        assert_eq!(codes("aadsts7000215"), [7000215]);
        let message = r#"{"error_description":"AADSTS700016: x AADSTS90002 y AADSTS700016"}"#;
        assert_eq!(codes(message), [700016, 90002]);
        for nothing in ["", "AADSTS", "AADSTSx", "AADSTS99999999999999", "-7", "error"] {
            assert!(codes(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn every_code_of_the_catalogue_has_cause_rule_and_remedy() {
        for entry in aadsts::CATALOGUE {
            let explanation = explain(&[entry.code]);
            assert!(explanation.is_fine());
            assert_ne!(rule(entry.code).rule, rule(0).rule, "{entry} has no rule of its own");
            for part in [entry.cause, entry.remedy, rule(entry.code).rule] {
                assert!(explanation.text.contains(part) && part.ends_with('.'), "{}", explanation.text);
            }
        }
        assert!(!explain(&[700016, 1]).is_fine());
    }
}
