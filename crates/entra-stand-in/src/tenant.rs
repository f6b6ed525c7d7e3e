//! A tenant as a test uses it, with app registrations, clock, faults, keys and journal.

mod application;
mod client;
mod credentials;
mod new_secret;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::ids::TenantId;
use entra_shared::secret::AccessToken;
use reqwest::{Certificate, redirect};

pub use application::Application;
pub use client::{Client, TokenError};
pub(crate) use new_secret::NewSecret;

use crate::catalogue::{self, BadToken, GoodToken};
use crate::clock::Clock;
use crate::directory;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::keys::SigningKeys;
use crate::tenants::LiveTenant;
use crate::{MintError, MintRequest, RegistrationError};

/// A tenant with its own ids, keys, clock, faults and journal. Clones refer to the same tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    live: Arc<LiveTenant>,
    reach: Arc<Reach>,
    admin: Router,
}

/// The time limit of [`Client::token`], so that an injected hang fails a test instead of blocking it forever.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The stand-in's URL and certificate authority, and an HTTP client that trusts it.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) instance: Instance,
    pub(crate) ca_certificate_pem: String,
    pub(crate) http: OnceLock<reqwest::Client>,
}

impl Tenant {
    pub(crate) fn new(live: Arc<LiveTenant>, reach: Arc<Reach>, admin: Router) -> Self {
        Self { live, reach, admin }
    }

    /// Returns the routes of the admin listener as a service, for callers in this process that speak its JSON.
    pub fn admin(&self) -> Router {
        self.admin.clone()
    }

    /// Returns the tenant's id, which is the `tid` of its tokens.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.live.id
    }

    /// Returns the tenant's endpoints and issuers.
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority::new(self.reach.instance.clone(), self.id(), None)
    }

    /// Registers an API with the App ID URI `api://{client id}` and v2.0 tokens.
    ///
    /// # Errors
    /// The tenant has too many apps.
    pub fn application(&self, name: &str) -> Result<Application, RegistrationError> {
        Application::register(self, name)
    }

    /// Registers a client with a new client secret.
    ///
    /// # Errors
    /// The tenant has too many apps.
    pub fn client(&self, name: &str) -> Result<Client, RegistrationError> {
        Client::register(self, name)
    }

    /// Returns the keys that sign its tokens.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.live.keys
    }

    /// Returns the clock that decides when its tokens and credentials expire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.live.clock
    }

    /// Returns the faults to inject at its endpoints.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.live.faults
    }

    /// Returns the journal of requests to its endpoints.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.live.journal
    }

    /// Mints a token with any claims. The tenant that the request names is ignored.
    ///
    /// # Errors
    /// The tenant has no such client or resource.
    pub fn mint(&self, request: &MintRequest) -> Result<AccessToken, MintError> {
        request.mint_in(&self.live, &self.reach.instance)
    }

    /// Returns tokens that no API may accept; see [`BadToken`]. The client needs no granted role.
    ///
    /// # Errors
    /// The client or the API belongs to another tenant.
    pub fn bad_tokens(&self, client: &Client, api: &Application) -> Result<Vec<BadToken>, MintError> {
        catalogue::bad_tokens(&self.live, &self.reach.instance, (client.client_id(), api.client_id()))
    }

    /// Returns odd but valid tokens; see [`GoodToken`].
    ///
    /// # Errors
    /// The client or the API belongs to another tenant.
    pub fn good_tokens(&self, client: &Client, api: &Application) -> Result<Vec<GoodToken>, MintError> {
        catalogue::good_tokens(&self.live, &self.reach.instance, (client.client_id(), api.client_id()))
    }

    fn change<T>(
        &self,
        change: impl Fn(&mut directory::Tenant) -> Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        self.live.change(change)
    }
}

impl Reach {
    /// Returns an HTTP client that trusts only the stand-in's certificate authority.
    fn http(&self) -> Result<reqwest::Client, reqwest::Error> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let authority = Certificate::from_pem(self.ca_certificate_pem.as_bytes())?;
        let builder = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().timeout(TIMEOUT);
        let http = builder.redirect(redirect::Policy::none()).build()?;
        Ok(self.http.get_or_init(|| http).clone())
    }
}
