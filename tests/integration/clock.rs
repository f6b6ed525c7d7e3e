//! The wall clock is set to another time while the resource-app runs.
//!
//! Tokens are judged by it. What is kept is judged by the monotonic clock, beside which the wall clock can only make the
//! keys older: they are used before their time and not after it.
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

/// How long the keys may take to be fetched again.
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
        // The day before, and long before there could be a token, the keys are as new as they were.
        (now - day, NOT_YET_VALID, ACCEPTED),
        ("1970-01-01T00:00:10Z".parse().unwrap(), NOT_YET_VALID, ACCEPTED),
        // A day later they are fetched again at once.
        (now + day, EXPIRED, ACCEPTED),
        // Past what 32 bits hold of seconds, and 64 of nanoseconds: nobody knows of a certificate that is good then, so
        // that no keys come, and old ones are not believed.
        ("2038-01-19T03:14:08Z".parse().unwrap(), EXPIRED, NO_KEYS),
        ("2262-04-11T23:47:17Z".parse().unwrap(), EXPIRED, NO_KEYS),
    ];
    for (time, today, then) in cases {
        let at = time.as_second();
        let of_then = json!({ "iat": at - 10, "nbf": at - 10, "exp": at + 3600 });
        let of_then = world.token(of_then).await;
        clock.set(&time.strftime("%F %T").to_string());
        // It was accepted before, so that it is known.
        assert_eq!(api.read(&of_today).await, expected(today), "{time}");
        api.wait_until_read(&of_then, then, time).await;
        if then == ACCEPTED {
            assert_eq!(api.write(&of_then, time).await, time.as_second(), "{time}");
        }
        // What was accepted then is no more than today's.
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

/// The resources of a running program.
struct Api {
    url: String,
    http: reqwest::Client,
}

impl Api {
    async fn read(&self, token: &AccessToken) -> (u16, String) {
        outcome(authorized(self.http.get(&self.url), token).send().await.unwrap()).await
    }

    /// Reads until this comes of it.
    async fn wait_until_read(&self, token: &AccessToken, last: (u16, &str), time: Timestamp) {
        let mut read = self.read(token).await;
        let becomes = async {
            while read != expected(last) {
                // Keys that have just been found too old, or are not yet, and nothing else.
                assert!(read == expected(NO_KEYS) || read == expected(ACCEPTED), "{time}: {read:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                read = self.read(token).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, becomes).await;
        assert!(in_time.is_ok(), "{time}: {read:?} in place of {last:?}");
    }

    /// Creates a resource under a key of the time, and returns when that was by the program, in seconds since 1970.
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

/// A wall clock for a program, set by a file.
struct WallClock {
    library: String,
    folder: TempDir,
}

impl WallClock {
    /// A clock that shows the time; `None` where this machine has no libfaketime.
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

    /// A place in which the program goes by this clock.
    fn on(&self, place: Place) -> Place {
        let file = self.folder.path().join("clock").display().to_string();
        place
            .with("LD_PRELOAD", &self.library)
            .with("FAKETIME_TIMESTAMP_FILE", &file)
            .with("FAKETIME_NO_CACHE", "1")
            // The monotonic clock stays as it is; older versions have it by the other name.
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .with("DONT_FAKE_MONOTONIC", "1")
            .with("NO_FAKE_STAT", "1")
            .with("TZ", "UTC0")
    }

    /// Stops it at a time, or lets it go on from the time that it is.
    fn set(&self, time: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, time).unwrap();
        // The program looks at any moment.
        std::fs::rename(new, self.folder.path().join("clock")).unwrap();
    }
}
