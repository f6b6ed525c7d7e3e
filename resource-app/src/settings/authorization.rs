//! Section `[authorization]`, with an operator's demands in addition to the policies' own requirements.

use entra_guard::ListedClient;
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

/// The text is not the key of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", Demand::KEYS.map(|(key, _)| key).join(", "))]
pub struct InvalidDemand;

/// Maximum length of a client's name in characters, as in the portal.
const MAX_NAME_CHARACTERS: usize = 120;

impl AuthorizationSettings {
    /// Checks the section as a whole.
    ///
    /// # Errors
    /// A client is listed twice, without a policy or with an unusable name, or `report_only` names a demand that is not
    /// set.
    pub fn check(&self) -> Result<(), KeyProblem> {
        for (index, client) in self.clients.iter().enumerate() {
            if let Some(problem) = self.problem(index, client) {
                let problem = format!("number {} {problem}", index + 1);
                return Err(KeyProblem::new("authorization.clients", problem));
            }
        }
        let is_idle =
            |(_, demand): &(&str, Demand)| self.report_only.contains(demand) && !self.is_set(*demand);
        match Demand::KEYS.into_iter().find(is_idle) {
            Some((key, _)) => Err(KeyProblem::new(
                "authorization.report_only",
                format!("names `{key}`, which is not set; set it or leave it out here"),
            )),
            None => Ok(()),
        }
    }

    /// Returns what is wrong with the client at this index.
    fn problem(&self, index: usize, client: &ListedClient) -> Option<&'static str> {
        let ListedClient { client_id, tenant_id, name, policies } = client;
        let is_same = |other: &ListedClient| (other.client_id, other.tenant_id) == (*client_id, *tenant_id);
        let is_for_all = |other: &ListedClient| other.client_id == *client_id && other.tenant_id.is_none();
        if !(1..=MAX_NAME_CHARACTERS).contains(&name.chars().count())
            || name.contains(char::is_control)
            || name.trim() != name
        {
            Some("must have a name of 1 to 120 characters on one line, with no space around them")
        } else if policies.is_empty() {
            Some("must name a policy, or be left out")
        } else if self.clients.iter().take(index).any(is_same) {
            Some("is listed before")
        } else if tenant_id.is_some() && self.clients.iter().any(is_for_all) {
            // Otherwise one app would have two names and the policies of both.
            Some("is listed for all tenants as well")
        } else {
            None
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

impl Demand {
    const KEYS: [(&'static str, Self); 3] = [
        ("clients", Self::Clients),
        ("write_requires_certificate", Self::WriteRequiresCertificate),
        ("only_creator_changes", Self::OnlyCreatorChanges),
    ];
}

impl TryFrom<String> for Demand {
    type Error = InvalidDemand;

    fn try_from(text: String) -> Result<Self, InvalidDemand> {
        Self::KEYS.into_iter().find(|(key, _)| *key == text).map(|(_, demand)| demand).ok_or(InvalidDemand)
    }
}

#[cfg(test)]
mod tests {
    use entra_guard::{ClientId, TenantId};
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
            name: "x".to_owned(),
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
        let nameless = ListedClient { name: " x".to_owned(), ..listed(1, &["ReadPolicy"]) };
        let nameless = AuthorizationSettings { clients: vec![nameless], ..settings() };
        let idle = AuthorizationSettings { report_only: vec![Demand::Clients], ..settings() };
        for (settings, expected) in [
            (empty, "number 1 must name a policy"),
            (twice, "number 2 is listed before"),
            (both, "number 1 is listed for all tenants as well"),
            (nameless, "number 1 must have a name"),
            (idle, "`clients`"),
        ] {
            let problem = settings.check().unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(settings().check(), Ok(()));
    }
}
