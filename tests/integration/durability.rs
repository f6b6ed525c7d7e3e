//! A write that was acknowledged survives the end of the process, however it ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use demo::system::System;
use entra_shared::http_client::HttpClient;
use entra_shared::secret::AccessToken;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tests::World;
#[cfg(target_os = "linux")]
use tests::guarded_api::outcome;
use tests::program::Server;
use tokio::task::JoinSet;

/// Starts the resource-app as a process with this data folder.
pub(crate) async fn resource_app(system: &System, folder: &Path) -> Server {
    resource_app_with(system, folder, &[]).await
}

/// Like [`resource_app`], with these variables on top.
pub(crate) async fn resource_app_with(
    system: &System,
    folder: &Path,
    more: &[(&'static str, &str)],
) -> Server {
    let variables = [
        ("AZURE_AD__INSTANCE", system.authority().instance().to_string()),
        ("HTTP_CLIENT__CA_FILE", system.ca_file().display().to_string()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.join("resources.db").display())),
    ];
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let variables: Vec<_> = variables.into_iter().chain(more).collect();
    let server = Server::start("resource-app", &["serve"], &variables);
    server.wait_until_ready().await;
    server
}

/// How many writers are active when the process ends.
pub(crate) const WRITERS: usize = 16;

/// The requests of all writers, and their outcomes.
#[derive(Default)]
pub(crate) struct Requests {
    /// The request bodies by name.
    pub(crate) sent: BTreeMap<String, Value>,
    /// The acknowledged responses.
    pub(crate) acknowledged: BTreeMap<String, Value>,
}

/// A body whose name determines its content.
fn body(name: &str) -> Value {
    json!({ "name": name, "content": { "of": name, "filler": name.repeat(50) } })
}

/// A client of a server that may end at any time.
#[derive(Clone)]
pub(crate) struct Writer {
    http: HttpClient,
    url: String,
    token: AccessToken,
    requests: Arc<Mutex<Requests>>,
}

impl Writer {
    pub(crate) fn new(
        world: &World,
        server: &Server,
        token: &AccessToken,
        requests: &Arc<Mutex<Requests>>,
    ) -> Self {
        let url = format!("{}/api/resources", server.url());
        Self { http: world.http.clone(), url, token: token.clone(), requests: Arc::clone(requests) }
    }

    /// Creates a resource, with its name as the idempotency key.
    async fn create(&self, name: &str) -> reqwest::Result<Value> {
        let request = self.http.post(&self.url).header(header::AUTHORIZATION, self.token.authorization());
        let response = request.header("idempotency-key", name).json(&body(name)).send().await?;
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json().await
    }

    /// Creates resources one after another until the server is gone.
    async fn create_until_the_end(self, prefix: String) {
        for number in 0.. {
            let name = format!("{prefix}-{number}");
            self.requests.lock().unwrap().sent.insert(name.clone(), body(&name));
            let Ok(created) = self.create(&name).await else { return };
            self.requests.lock().unwrap().acknowledged.insert(name, created);
        }
    }

    /// Starts all writers, with this prefix of their resources' names.
    pub(crate) fn start_all(&self, prefix: &str) -> JoinSet<()> {
        (0..WRITERS).map(|number| self.clone().create_until_the_end(format!("{prefix}-{number}"))).collect()
    }

    /// Waits until this many requests are acknowledged.
    pub(crate) async fn wait_for(&self, acknowledged: usize, writers: &mut JoinSet<()>) {
        while self.requests.lock().unwrap().acknowledged.len() < acknowledged {
            assert!(writers.try_join_next().is_none(), "a writer ended before the server did");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All resources, oldest first.
    pub(crate) async fn list(&self) -> Vec<Value> {
        let (mut items, mut query) = (Vec::new(), "?limit=100".to_owned());
        loop {
            let request = self.http.get(format!("{}{query}", self.url));
            let request = request.header(header::AUTHORIZATION, self.token.authorization());
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            query = format!("?limit=100&after={next}");
        }
    }
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill_in_the_middle_of_others() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = Arc::<Mutex<Requests>>::default();
    for round in 1..=3 {
        let server = resource_app(&world.system, folder.path()).await;
        let writer = Writer::new(&world, &server, &token, &requests);
        let mut writers = writer.start_all(&round.to_string());
        writer.wait_for(round * 60, &mut writers).await;
        server.kill();
        writers.join_all().await;
    }

    let server = resource_app(&world.system, folder.path()).await;
    let writer = Writer::new(&world, &server, &token, &requests);
    let stored = writer.list().await;
    let Requests { sent, acknowledged } = std::mem::take(&mut *requests.lock().unwrap());
    // Each round interrupts every writer once.
    assert_eq!(sent.len() - acknowledged.len(), 3 * WRITERS);
    let ids: Vec<_> = stored.iter().map(|resource| resource["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "in the order of their creation, and each once");
    let mut by_name = BTreeMap::new();
    for resource in &stored {
        let name = resource["name"].as_str().unwrap();
        assert_eq!(resource["content"], sent[name]["content"], "neither torn nor invented");
        assert!(by_name.insert(name, resource).is_none(), "{name} is there twice");
    }
    for (name, resource) in &acknowledged {
        assert_eq!(by_name.get(name.as_str()), Some(&resource), "{name} was acknowledged");
    }

    // Repeating every request creates nothing twice.
    for name in sent.keys() {
        let again = writer.create(name).await.unwrap();
        match by_name.get(name.as_str()) {
            Some(stored) => assert_eq!(&&again, stored),
            None => assert_eq!(again["content"], sent[name]["content"]),
        }
    }
    assert_eq!(writer.list().await.len(), sent.len());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn writes_that_find_no_room_are_refused_and_work_again_once_there_is_some() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let server = resource_app(&world.system, folder.path()).await;
    let writer = Writer::new(&world, &server, &token, &Arc::default());
    let ready = async || {
        let answer = world.http.get(format!("{}/health/ready", server.url())).send().await.unwrap();
        answer.status()
    };
    let first = writer.create("first").await.unwrap();
    server.limit("--fsize=4096:unlimited");
    for name in ["second", "third"] {
        let request = world.http.post(&writer.url).header(header::AUTHORIZATION, token.authorization());
        let refused = request.json(&body(name)).send().await.unwrap();
        assert_eq!(outcome(refused).await, (503, "store_unavailable".into()));
        assert_eq!(writer.list().await, std::slice::from_ref(&first));
        assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
    }
    server.limit("--fsize=unlimited:unlimited");
    let second = writer.create("second").await.unwrap();
    assert_eq!(ready().await, StatusCode::OK);
    server.kill();
    let server = resource_app(&world.system, folder.path()).await;
    let writer = Writer::new(&world, &server, &token, &Arc::default());
    assert_eq!(writer.list().await, [first, second]);
}
