//! Watches how long the credentials last, whether or not anybody asks for a token.

use std::time::Duration;

use entra_token::Credentials;

/// How often it is looked at. The log says it once a day; a credential that was replaced is found within the hour.
const INTERVAL: Duration = Duration::from_hours(1);

/// Looks at once and then each hour; never ends. A managed identity has nothing that expires.
pub(crate) async fn watch(credentials: Option<&Credentials>) {
    let Some(credentials) = credentials else { return std::future::pending().await };
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        credentials.refresh().await;
        credentials.warn_of_expiry();
    }
}
