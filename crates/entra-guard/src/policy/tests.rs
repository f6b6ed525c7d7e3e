use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, TenantId};
use http::Method;
use uuid::Uuid;

use super::*;
use crate::AppRole;

const READ: AppRole = AppRole::new("Resource.Read", "c125abc9-00a9-469d-a02c-5cfffc6d2d9c", "Read.");
const WRITE: AppRole = AppRole::new("Resource.Write", "f8d39977-e31e-460b-b92c-9cef51d14f98", "Write.");

struct ReadPolicy;
struct WritePolicy;
struct AnyApp;
struct OwnerPolicy;

impl Policy for ReadPolicy {
    const NAME: &'static str = "ReadPolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(READ)
    }
}

impl Policy for WritePolicy {
    const NAME: &'static str = "WritePolicy";
    fn requirements() -> Requirements {
        Requirements::app().role(WRITE)
    }
}

impl Policy for AnyApp {
    const NAME: &'static str = "AnyApp";
    fn requirements() -> Requirements {
        Requirements::app()
    }
}

impl ResourcePolicy for OwnerPolicy {
    const NAME: &'static str = "OwnerPolicy";
    type Resource = AppIdentity;
    type Caller = WritePolicy;
    fn requirements() -> Requirements<AppIdentity> {
        Requirements::resource()
    }
    fn creator(resource: &AppIdentity) -> Option<AppIdentity> {
        Some(*resource)
    }
}

/// Answers the same to everyone.
struct Always(Outcome);

impl RequirementHandler for Always {
    fn handle(&self, _: &Context<'_>) -> Outcome {
        self.0
    }
}

fn requirement(outcomes: &[Outcome]) -> Requirement {
    let (first, rest) = outcomes.split_first().unwrap();
    let requirement = Requirement::new("test", "not_met", Always(*first));
    rest.iter().fold(requirement, |it, outcome| it.or(Always(*outcome)))
}

fn reasons(result: Result<Vec<&'static str>, Denial>) -> Vec<&'static str> {
    result.map_or_else(|denial| denial.reasons, |_| Vec::new())
}

fn evaluate(requirements: &[&[Outcome]]) -> Vec<&'static str> {
    let requirements = requirements.iter().map(|outcomes| requirement(outcomes)).collect();
    reasons(Rules::new("test", requirements).unwrap().evaluate(&Subject::app(&[]), &()))
}

fn evaluate_policy<P: Policy>(
    demands: &Demands,
    method: &Method,
    subject: &Subject<'_>,
) -> Vec<&'static str> {
    reasons(Rules::for_policy::<P>(method, demands).unwrap().evaluate(subject, &()))
}

/// The reasons of a denial on a GET route without demands.
fn denied<P: Policy>(app_only: bool, roles: &[&str]) -> Vec<&'static str> {
    let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
    let subject = Subject { app_only, ..Subject::app(&roles) };
    evaluate_policy::<P>(&Demands::default(), &Method::GET, &subject)
}

#[test]
fn any_handler_meets_a_requirement_and_a_policy_needs_all_of_them() {
    use Outcome::{Met, NotMet};
    assert_eq!(evaluate(&[&[Met]]), [""; 0]);
    assert_eq!(evaluate(&[&[NotMet, Met], &[Met, NotMet]]), [""; 0]);
    assert_eq!(evaluate(&[&[NotMet, NotMet]]), ["not_met"]);
    assert_eq!(evaluate(&[&[Met], &[NotMet]]), ["not_met"]);
    assert_eq!(evaluate(&[&[NotMet], &[NotMet]]), ["not_met", "not_met"]);
}

#[test]
fn a_veto_outweighs_every_other_handler() {
    use Outcome::{Met, Veto};
    assert_eq!(evaluate(&[&[Met, Veto]]), ["vetoed"]);
    assert_eq!(evaluate(&[&[Veto, Met, Met]]), ["vetoed"]);
    assert_eq!(evaluate(&[&[Met], &[Veto, Met]]), ["vetoed"]);
}

#[test]
fn a_requirement_that_is_only_reported_denies_nothing_and_is_reported() {
    use Outcome::{Met, NotMet, Veto};
    let tried = || requirement(&[NotMet]).report_only();
    let vetoing = || requirement(&[Met, Veto]).report_only();
    let rules = |first| Rules::new("test", vec![requirement(&[first]), tried(), vetoing()]).unwrap();
    let granted = rules(Met).evaluate(&Subject::app(&[]), &()).unwrap();
    assert_eq!(granted, ["not_met", "vetoed"]);
    let denial = rules(NotMet).evaluate(&Subject::app(&[]), &()).unwrap_err();
    assert_eq!((denial.reasons, denial.would_deny), (vec!["not_met"], vec!["not_met", "vetoed"]));
}

