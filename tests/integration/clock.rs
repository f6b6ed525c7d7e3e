//! The wall clock is set while the resource-app runs.
//!
//! Tokens are judged by the wall clock. The age of cached keys follows the monotonic clock; the wall clock can only make
//! the keys count as older, never as newer.
#![cfg(target_os = "linux")]

use std::time::Duration;

use entra_shared::secret::AccessToken;
use jiff::{SignedDuration, Timestamp};
use reqwest::{RequestBuilder, header};
use serde_json::json;
use tempfile::TempDir;
use tests::World;
use tests::guarded_api::{Place, outcome};
use tests::program::{self, Server};
use tokio::process::Command;

use crate::command::{run, skipped};

/// How long a new fetch of the keys may take.
const PATIENCE: Duration = Duration::from_secs(20);

const ACCEPTED: (u16, &str) = (200, "");
const EXPIRED: (u16, &str) = (401, "token_expired");
const NOT_YET_VALID: (u16, &str) = (401, "token_not_yet_valid");
const NO_KEYS: (u16, &str) = (503, "keys_unavailable");

#[tokio::test]
async fn tokens_are_judged_by_the_wall_clock_whatever_it_is_set_to_and_the_program_lives_on() {
    let Some(clock) = WallClock::ready().await else { return };
    let world = World::start().await;
    let server = clock.on(Place::new(&world, "")).serve().await;
    let api = Api { url: format!("{}/api/resources", server.url()), http: program::direct() };
    let now = Timestamp::now();
    let of_today = world.token(json!({})).await;
    assert_eq!(api.read(&of_today).await, expected(ACCEPTED));

    let day = SignedDuration::from_hours(24);
    let cases = [
        // A day earlier, and long before any token, the keys are still fresh.
        (now - day, NOT_YET_VALID, ACCEPTED),
        ("1970-01-01T00:00:10Z".parse().unwrap(), NOT_YET_VALID, ACCEPTED),
        // A day later they are fetched again at once.
        (now + day, EXPIRED, ACCEPTED),
        // Past what 32 bits hold of seconds, and 64 bits of nanoseconds. No certificate is valid then, so that no keys
        // can be fetched, and the old ones have expired.
        ("2038-01-19T03:14:08Z".parse().unwrap(), EXPIRED, NO_KEYS),
        ("2262-04-11T23:47:17Z".parse().unwrap(), EXPIRED, NO_KEYS),
    ];
    for (time, today, then) in cases {
        let at = time.as_second();
        let of_then = json!({ "iat": at - 10, "nbf": at - 10, "exp": at + 3600 });
        let of_then = world.token(of_then).await;
        clock.set(&time.strftime("%F %T").to_string());
        // This token was accepted before, so that it is cached.
        assert_eq!(api.read(&of_today).await, expected(today), "{time}");
        api.wait_until_read(&of_then, then, time).await;
        if then == ACCEPTED {
            assert_eq!(api.write(&of_then, time).await, time.as_second(), "{time}");
        }
        // A token that was accepted then counts no more than one of today.
        assert_eq!(api.read(&of_today).await, expected(today), "{time}");
    }

    clock.set("+0");
    api.wait_until_read(&of_today, ACCEPTED, now).await;
    ends_well(server);
}

fn ends_well(server: Server) {
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

fn expected((status, code): (u16, &str)) -> (u16, String) {
    (status, code.to_owned())
}

/// A client of the running resource-app.
struct Api {
    url: String,
    http: reqwest::Client,
}

impl Api {
    async fn read(&self, token: &AccessToken) -> (u16, String) {
        outcome(authorized(self.http.get(&self.url), token).send().await.unwrap()).await
    }

    /// Repeats a read until its outcome is `last`.
    async fn wait_until_read(&self, token: &AccessToken, last: (u16, &str), time: Timestamp) {
        let mut read = self.read(token).await;
        let becomes = async {
            while read != expected(last) {
                // The keys have expired, or not yet; nothing else may happen in between.
                assert!(read == expected(NO_KEYS) || read == expected(ACCEPTED), "{time}: {read:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                read = self.read(token).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, becomes).await;
        assert!(in_time.is_ok(), "{time}: {read:?} in place of {last:?}");
    }

    /// Creates a resource, and returns its creation time in seconds since 1970; the idempotency key is `time`.
    async fn write(&self, token: &AccessToken, time: Timestamp) -> i64 {
        let key = time.as_second().to_string();
        let request = authorized(self.http.post(&self.url), token).header("Idempotency-Key", key);
        let answer = request.json(&json!({ "name": "x", "content": 1 })).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let created: serde_json::Value = answer.json().await.unwrap();
        created["created_at"].as_str().unwrap().parse::<Timestamp>().unwrap().as_second()
    }
}

fn authorized(request: RequestBuilder, token: &AccessToken) -> RequestBuilder {
    request.header(header::AUTHORIZATION, token.authorization())
}

/// A wall clock for a program, which a file sets.
struct WallClock {
    library: String,
    folder: TempDir,
}

impl WallClock {
    /// A clock with the real time; `None` if libfaketime is missing.
    async fn ready() -> Option<Self> {
        let said =
            run(Command::new("faketime").args(["-m", "-f", "+0", "sh", "-c", "echo $LD_PRELOAD"])).await;
        let library = match said {
            Ok(library) => library.trim().to_owned(),
            Err(reason) => return skipped(&format!("no faketime here: {reason}")),
        };
        let clock = Self { library, folder: tempfile::tempdir().unwrap() };
        clock.set("+0");
        Some(clock)
    }

    /// Makes the program of this place use the clock.
    fn on(&self, place: Place) -> Place {
        let file = self.folder.path().join("clock").display().to_string();
        place
            .with("LD_PRELOAD", &self.library)
            .with("FAKETIME_TIMESTAMP_FILE", &file)
            .with("FAKETIME_NO_CACHE", "1")
            // Leaves the monotonic clock alone; older versions of libfaketime use the other name.
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with("DONT_FAKE_MONOTONIC", "1")
            .with("NO_FAKE_STAT", "1")
            .with("TZ", "UTC0")
    }

    /// Stops the clock at a time, or lets it run on.
    fn set(&self, time: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, time).unwrap();
        // Replaced in one step, since the program may read it at any time.
        std::fs::rename(new, self.folder.path().join("clock")).unwrap();
    }
}
