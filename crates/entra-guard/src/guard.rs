//! The guard: the keys, the expectations of tokens, and what every guarded route shares.

mod builder;

use std::fmt;
use std::sync::Arc;

use axum::response::Response;
use entra_shared::loopback::has_loopback_host;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, header};
use tokio_util::task::AbortOnDropHandle;

pub use builder::{GuardBuilder, StartError};

use crate::answers::{Answers, Challenges, Refusal};
use crate::authentication::keys::KeyStatus;
use crate::authentication::{AuthenticationError, Authenticator, Tenancy, VerifiedTokenStatus};
use crate::decision::Decisions;
use crate::development::DevelopmentHandler;
use crate::policy::{Demands, Denial, Policy, Rules};
use crate::principal::Principal;
use entra_shared::ids::ClientId;

/// Validates access tokens and guards routes. Clones are cheap and share keys and verified tokens.
///
/// The background tasks that fetch keys and summarize the log end with the last clone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

/// What the clones of a guard share.
pub(crate) struct Inner {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) decisions: Arc<Decisions>,
    development: Option<DevelopmentHandler>,
    answers: Box<dyn Answers>,
    challenges: Challenges,
    _summaries: AbortOnDropHandle<()>,
}

/// The state of a guard's keys and verified tokens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct GuardStatus {
    /// The keys and their age.
    pub keys: KeyStatus,
    /// The remembered tokens.
    pub verified_tokens: VerifiedTokenStatus,
}

impl Guard {
    /// Configures a guard that accepts tokens of these tenants for the API with this client id.
    pub fn builder(tenancy: impl Into<Tenancy>, client_id: ClientId) -> GuardBuilder {
        GuardBuilder::new(tenancy.into(), client_id)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// Returns whether both are clones of one guard.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits until keys are available. Without them, requests are answered with 503.
    pub async fn ready(&self) {
        self.0.authenticator.keys().ready().await;
    }

    /// Returns whether keys are available, and how old they are.
    #[must_use]
    pub fn status(&self) -> GuardStatus {
        let Inner { authenticator, .. } = &*self.0;
        GuardStatus { keys: authenticator.keys().status(), verified_tokens: authenticator.verified_tokens() }
    }

    /// Returns whether tokens can be verified now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.authenticator.keys().are_usable()
    }

    /// Authenticates a request, for a server without axum's routes.
    ///
    /// It takes the whole head, since a token in the query is refused (RFC 6750 section 5.3).
    ///
    /// # Errors
    /// There is no valid token, or no key set to verify it with.
    pub async fn authenticate(&self, request: &Parts) -> Result<Principal, AuthenticationError> {
        self.0.identify(&request.headers, &request.uri).await
    }

    /// Evaluates a policy for an authenticated request.
    ///
    /// A rule that depends on the HTTP method uses the authenticated request's. What an operator requires by
    /// [`Demands`](crate::Demands) applies to [`GuardedRoutes`](crate::GuardedRoutes) only.
    ///
    /// # Errors
    /// The policy denies.
    pub fn authorize<P: Policy>(&self, principal: &Principal) -> Result<(), Denial> {
        let rules = Rules::for_policy::<P>(&Method::GET, &Demands::default());
        let rules = rules.map_err(|_| Denial::no_policy(P::NAME))?;
        rules.evaluate(&principal.subject(), &()).map(|_| ())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Inner {
    /// Authenticates a request, or lets the development handler accept it.
    pub(crate) async fn identify(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Principal, AuthenticationError> {
        match (self.authenticator.authenticate(headers, uri.query()).await, &self.development) {
            (Ok(caller), _) => Ok(Principal::for_caller(caller)),
            // Only without any header: a credential of any kind is validated. And only by a loopback name: a web page
            // whose name resolves to loopback is not the developer.
            (Err(AuthenticationError::NoCredential), Some(handler))
                if !headers.contains_key(header::AUTHORIZATION) && has_loopback_host(uri, headers) =>
            {
                Ok(Principal::for_development(handler))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Returns the answer to a refused request.
    pub(crate) fn refuse(&self, refusal: &Refusal) -> Response {
        refusal.answer(&*self.answers, &self.challenges)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.decisions.summarize();
    }
}
