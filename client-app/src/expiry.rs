//! Warns of credentials that expire soon, even if no token is requested.

use std::time::Duration;

use entra_token::Credentials;

/// How often expiry is checked. A replaced credential is noticed within this time; warnings appear once a day.
const INTERVAL: Duration = Duration::from_hours(1);

/// Checks expiry now and then every hour, without end. A managed identity has no credential that expires.
pub(crate) async fn watch(credentials: Option<&Credentials>) {
    let Some(credentials) = credentials else { return std::future::pending().await };
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        credentials.refresh().await;
        credentials.warn_of_expiry();
    }
}
