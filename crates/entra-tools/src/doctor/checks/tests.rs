use entra_shared::azure_ad::{Authority, Instance, Version};
use entra_shared::ids::{AppIdUri, TenantId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::facts::{
    Acquisition, AuthorityFacts, CredentialFacts, CredentialLifetime, Discovery, Facts, Operation,
    ResourceFacts, TokenFacts, Verdict,
};
use super::super::finding::Outcome;
use super::*;

const NOW: i64 = 1_900_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

fn credential(name: &str, lifetime: CredentialLifetime) -> CredentialFacts {
    CredentialFacts { name: name.to_owned(), is_refused: false, lifetime }
}

/// Facts without any fault.
fn good() -> Facts {
    let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
    let authority = Authority::new(instance, TenantId::from(Uuid::nil()), None);
    let claims =
        json!({"ver": "2.0", "iss": authority.issuer(Version::V2), "aud": "x", "roles": ["Orders.Read"]});
    let Value::Object(claims) = claims else { panic!("an object") };
    let operation = |name: &str, role: &str| Operation {
        name: name.to_owned(),
        alternatives: vec![
            [role.to_owned()].into(),
            ["Orders.All".to_owned(), "Orders.Any".to_owned()].into(),
        ],
    };
    Facts {
        now: at(0),
        app_id_uri: AppIdUri::parse("api://x").unwrap(),
        needed_roles: Vec::new(),
        acquisition: Ok(Acquisition::TokenEndpoint {
            authority,
            version: Version::V2,
            credentials: vec![credential("one", CredentialLifetime::Until(at(400 * 86_400)))],
            ignored_settings: Vec::new(),
        }),
        authority: Some(AuthorityFacts {
            host: "login".to_owned(),
            clock_offset: Some(SignedDuration::ZERO),
            answer: Ok(Discovery::Found),
        }),
        token: Some(Ok(TokenFacts { claims: Some(claims), expires_at: at(3600), renewed_from: at(3300) })),
        resource: ResourceFacts {
            redirect: None,
            base_url: "https://api".to_owned(),
            clock_offset: None,
            operations: Ok(Ok(vec![operation("GET /a", "Orders.Read")])),
            verdict: Some(Verdict::Accepted),
        },
    }
}

fn credentials(facts: &mut Facts) -> &mut Vec<CredentialFacts> {
    match &mut facts.acquisition {
        Ok(Acquisition::TokenEndpoint { credentials, .. }) => credentials,
        other => panic!("{other:?}"),
    }
}

fn outcome(examined: Result<Finding, Finding>) -> Outcome {
    let (Ok(finding) | Err(finding)) = examined;
    assert_eq!(
        finding.remedy.is_some(),
        matches!(finding.outcome, Outcome::Fail | Outcome::Warning),
        "{finding:?}"
    );
    finding.outcome
}

#[test]
fn a_good_run_passes_every_check() {
    for (name, examine) in CHECKS {
        assert_eq!(outcome(examine(&good())), Outcome::Pass, "{name}");
    }
}

#[test]
fn a_clock_offset_warns_from_one_minute_and_fails_from_five() {
    for (seconds, expected) in [
        (0, Outcome::Pass),
        (59, Outcome::Pass),
        (-59, Outcome::Pass),
        (60, Outcome::Warning),
        (-299, Outcome::Warning),
        (300, Outcome::Fail),
        (-9000, Outcome::Fail),
    ] {
        let mut facts = good();
        facts.authority.as_mut().unwrap().clock_offset = Some(SignedDuration::from_secs(seconds));
        assert_eq!(outcome(authority::clock(&facts)), expected, "{seconds}");
        // The resource's clock is used if the authority sends no date.
        facts.authority.as_mut().unwrap().clock_offset = None;
        assert_eq!(outcome(authority::clock(&facts)), Outcome::Skipped);
        facts.resource.clock_offset = Some(SignedDuration::from_secs(seconds));
        assert_eq!(outcome(authority::clock(&facts)), expected, "{seconds}");
    }
}

#[test]
fn a_credential_warns_from_thirty_days_and_fails_when_none_is_left() {
    const DAY: i64 = 86_400;
    let until = |days: i64| CredentialLifetime::Until(at(days * DAY + 1));
    let cases = [
        (vec![until(31)], Outcome::Pass),
        (vec![until(30)], Outcome::Pass),
        (vec![until(29)], Outcome::Warning),
        (vec![until(-1)], Outcome::Fail),
        (vec![until(-1), until(400)], Outcome::Warning),
        (vec![until(-1), CredentialLifetime::Unknown], Outcome::Warning),
        (vec![until(-1), until(-2)], Outcome::Fail),
        (vec![CredentialLifetime::Unknown], Outcome::Skipped),
        (vec![CredentialLifetime::Renewed], Outcome::Skipped),
    ];
    for (lifetimes, expected) in cases {
        let shown = format!("{lifetimes:?}");
        let mut facts = good();
        *credentials(&mut facts) = lifetimes.into_iter().map(|lifetime| credential("x", lifetime)).collect();
        assert_eq!(outcome(credential::expiry(&facts)), expected, "{shown}");
    }
}

#[test]
fn a_refused_credential_is_named_next_to_the_one_in_use() {
    let mut facts = good();
    credentials(&mut facts).push(credential("two", CredentialLifetime::Unknown));
    credentials(&mut facts)[0].is_refused = true;
    let finding = credential::readable(&facts);
    assert_eq!((finding.outcome, finding.found.as_str()), (Outcome::Warning, "two; refused: one"));
}

#[test]
fn needed_roles_are_those_of_the_description_or_those_named_by_the_operator() {
    let granting = |roles: Value| {
        let mut facts = good();
        let token = facts.token.as_mut().unwrap().as_mut().unwrap();
        token.claims.as_mut().unwrap().insert("roles".to_owned(), roles);
        facts
    };
    for (granted, expected) in [
        (json!(["Orders.Read"]), Outcome::Pass),
        (json!(["Orders.All", "Orders.Any"]), Outcome::Pass),
        (json!(["Orders.All", "Orders.Write"]), Outcome::Fail),
        (json!([]), Outcome::Fail),
        (Value::Null, Outcome::Fail),
    ] {
        assert_eq!(outcome(resource::roles(&granting(granted.clone()))), expected, "{granted}");
    }
    let mut facts = granting(json!(["Orders.Write"]));
    facts.needed_roles = vec!["Orders.Write".parse().unwrap()];
    assert_eq!(outcome(resource::roles(&facts)), Outcome::Pass);
    facts.needed_roles = vec!["Orders.Read".parse().unwrap()];
    let finding = resource::roles(&facts).unwrap();
    assert_eq!(finding.found, "Orders.Write; missing: Orders.Read");
    facts.needed_roles.clear();
    facts.resource.operations = Ok(Err(http::StatusCode::NOT_FOUND));
    assert_eq!(outcome(resource::roles(&facts)), Outcome::Skipped);
}

#[test]
fn without_a_token_its_checks_are_skipped() {
    let mut facts = good();
    facts.token = None;
    facts.resource.verdict = None;
    for (name, examine) in CHECKS {
        let of_token = ["token", "token version", "issuer", "lifetime", "audience", "acceptance", "roles"];
        let expected = if of_token.contains(&name) { Outcome::Skipped } else { Outcome::Pass };
        assert_eq!(outcome(examine(&facts)), expected, "{name}");
    }
}

#[test]
fn an_issuer_that_the_resource_did_not_judge_is_compared_with_the_tenants() {
    let mut facts = good();
    facts.resource.verdict = None;
    assert_eq!(outcome(token::issuer(&facts)), Outcome::Pass);
    let token = facts.token.as_mut().unwrap().as_mut().unwrap();
    token.claims.as_mut().unwrap().insert("iss".to_owned(), json!("https://elsewhere"));
    assert_eq!(outcome(token::issuer(&facts)), Outcome::Warning);
}
