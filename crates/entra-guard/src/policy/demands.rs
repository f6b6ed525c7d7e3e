//! What an operator demands in addition to the policies' own requirements.

use http::Method;

use super::{AppIdentity, Context, ListedClient, Outcome, Policy, Requirement, ResourcePolicy};

/// What an operator demands in addition to the policies' own requirements.
///
/// Demands bind by what a route does, so a new route or policy cannot escape them.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    certificate: Option<Enforcement>,
    creator: Option<Enforcement>,
    listed: Option<Enforcement>,
    clients: Vec<ListedClient>,
}

/// Whether a demand denies or is only reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// A caller that does not meet the demand is denied.
    Enforced,
    /// The decision log tells who would be denied.
    ReportOnly,
}

impl Enforcement {
    fn apply<R: 'static>(self, requirement: Requirement<R>) -> Requirement<R> {
        match self {
            Self::Enforced => requirement,
            Self::ReportOnly => requirement.report_only(),
        }
    }
}

impl Demands {
    /// Demands [`Requirement::certificate`] on each guarded route whose method is not GET, HEAD or OPTIONS.
    #[must_use]
    pub fn write_requires_certificate(self, enforcement: Enforcement) -> Self {
        Self { certificate: Some(enforcement), ..self }
    }

    /// Lets only the creator change a resource: binds each policy about a resource, on the same routes.
    ///
    /// [`ResourcePolicy::creator`] names the creator.
    #[must_use]
    pub fn only_creator_changes(self, enforcement: Enforcement) -> Self {
        Self { creator: Some(enforcement), ..self }
    }

    /// Lets only these apps call, each for the policies that it is listed for. An empty list demands nothing.
    #[must_use]
    pub fn clients(self, clients: Vec<ListedClient>, enforcement: Enforcement) -> Self {
        Self { listed: (!clients.is_empty()).then_some(enforcement), clients, ..self }
    }

    /// Returns the apps that are listed.
    pub(crate) fn listed_clients(&self) -> &[ListedClient] {
        &self.clients
    }

    /// What is demanded of a caller on a route with this method.
    pub(super) fn for_caller<P: Policy>(&self, method: &Method) -> impl Iterator<Item = Requirement> {
        let listed = self.listed.map(|it| it.apply(self.client_listed(P::NAME)));
        let certificate = self.certificate.filter(|_| writes(method));
        listed.into_iter().chain(certificate.map(|it| it.apply(Requirement::certificate())))
    }

    /// Returns what is demanded for a resource on a route with this method.
    pub(super) fn for_resource<P: ResourcePolicy>(
        &self,
        method: &Method,
    ) -> Option<Requirement<P::Resource>> {
        let created_by_caller = |context: &Context<'_, P::Resource>| {
            Outcome::from(P::creator(context.resource) == Some(AppIdentity::from(context.caller)))
        };
        let demanded = self.creator.filter(|_| writes(method))?;
        Some(demanded.apply(Requirement::new("Creator", "not_creator", created_by_caller)))
    }

    fn client_listed(&self, policy: &str) -> Requirement {
        let is_for_policy = |client: &&ListedClient| client.policies.iter().any(|name| name == policy);
        let clients: Vec<_> = self.clients.iter().filter(is_for_policy).cloned().collect();
        Requirement::new("ListedClient", "client_not_allowed", move |context: &Context<'_>| {
            Outcome::from(clients.iter().any(|client| client.matches(AppIdentity::from(context.caller))))
        })
    }
}

fn writes(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}