#[test]
fn a_policy_without_a_requirement_that_is_enforced_is_refused() {
    assert_eq!(Rules::<()>::new("empty", Vec::new()).unwrap_err(), PolicyError::Empty("empty"));
    let tried = vec![requirement(&[Outcome::Met]).report_only()];
    assert_eq!(Rules::new("tried", tried).unwrap_err(), PolicyError::Empty("tried"));
}

#[test]
fn a_caller_without_a_token_passes_every_requirement_but_a_veto() {
    let roles = ["Resource.Read".to_owned()];
    let without_token = Subject { app_only: false, roles: &[], development: true, ..Subject::app(&roles) };
    let none = Demands::default();
    assert_eq!(evaluate_policy::<WritePolicy>(&none, &Method::POST, &without_token), [""; 0]);
    assert_eq!(evaluate_policy::<WritePolicy>(&none, &Method::POST, &Subject::app(&roles)), ["role_missing"]);
    let vetoed = Rules::new("test", vec![requirement(&[Outcome::Veto])]).unwrap();
    assert_eq!(reasons(vetoed.evaluate(&without_token, &())), ["vetoed"]);
}

#[test]
fn each_role_opens_its_own_policy_and_no_other() {
    let (read, write) = ("Resource.Read", "Resource.Write");
    let cases: [(&[&str], bool, bool); 5] = [
        (&[], false, false),
        (&[read], true, false),
        (&[write], false, true),
        (&[write, read], true, true),
        (&[read, read], true, false),
    ];
    for (roles, may_read, may_write) in cases {
        assert_eq!(denied::<ReadPolicy>(true, roles).is_empty(), may_read, "{roles:?}");
        assert_eq!(denied::<WritePolicy>(true, roles).is_empty(), may_write, "{roles:?}");
        assert!(denied::<AnyApp>(true, roles).is_empty());
    }
}

#[test]
fn a_role_counts_exactly_as_it_is_written() {
    for role in [
        "resource.read",
        "RESOURCE.READ",
        " Resource.Read",
        "Resource.Read ",
        "Resource.Read\u{200b}",
        "Resource.Read Resource.Write",
        "Resource.Read,Resource.Write",
        "Resource.Read.All",
        "Resource.ReadWrite",
        "XResource.Read",
        "Resource.*",
        "*",
        "",
    ] {
        assert_eq!(denied::<ReadPolicy>(true, &[role]), ["role_missing"], "{role}");
    }
}

#[test]
fn a_user_with_the_role_does_not_pass() {
    assert_eq!(denied::<ReadPolicy>(false, &["Resource.Read"]), ["not_app_only"]);
    assert_eq!(denied::<WritePolicy>(false, &[]), ["not_app_only", "role_missing"]);
    assert_eq!(denied::<AnyApp>(false, &[]), ["not_app_only"]);
}

#[test]
fn an_app_that_did_not_authenticate_does_not_pass() {
    let roles = ["Resource.Read".to_owned()];
    for (client_authentication, passes) in [
        (None, false),
        (Some(ClientAuthentication::Public), false),
        (Some(ClientAuthentication::Secret), true),
        (Some(ClientAuthentication::Certificate), true),
    ] {
        let subject = Subject { client_authentication, ..Subject::app(&roles) };
        let reasons = evaluate_policy::<ReadPolicy>(&Demands::default(), &Method::GET, &subject);
        assert_eq!(reasons, if passes { vec![] } else { vec!["credential_too_weak"] });
    }
}

#[test]
fn a_denial_names_the_roles_that_would_have_done() {
    let rules = Rules::for_policy::<ReadPolicy>(&Method::GET, &Demands::default()).unwrap();
    assert_eq!(rules.evaluate(&Subject::app(&[]), &()).unwrap_err().roles, [READ]);
}

fn client(number: u128) -> ClientId {
    ClientId::from(Uuid::from_u128(number))
}

