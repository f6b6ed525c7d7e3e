//! Replicas of the resource-app are restarted one after another while callers keep calling.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_shared::secret::AccessToken;
use reqwest::{StatusCode, header};
use serde_json::json;
use tests::World;
use tests::guarded_api::Place;
use tests::program;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const CALLERS: usize = 8;

/// How many calls each replica serves before the next step; none of them may fail.
const CALLS: usize = 100;

/// How long those calls may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a caller waits between two calls.
const PAUSE: Duration = Duration::from_millis(4);

/// How often the balancer probes readiness: many times within the shutdown delay.
const PROBE_PERIOD: Duration = Duration::from_millis(25);

// Waiting for the programs blocks the test's own thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_replicas_are_restarted_one_after_the_other() {
    let world = World::start().await;
    let token = world.token(json!({ "roles": [] })).await;
    // Each replica has its own store, since only one process can open the file.
    let place = || Place::new(&world, "").with("SERVER__SHUTDOWN_DELAY_SECONDS", "2");
    let (balancer, stop, mut tasks) = (Balancer::new(), CancellationToken::new(), JoinSet::new());
    let mut replicas = Vec::new();
    for place in [place(), place()] {
        let server = place.serve().await;
        balancer.add(server.url());
        replicas.push((place, server));
    }
    tasks.spawn(stop.clone().run_until_cancelled_owned(balancer.clone().probe()));
    balancer.wait_until(|replicas| replicas.values().all(|replica| replica.ready)).await;
    for _ in 0..CALLERS {
        tasks.spawn(stop.clone().run_until_cancelled_owned(balancer.clone().call(token.clone())));
    }
    balancer.wait_until_all_were_called().await;
    for (place, old) in std::mem::take(&mut replicas) {
        let url = old.url().to_owned();
        let (code, log) = old.terminate();
        assert_eq!(code, Some(0), "{log}");
        balancer.remove(&url);
        let new = place.serve().await;
        balancer.add(new.url());
        balancer.wait_until_all_were_called().await;
        replicas.push((place, new));
    }
    stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(*balancer.failures.lock().unwrap(), [""; 0]);
}

/// Spreads calls over the ready replicas, like a load balancer with readiness probes. Clones share the state.
#[derive(Clone)]
struct Balancer {
    http: reqwest::Client,
    replicas: Arc<Mutex<BTreeMap<String, Replica>>>,
    failures: Arc<Mutex<Vec<String>>>,
}

#[derive(Default)]
struct Replica {
    ready: bool,
    calls: usize,
}

impl Balancer {
    fn new() -> Self {
        Self { http: program::direct(), replicas: Arc::default(), failures: Arc::default() }
    }

    fn add(&self, url: &str) {
        self.replicas.lock().unwrap().insert(url.to_owned(), Replica::default());
    }

    fn remove(&self, url: &str) {
        self.replicas.lock().unwrap().remove(url);
    }

    /// Probes the readiness of each replica in a loop.
    async fn probe(self) {
        loop {
            let urls: Vec<String> = self.replicas.lock().unwrap().keys().cloned().collect();
            for url in urls {
                let answer = self.http.get(format!("{url}/health/ready")).timeout(PATIENCE / 2).send().await;
                let ready = answer.is_ok_and(|answer| answer.status() == StatusCode::OK);
                if let Some(replica) = self.replicas.lock().unwrap().get_mut(&url) {
                    replica.ready = ready;
                }
            }
            sleep(PROBE_PERIOD).await;
        }
    }

    /// Makes calls in a loop.
    async fn call(self, token: AccessToken) {
        loop {
            if let Err(failure) = self.call_once(&token).await {
                self.failures.lock().unwrap().push(failure);
            }
            sleep(PAUSE).await;
        }
    }

    async fn call_once(&self, token: &AccessToken) -> Result<(), String> {
        let url = self.next().ok_or("no replica is ready")?;
        let request = self.http.get(format!("{url}/api/caller")).timeout(PATIENCE / 2);
        let answer = request.header(header::AUTHORIZATION, token.authorization()).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| format!("{error:?}"))?;
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{status}: {body}")) }
    }

    /// The ready replica with the fewest calls.
    fn next(&self) -> Option<String> {
        let mut replicas = self.replicas.lock().unwrap();
        let ready = replicas.iter_mut().filter(|(_, replica)| replica.ready);
        let (url, replica) = ready.min_by_key(|(_, replica)| replica.calls)?;
        replica.calls += 1;
        Some(url.clone())
    }

    async fn wait_until_all_were_called(&self) {
        self.wait_until(|replicas| replicas.values().all(|replica| replica.calls >= CALLS)).await;
    }

    async fn wait_until(&self, hold: impl Fn(&BTreeMap<String, Replica>) -> bool) {
        let holds = async {
            while !hold(&self.replicas.lock().unwrap()) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = timeout(PATIENCE, holds).await;
        assert!(in_time.is_ok(), "{:?}", self.failures.lock().unwrap());
    }
}
