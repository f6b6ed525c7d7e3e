//! What an operator demands beside the policies' own requirements.

use std::collections::BTreeSet;
use std::fmt;

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::settings::KeyProblem;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::policies::{CALLER_POLICIES, OwnerPolicy, WritePolicy};
use super::policy::NamedPolicy;
use super::{Policies, Requirement};

/// Section `[authorization]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationSettings {
    /// Whether requests without a token pass every policy.
    pub development_handler: bool,
    /// Whether [`WritePolicy`] demands that the app used a certificate or a federated credential.
    pub write_requires_certificate: bool,
    /// Whether [`OwnerPolicy`] demands that the app created the resource.
    pub only_creator_changes: bool,
    /// The apps that may call, beside having the role; any app where none is listed.
    #[serde(default)]
    pub clients: Vec<ListedClient>,
    /// Which of these demands are evaluated and reported without being enforced.
    pub report_only: Vec<Demand>,
}

/// An app that may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedClient {
    /// The app.
    pub client_id: ClientId,
    /// Its tenant, where it matters which: the app of this id in any tenant that is accepted, if it is absent.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// How the log calls it.
    pub name: ClientName,
    /// The policies that it may pass.
    pub policies: Vec<PolicyName>,
}

/// What a [`ListedClient`] is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    client_id: ClientId,
    tenant_id: Option<TenantId>,
}

/// How the log calls an app.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientName(String);

/// The name of a policy that callers are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyName(&'static str);

/// A demand of the settings, called as the key that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Demand {
    /// `clients`.
    Clients,
    /// `write_requires_certificate`.
    WriteRequiresCertificate,
    /// `only_creator_changes`.
    OnlyCreatorChanges,
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct InvalidText(String);

/// The longest name of a client, in characters: what a portal shows of one.
const MAX_NAME_CHARACTERS: usize = 120;

impl AuthorizationSettings {
    /// Looks at the settings as a whole.
    ///
    /// # Errors
    /// A client is listed twice or for nothing, or what is to be reported is not demanded.
    pub fn check(&self) -> Result<(), KeyProblem> {
        const CLIENTS: &str = "authorization.clients";
        let mut seen = BTreeSet::new();
        for (index, client) in self.clients.iter().enumerate() {
            let position = index + 1;
            if client.policies.is_empty() {
                let problem = format!("number {position} must name a policy, or be left out");
                return Err(KeyProblem::new(CLIENTS, problem));
            }
            if !seen.insert(client.key()) {
                return Err(KeyProblem::new(CLIENTS, format!("number {position} is listed before")));
            }
            // Two names for one app, and twice as many policies as either says.
            let of_any_tenant = ClientKey { tenant_id: None, ..client.key() };
            if client.tenant_id.is_some() && self.clients.iter().any(|other| other.key() == of_any_tenant) {
                let problem = format!("number {position} is listed for all tenants as well");
                return Err(KeyProblem::new(CLIENTS, problem));
            }
        }
        match self.report_only.iter().find(|demand| !self.demands(**demand)) {
            Some(demand) => Err(KeyProblem::new(
                "authorization.report_only",
                format!("names `{}`, which is not set; set it or leave it out here", demand.key()),
            )),
            None => Ok(()),
        }
    }

    /// The policies with what is demanded beside their own requirements.
    #[must_use]
    pub fn demand(&self, policies: Policies) -> Policies {
        let mut policies = policies;
        if self.demands(Demand::Clients) {
            for policy in CALLER_POLICIES {
                let clients = Requirement::listed_client(self.clients_of(policy));
                policies = policies.demand(policy, &self.enforced(Demand::Clients, clients));
            }
        }
        let others = [
            (Demand::WriteRequiresCertificate, WritePolicy::NAME, Requirement::certificate()),
            (Demand::OnlyCreatorChanges, OwnerPolicy::NAME, Requirement::creator()),
        ];
        for (demand, policy, requirement) in others {
            if self.demands(demand) {
                policies = policies.demand(policy, &self.enforced(demand, requirement));
            }
        }
        policies
    }

    fn demands(&self, demand: Demand) -> bool {
        match demand {
            Demand::Clients => !self.clients.is_empty(),
            Demand::WriteRequiresCertificate => self.write_requires_certificate,
            Demand::OnlyCreatorChanges => self.only_creator_changes,
        }
    }

    fn enforced(&self, demand: Demand, requirement: Requirement) -> Requirement {
        if self.report_only.contains(&demand) { requirement.report_only() } else { requirement }
    }