fn listed(number: u128, policies: &[&str]) -> ListedClient {
    ListedClient {
        client_id: client(number),
        tenant_id: None,
        name: "x".to_owned(),
        policies: policies.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_listed_client_passes_only_the_policies_that_it_is_listed_for() {
    let clients = vec![listed(1, &["ReadPolicy"]), listed(2, &["ReadPolicy", "WritePolicy"])];
    let demands = Demands::default().clients(clients, Enforcement::Enforced);
    let write = ["Resource.Write".to_owned()];
    let decide = |number, roles: &[String]| {
        let subject = Subject { client_id: client(number), ..Subject::app(roles) };
        evaluate_policy::<WritePolicy>(&demands, &Method::POST, &subject)
    };
    assert_eq!(decide(2, &write), [""; 0]);
    assert_eq!(decide(2, &[]), ["role_missing"]);
    assert_eq!(decide(1, &write), ["client_not_allowed"]);
    assert_eq!(decide(3, &write), ["client_not_allowed"]);
    assert_eq!(decide(3, &[]), ["role_missing", "client_not_allowed"]);
}

#[test]
fn a_client_can_be_listed_for_one_tenant() {
    let tenant = |number| TenantId::from(Uuid::from_u128(number));
    let in_tenant = |number, policy| ListedClient { tenant_id: Some(tenant(number)), ..listed(1, &[policy]) };
    let clients = vec![in_tenant(7, "ReadPolicy"), in_tenant(8, "WritePolicy")];
    let demands = Demands::default().clients(clients, Enforcement::Enforced);
    let roles = ["Resource.Read".to_owned(), "Resource.Write".to_owned()];
    for (number, may_read, may_write) in [(7, true, false), (8, false, true), (9, false, false)] {
        let subject = Subject { tenant: tenant(number), ..Subject::app(&roles) };
        let read = evaluate_policy::<ReadPolicy>(&demands, &Method::GET, &subject);
        let write = evaluate_policy::<WritePolicy>(&demands, &Method::POST, &subject);
        assert_eq!((read.is_empty(), write.is_empty()), (may_read, may_write), "{number}");
    }
}

#[test]
fn every_method_that_writes_can_demand_a_certificate_and_the_others_do_not() {
    let demands = Demands::default().write_requires_certificate(Enforcement::Enforced);
    let roles = ["Resource.Read".to_owned()];
    let certificate = Some(ClientAuthentication::Certificate);
    let custom = Method::from_bytes(b"ARCHIVE").unwrap();
    for (method, demanded) in [
        (Method::GET, false),
        (Method::HEAD, false),
        (Method::OPTIONS, false),
        (Method::POST, true),
        (Method::PUT, true),
        (Method::PATCH, true),
        (Method::DELETE, true),
        (custom, true),
    ] {
        // By the method and not by the policy's name: a policy that reads cannot escape it on a POST route.
        let with_secret = evaluate_policy::<ReadPolicy>(&demands, &method, &Subject::app(&roles));
        assert_eq!(with_secret, if demanded { vec!["credential_too_weak"] } else { vec![] }, "{method}");
        let subject = Subject { client_authentication: certificate, ..Subject::app(&roles) };
        assert_eq!(evaluate_policy::<ReadPolicy>(&demands, &method, &subject), [""; 0]);
    }
}

#[test]
fn only_the_creator_may_change_a_resource_if_that_is_demanded() {
    let subject = Subject::app(&[]);
    let evaluate = |demands: &Demands, method: &Method, creator: AppIdentity| {
        let rules = Rules::for_resource_policy::<OwnerPolicy>(method, demands).unwrap();
        reasons(rules.evaluate(&subject, &creator))
    };
    let caller = AppIdentity::from(&subject);
    let other = AppIdentity { client_id: client(2), ..caller };
    // The same id in another tenant is another app.
    let foreign = AppIdentity { tenant: TenantId::from(Uuid::from_u128(8)), ..caller };
    let creator = Demands::default().only_creator_changes(Enforcement::Enforced);
    assert_eq!(evaluate(&Demands::default(), &Method::PUT, other), [""; 0]);
    assert_eq!(evaluate(&creator, &Method::PUT, caller), [""; 0]);
    assert_eq!(evaluate(&creator, &Method::PUT, other), ["not_creator"]);
    assert_eq!(evaluate(&creator, &Method::DELETE, foreign), ["not_creator"]);
    assert_eq!(evaluate(&creator, &Method::GET, other), [""; 0]);
}

#[test]
fn a_resource_without_a_creator_is_denied_to_everyone_if_only_the_creator_may_change_it() {
    struct Anonymous;
    impl ResourcePolicy for Anonymous {
        const NAME: &'static str = "Anonymous";
        type Resource = u8;
        type Caller = WritePolicy;
        fn requirements() -> Requirements<u8> {
            Requirements::resource()
        }
    }
    let demands = Demands::default().only_creator_changes(Enforcement::Enforced);
    let rules = Rules::for_resource_policy::<Anonymous>(&Method::PUT, &demands).unwrap();
    assert_eq!(reasons(rules.evaluate(&Subject::app(&[]), &1)), ["not_creator"]);
}

#[test]
fn a_demand_that_is_only_reported_denies_nothing_and_is_reported() {
    let demands = Demands::default()
        .clients(vec![listed(2, &["ReadPolicy"])], Enforcement::ReportOnly)
        .only_creator_changes(Enforcement::ReportOnly);
    let granted = ["Resource.Read".to_owned()];
    let subject = Subject::app(&granted);
    let rules = Rules::for_policy::<ReadPolicy>(&Method::GET, &demands).unwrap();
    assert_eq!(rules.evaluate(&subject, &()).unwrap(), ["client_not_allowed"]);
    let rules = Rules::for_resource_policy::<OwnerPolicy>(&Method::PUT, &demands).unwrap();
    let other = AppIdentity { client_id: client(2), ..AppIdentity::from(&subject) };
    assert_eq!(rules.evaluate(&subject, &other).unwrap(), ["not_creator"]);
}
