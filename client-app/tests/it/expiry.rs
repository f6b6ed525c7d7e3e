//! Credentials that expire while no token is requested.

use std::time::Duration;

use client_app::ClientApp;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::peer::{Peers, shows_no_canary};
use crate::test_log::TestLog;

#[tokio::test(start_paused = true)]
async fn an_idle_service_says_once_a_day_that_its_credential_expires() {
    let (log, peers) = (TestLog::start(), Peers::start().await);
    let warnings = || {
        let text = log.take();
        shows_no_canary(&text);
        text.matches("a credential expires soon").count()
    };
    let expires_on = (Timestamp::now() + SignedDuration::from_hours(24 * 10)).to_string()[..10].to_owned();
    let settings = peers.settings_with(&[("AZURE_AD__CLIENT_SECRET_EXPIRES_ON", &expires_on)]);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(ClientApp::bind(settings).await.unwrap().run(shutdown.clone()));

    // The paused clock advances by itself while all tasks are idle.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(warnings(), 1);
    tokio::time::sleep(Duration::from_hours(22)).await;
    assert_eq!(warnings(), 0);
    tokio::time::sleep(Duration::from_hours(26)).await;
    assert_eq!(warnings(), 2);
    assert!(peers.authority.asked().is_empty());
    shutdown.cancel();
    running.await.unwrap();
}
