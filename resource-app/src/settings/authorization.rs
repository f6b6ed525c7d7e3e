//! Section `[authorization]`: what an operator demands in addition to the policies' own requirements.

use std::collections::BTreeSet;

use entra_guard::{ClientId, TenantId};
use entra_shared::settings::KeyProblem;
use serde::Deserialize;

/// Section `[authorization]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationSettings {
    /// Lets requests without a token pass every policy.
    pub development_handler: bool,
    /// Requires a certificate or a federated credential for writing.
    pub write_requires_certificate: bool,
    /// Lets only the app that created a resource change it.
    pub only_creator_changes: bool,
    /// The apps that may call, in addition to having the role; any app if the list is empty.
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
    /// The app's tenant; if absent, the app of this id in any tenant that is accepted.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The app's name in the log.
    pub name: ClientName,
    /// The names of the policies that it may pass.
    pub policies: Vec<String>,
}

/// The name of an app in the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientName(String);

/// A demand, named by its key.
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

/// The text is not a valid value of its setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct InvalidText(String);

/// Maximum length of a client's name in characters, as in the portal.
const MAX_NAME_CHARACTERS: usize = 120;

impl AuthorizationSettings {
    /// Checks the section as a whole.
    ///
    /// # Errors
    /// A client is listed twice or without a policy, or `report_only` names a demand that is not set.
    pub fn check(&self) -> Result<(), KeyProblem> {
        const CLIENTS: &str = "authorization.clients";
        let mut seen = BTreeSet::new();
        for (index, client) in self.clients.iter().enumerate() {
            let position = index + 1;
            if client.policies.is_empty() {
                let problem = format!("number {position} must name a policy, or be left out");
                return Err(KeyProblem::new(CLIENTS, problem));
            }
            if !seen.insert((client.client_id, client.tenant_id)) {
                return Err(KeyProblem::new(CLIENTS, format!("number {position} is listed before")));
            }
            // Otherwise one app would have two names and the policies of both.
            let for_all_tenants =
                |other: &ListedClient| other.client_id == client.client_id && other.tenant_id.is_none();
            if client.tenant_id.is_some() && self.clients.iter().any(for_all_tenants) {
                let problem = format!("number {position} is listed for all tenants as well");
                return Err(KeyProblem::new(CLIENTS, problem));
            }
        }
        match self.report_only.iter().find(|demand| !self.is_set(**demand)) {
            Some(demand) => Err(KeyProblem::new(
                "authorization.report_only",
                format!("names `{}`, which is not set; set it or leave it out here", demand.key()),
            )),
            None => Ok(()),
        }
    }

    fn is_set(&self, demand: Demand) -> bool {
        match demand {
            Demand::Clients => !self.clients.is_empty(),
            Demand::WriteRequiresCertificate => self.write_requires_certificate,
            Demand::OnlyCreatorChanges => self.only_creator_changes,
        }
    }
}

impl From<&ListedClient> for entra_guard::ListedClient {
    fn from(client: &ListedClient) -> Self {
        Self {
            client_id: client.client_id,
            tenant_id: client.tenant_id,
            name: client.name.0.clone(),
            policies: client.policies.clone(),
        }
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

impl TryFrom<String> for ClientName {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, InvalidText> {
        let fits = (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) && text.trim() == text {
            Ok(Self(text))
        } else {
            Err(InvalidText(format!(
                "1 to {MAX_NAME_CHARACTERS} characters on one line, with no space around them"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn settings() -> AuthorizationSettings {
        AuthorizationSettings {
            development_handler: false,
            write_requires_certificate: false,
            only_creator_changes: false,
            clients: Vec::new(),
            report_only: Vec::new(),
        }
    }

    fn listed(number: u128, policies: &[&str]) -> ListedClient {
        ListedClient {
            client_id: ClientId::from(Uuid::from_u128(number)),
            tenant_id: None,
            name: ClientName("x".to_owned()),
            policies: policies.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let empty = AuthorizationSettings { clients: vec![listed(1, &[])], ..settings() };
        let twice = [listed(1, &["ReadPolicy"]), listed(1, &["WritePolicy"])];
        let twice = AuthorizationSettings { clients: twice.to_vec(), ..settings() };
        let tenant_id = Some(TenantId::from(Uuid::from_u128(7)));
        let in_tenant = ListedClient { tenant_id, ..listed(1, &["ReadPolicy"]) };
        let both = vec![in_tenant, listed(1, &["WritePolicy"])];
        let both = AuthorizationSettings { clients: both, ..settings() };
        let idle = AuthorizationSettings { report_only: vec![Demand::Clients], ..settings() };
        for (settings, expected) in [
            (empty, "number 1 must name a policy"),
            (twice, "number 2 is listed before"),
            (both, "number 1 is listed for all tenants as well"),
            (idle, "`clients`"),
        ] {
            let problem = settings.check().unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(settings().check(), Ok(()));
    }
}