    fn clients_of(&self, policy: &str) -> BTreeSet<ClientKey> {
        let may_pass = |client: &&ListedClient| client.policies.iter().any(|name| name.0 == policy);
        self.clients.iter().filter(may_pass).map(ListedClient::key).collect()
    }
}

impl ListedClient {
    /// What it is found by.
    #[must_use]
    pub fn key(&self) -> ClientKey {
        ClientKey { client_id: self.client_id, tenant_id: self.tenant_id }
    }
}

impl ClientKey {
    /// What whoever calls may be listed by: their app in their tenant, and in any.
    #[must_use]
    pub fn of(tenant: TenantId, client_id: ClientId) -> [Self; 2] {
        [Some(tenant), None].map(|tenant_id| Self { client_id, tenant_id })
    }
}

impl Demand {
    const ALL: [Self; 3] = [Self::Clients, Self::WriteRequiresCertificate, Self::OnlyCreatorChanges];

    fn key(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::WriteRequiresCertificate => "write_requires_certificate",
            Self::OnlyCreatorChanges => "only_creator_changes",
        }
    }
}

impl TryFrom<String> for Demand {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let one_of = || InvalidText(format!("one of {}", Self::ALL.map(Self::key).join(", ")));
        Self::ALL.into_iter().find(|demand| demand.key() == text).ok_or_else(one_of)
    }
}

impl TryFrom<String> for PolicyName {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let one_of = || InvalidText(format!("one of {}", CALLER_POLICIES.join(", ")));
        CALLER_POLICIES.into_iter().find(|name| *name == text).map(Self).ok_or_else(one_of)
    }
}

// By hand, since the derived one would borrow the name from what is read.
impl<'de> Deserialize<'de> for PolicyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl TryFrom<String> for ClientName {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let fits = (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) && text.trim() == text {
            Ok(Self(text))
        } else {
            Err(InvalidText(format!("1 to {MAX_NAME_CHARACTERS} characters on one line")))
        }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::claims::ClientAuthentication;
    use uuid::Uuid;

    use super::*;
    use crate::authorization::Subject;
    use crate::authorization::{ReadPolicy, Target};

    fn id(number: u128) -> ClientId {
        ClientId::from(Uuid::from_u128(number))
    }

