//! Credentials that expire while nobody asks for a token.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_app::ClientApp;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::peer::{Peers, shows_no_canary};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn warnings(&self) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        shows_no_canary(&text);
        text.matches("a credential expires soon").count()
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_service_says_once_a_day_that_its_credential_expires() {
    let (log, peers) = (Log::default(), Peers::start().await);
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let expires_on = (Timestamp::now() + SignedDuration::from_hours(24 * 10)).to_string()[..10].to_owned();
    let settings = peers.settings_with(&[("AZURE_AD__CLIENT_SECRET_EXPIRES_ON", &expires_on)]);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(ClientApp::bind(settings).await.unwrap().run(shutdown.clone()));

    // The clock goes on by itself where nothing else is to be done.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(log.warnings(), 1);
    tokio::time::sleep(Duration::from_hours(22)).await;
    assert_eq!(log.warnings(), 1);
    tokio::time::sleep(Duration::from_hours(26)).await;
    assert_eq!(log.warnings(), 3);
    assert!(peers.authority.asked().is_empty());
    shutdown.cancel();
    running.await.unwrap();
}
