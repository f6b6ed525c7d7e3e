//! Sets up authentication and authorization from the settings: the article's `AzureAdModule`.

use std::sync::Arc;

use entra_shared::http_client::HttpClient;

use crate::settings::Settings;
use entra_guard::authentication::keys::{KeySource, Keys};
use entra_guard::authentication::{Authenticator, Expectations};
use entra_guard::authorization::{DevelopmentHandler, Handler, Policies};

/// Accepts tokens of the configured tenants for the configured API, and starts fetching the keys.
///
/// Does not wait for them: Entra may be away now and back later.
pub(crate) fn authentication(settings: &Settings, client: HttpClient) -> Authenticator {
    let azure_ad = &settings.azure_ad;
    let expectations = Expectations::new(
        azure_ad.tenancy(),
        azure_ad.client_id,
        &azure_ad.app_id_uris,
        &azure_ad.accepted_token_versions,
    )
    .with_clock_skew(azure_ad.clock_skew());
    let keys = Keys::start(KeySource::new(client, azure_ad.tenancy()), &settings.keys);
    Authenticator::new(expectations, keys, settings.verified_tokens)
}

/// The policies with what the settings demand, and the development handler in each requirement where there is one.
pub(crate) fn authorization(
    policies: Policies,
    settings: &Settings,
    development: Option<&DevelopmentHandler>,
) -> Policies {
    let policies = settings.authorization.demand(policies);
    let Some(handler) = development else { return policies };
    tracing::warn!(
        "DEVELOPMENT HANDLER: every request without a token will pass every policy; never run this anywhere else"
    );
    policies.or(&(Arc::new(handler.clone()) as Arc<dyn Handler>))
}