    fn listed(number: u128, policies: &[&'static str]) -> ListedClient {
        let policies = policies.iter().map(|name| PolicyName(name)).collect();
        ListedClient { client_id: id(number), tenant_id: None, name: ClientName("n".to_owned()), policies }
    }

    fn settings() -> AuthorizationSettings {
        AuthorizationSettings {
            development_handler: false,
            write_requires_certificate: false,
            only_creator_changes: false,
            clients: Vec::new(),
            report_only: Vec::new(),
        }
    }

    fn policies(settings: &AuthorizationSettings) -> Policies {
        let mut policies = Policies::default();
        policies.add::<ReadPolicy>().unwrap();
        policies.add::<WritePolicy>().unwrap();
        policies.add::<OwnerPolicy>().unwrap();
        settings.demand(policies)
    }

    #[test]
    fn the_list_of_clients_is_for_each_policy_and_beside_the_role() {
        let clients = vec![listed(1, &["ReadPolicy"]), listed(2, &["ReadPolicy", "WritePolicy"])];
        let policies = policies(&AuthorizationSettings { clients, ..settings() });
        let (none, write) = (&[][..], &["Resource.Write".to_owned()][..]);
        let decide = |number, roles| {
            let subject = Subject { client_id: id(number), ..Subject::app(roles) };
            policies.authorize::<WritePolicy>(&subject).map_or_else(|denial| denial.reasons, |_| Vec::new())
        };
        assert_eq!(decide(2, write), [""; 0]);
        assert_eq!(decide(2, none), ["role_missing"]);
        assert_eq!(decide(1, write), ["client_not_allowed"]);
        assert_eq!(decide(3, write), ["client_not_allowed"]);
        assert_eq!(decide(3, none), ["role_missing", "client_not_allowed"]);
    }

    #[test]
    fn a_client_can_be_listed_for_one_tenant() {
        let tenant = |number| TenantId::from(Uuid::from_u128(number));
        let in_tenant =
            |number, policy| ListedClient { tenant_id: Some(tenant(number)), ..listed(1, &[policy]) };
        let clients = vec![in_tenant(7, "ReadPolicy"), in_tenant(8, "WritePolicy")];
        let settings = AuthorizationSettings { clients, ..settings() };
        assert_eq!(settings.check(), Ok(()));
        let policies = policies(&settings);
        let roles = ["Resource.Read".to_owned(), "Resource.Write".to_owned()];
        for (number, may_read, may_write) in [(7, true, false), (8, false, true), (9, false, false)] {
            let subject = Subject { tenant: tenant(number), ..Subject::app(&roles) };
            assert_eq!(policies.authorize::<ReadPolicy>(&subject).is_ok(), may_read, "{number}");
            assert_eq!(policies.authorize::<WritePolicy>(&subject).is_ok(), may_write, "{number}");
        }
        let both = vec![in_tenant(7, "ReadPolicy"), listed(1, &["WritePolicy"])];
        let problem = AuthorizationSettings { clients: both, ..settings }.check().unwrap_err().to_string();
        assert!(problem.contains("number 1 is listed for all tenants as well"), "{problem}");
    }

    #[test]
    fn writing_can_demand_a_certificate_and_reading_does_not() {
        let policies = policies(&AuthorizationSettings { write_requires_certificate: true, ..settings() });
        let roles = ["Resource.Read".to_owned(), "Resource.Write".to_owned()];
        let with_secret = Subject::app(&roles);
        let certificate = Some(ClientAuthentication::Certificate);
        let with_certificate = Subject { client_authentication: certificate, ..with_secret };
        let denial = policies.authorize::<WritePolicy>(&with_secret).unwrap_err();
        assert_eq!(denial.reasons, ["credential_too_weak"]);
        assert!(policies.authorize::<WritePolicy>(&with_certificate).is_ok());
        assert!(policies.authorize::<ReadPolicy>(&with_secret).is_ok());
    }

    #[test]
    fn who_created_a_resource_matters_where_the_settings_say_so() {
        let subject = Subject::app(&[]);
        let target =
            |number| Target { id: Uuid::from_u128(9), tenant: subject.tenant, created_by: id(number) };
        let (anybody, creator) =
            (policies(&settings()), AuthorizationSettings { only_creator_changes: true, ..settings() });
        let permit = anybody.authorize_on::<OwnerPolicy>(&subject, &target(2)).unwrap();
        assert_eq!(permit.resource(), Uuid::from_u128(9));
        let creator = policies(&creator);
        assert!(creator.authorize_on::<OwnerPolicy>(&subject, &target(1)).is_ok());
        let denial = creator.authorize_on::<OwnerPolicy>(&subject, &target(2)).unwrap_err();
        assert_eq!(denial.reasons, ["not_creator"]);
        // The same id in another tenant is another app.
        let foreign = Target { tenant: TenantId::from(Uuid::from_u128(8)), ..target(1) };
        assert!(creator.authorize_on::<OwnerPolicy>(&subject, &foreign).is_err());
        // Nothing to decide about is no permission for everything.
        assert!(anybody.authorize::<OwnerPolicy>(&subject).is_err());
    }

    #[test]
    fn a_demand_that_is_only_reported_lets_pass_and_says_so() {
        let settings = AuthorizationSettings {
            clients: vec![listed(2, &["ReadPolicy"])],
            only_creator_changes: true,
            report_only: vec![Demand::Clients, Demand::OnlyCreatorChanges],
            ..settings()
        };
        let policies = policies(&settings);
        let roles = ["Resource.Read".to_owned()];
        let proof = policies.authorize::<ReadPolicy>(&Subject::app(&roles)).unwrap();
        assert_eq!(proof.would_deny(), ["client_not_allowed"]);
        let subject = Subject::app(&roles);
        let target = Target { id: Uuid::nil(), tenant: subject.tenant, created_by: id(2) };
        let permit = policies.authorize_on::<OwnerPolicy>(&subject, &target).unwrap();
        assert_eq!(permit.would_deny(), ["not_creator"]);
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let empty = AuthorizationSettings { clients: vec![listed(1, &[])], ..settings() };
        let twice = [listed(1, &["ReadPolicy"]), listed(1, &["WritePolicy"])];
        let twice = AuthorizationSettings { clients: twice.to_vec(), ..settings() };
        let idle = AuthorizationSettings { report_only: vec![Demand::Clients], ..settings() };
        for (settings, expected) in [
            (empty, "number 1 must name a policy"),
            (twice, "number 2 is listed before"),
            (idle, "`clients`"),
        ] {
            let problem = settings.check().unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(settings().check(), Ok(()));
    }
}
