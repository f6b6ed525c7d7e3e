//! Sets up the guard from the settings. It corresponds to the article's `AzureAdModule`.

use entra_guard::{Demands, DevelopmentHandler, Enforcement, Guard, StartError};
use entra_shared::http_client::HttpClient;

use crate::metrics::Metrics;
use crate::settings::{AuthorizationSettings, Demand, Settings};

/// The realm of challenges.
const REALM: &str = "resource-app";

/// Accepts tokens of the configured tenants for the configured API, and starts fetching the keys without waiting.
pub(crate) fn authentication(
    settings: &Settings,
    development: Option<DevelopmentHandler>,
    metrics: &Metrics,
) -> Result<Guard, StartError> {
    let azure_ad = &settings.azure_ad;
    Guard::builder(azure_ad.tenancy(), azure_ad.client_id)
        .app_id_uris(azure_ad.app_id_uris.clone())
        .accepted_versions(azure_ad.accepted_token_versions.clone())
        .clock_skew(azure_ad.clock_skew())
        .keys(settings.keys.clone())
        .verified_tokens(settings.verified_tokens)
        .http_client(HttpClient::new(&settings.http_client)?)
        .development_handler(development)
        .observer(metrics.clone())
        .realm(REALM)
        .start()
}

/// Returns what the settings demand in addition to the policies' requirements.
pub(crate) fn authorization(settings: &AuthorizationSettings) -> Demands {
    let enforcement = |demand| {
        if settings.report_only.contains(&demand) { Enforcement::ReportOnly } else { Enforcement::Enforced }
    };
    let mut demands = Demands::default().clients(settings.clients.clone(), enforcement(Demand::Clients));
    if settings.write_requires_certificate {
        demands = demands.write_requires_certificate(enforcement(Demand::WriteRequiresCertificate));
    }
    if settings.only_creator_changes {
        demands = demands.only_creator_changes(enforcement(Demand::OnlyCreatorChanges));
    }
    demands
}
