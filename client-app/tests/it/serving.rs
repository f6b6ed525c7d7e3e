//! The web service as a program: its log, shutdown and resource usage.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::peer::{Peer, Peers, Scripted, shows_no_canary};

/// The time limit of every step of a program.
const PATIENCE: Duration = Duration::from_mins(1);

/// The serving program; killed when dropped.
struct Program {
    child: Child,
    url: String,
    log: Arc<Mutex<Vec<Value>>>,
    reader: JoinHandle<()>,
    http: Client,
}

impl Program {
    async fn start(peers: &Peers, more: &[(&'static str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_client-app"))
            .env_clear()
            .envs(peers.variables())
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (log, lines) =
            (Arc::<Mutex<Vec<Value>>>::default(), BufReader::new(child.stderr.take().unwrap()));
        let (found, url) = oneshot::channel();
        let reader = tokio::spawn(follow(lines.lines(), Arc::clone(&log), found));
        let url = tokio::time::timeout(PATIENCE, url).await.unwrap().unwrap();
        Self { child, url, log, reader, http: Client::builder().no_proxy().build().unwrap() }
    }

    async fn list(&self) -> Response {
        self.http.get(format!("{}/api/resources", self.url)).send().await.unwrap()
    }

    /// Returns the process's exit code and complete log.
    async fn terminated(mut self) -> (ExitStatus, Vec<Value>) {
        // The standard library can only send SIGKILL.
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap();
        self.reader.await.unwrap();
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }
}

async fn follow(
    mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
    log: Arc<Mutex<Vec<Value>>>,
    found: oneshot::Sender<String>,
) {
    let mut found = Some(found);
    while let Some(line) = lines.next_line().await.unwrap() {
        shows_no_canary(&line);
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["message"] == "serving" {
            let found = found.take().unwrap();
            found.send(event["url"].as_str().unwrap().to_owned()).unwrap();
        }
        log.lock().unwrap().push(event);
    }
}

fn page() -> Scripted {
    Scripted::json(200, r#"{"items":[],"next":null}"#)
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, response.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_request_that_waits_for_a_token_is_answered_at_the_end_of_the_process() {
    let peers = Peers::start().await;
    peers.authority.otherwise_answers(|_| Scripted::token(3599).after(Duration::from_hours(1)));
    // Long enough to notice if the shutdown waited for it.
    let slow = [("HTTP_CLIENT__TIMEOUT_SECONDS", "3600"), ("SERVER__DRAIN_TIMEOUT_SECONDS", "3600")];
    let program = Program::start(&peers, &slow).await;
    let waiting = tokio::spawn(program.http.get(format!("{}/api/resources", program.url)).send());
    // Only the waiting request makes the program request a token.
    while peers.authority.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (status, _) = program.terminated().await;
    assert_eq!(status.code(), Some(0));
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(code(response).await, (503, "shutting_down".to_owned()));
    assert!(peers.resource.asked().is_empty());
}

#[tokio::test]
async fn a_failure_that_happens_to_every_request_is_written_down_a_few_times_and_counted() {
    let peers = Peers::start().await;
    let wrong =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: x","error_codes":[7000215]}"#;
    peers.authority.otherwise_answers(move |_| Scripted::json(401, wrong));
    let program = Program::start(&peers, &[]).await;
    for _ in 0..100 {
        assert_eq!(code(program.list().await).await, (502, "token_refused".to_owned()));
    }
    let (_, log) = program.terminated().await;
    let of_the_kind: Vec<_> = log.iter().filter(|event| event["code"] == "token_refused").collect();
    let (summaries, lines): (Vec<&Value>, _) =
        of_the_kind.into_iter().partition(|event| event["left_out"].is_u64());
    let left_out: u64 = summaries.iter().map(|event| event["left_out"].as_u64().unwrap()).sum();
    assert_eq!(lines.len() as u64 + left_out, 100);
    // Five lines a minute, and the test may take more than one minute.
    assert!(lines.len() <= 5 * (summaries.len() + 1), "{}", lines.len());
    assert!(lines[0]["error"].as_str().unwrap().contains("AADSTS7000215"), "{}", lines[0]);
    assert!(log.iter().filter(|event| event["message"] == "answered").count() == 100);
}

/// Returns the peers whose clocks the log warns of, and whether they are ahead.
fn clocks(log: &[Value]) -> Vec<(&str, bool)> {
    log.iter()
        .filter(|event| event["offset_seconds"].is_i64())
        .map(|event| (event["peer"].as_str().unwrap(), event["offset_seconds"].as_i64().unwrap() > 0))
        .collect()
}

fn host(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

#[tokio::test]
async fn a_peer_whose_clock_is_far_off_is_named_once() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::token(3599).header("date", "Sun, 06 Nov 1994 08:49:37 GMT"));
    peers.resource.otherwise_answers(|_| page().header("date", "Fri, 06 Nov 2150 08:49:37 GMT"));
    let program = Program::start(&peers, &[]).await;
    for _ in 0..3 {
        assert_eq!(program.list().await.status(), 200);
    }
    let (_, log) = program.terminated().await;
    assert_eq!(clocks(&log), [(host(&peers.authority.url), false), (host(&peers.resource.url), true)]);
}

#[tokio::test]
async fn the_clock_of_a_managed_identitys_endpoint_is_looked_at_too() {
    let (peers, endpoint) = (Peers::start().await, Peer::resource().await);
    endpoint.answers(Scripted::token(3599).header("date", "Sun, 06 Nov 1994 08:49:37 GMT"));
    peers.resource.otherwise_answers(|_| page());
    let identity = [
        ("AZURE_AD__CREDENTIAL__KIND", "managed_identity"),
        ("AZURE_AD__CLIENT_SECRET", ""),
        ("IDENTITY_ENDPOINT", endpoint.url.as_str()),
        ("IDENTITY_HEADER", "canary"),
    ];
    let program = Program::start(&peers, &identity).await;
    assert_eq!(program.list().await.status(), 200);
    let (_, log) = program.terminated().await;
    assert_eq!(clocks(&log), [(host(&endpoint.url), false)]);
}

#[tokio::test]
async fn a_right_clock_is_nothing_to_warn_of() {
    let peers = Peers::start().await;
    peers.resource.otherwise_answers(|_| page());
    let program = Program::start(&peers, &[]).await;
    assert_eq!(program.list().await.status(), 200);
    let (_, log) = program.terminated().await;
    assert!(log.iter().all(|event| event["level"] != "WARN"), "{log:?}");
}

/// Returns the number of open descriptors and the resident memory in bytes.
#[cfg(target_os = "linux")]
fn held(process: u32) -> (usize, u64) {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (descriptors, resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_thousand_requests_leave_neither_connections_nor_memory_behind() {
    const AT_ONCE: usize = 16;
    async fn requests(program: &Program, each: usize) {
        let mut running = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (http, url) = (program.http.clone(), format!("{}/api/resources", program.url));
            running.spawn(async move {
                for _ in 0..each {
                    let response = http.get(&url).send().await.unwrap();
                    assert_eq!(response.status(), 200);
                    response.bytes().await.unwrap();
                }
            });
        }
        running.join_all().await;
    }
    let peers = Peers::start().await;
    let (resource, _running) = forgetful().await;
    let program =
        Program::start(&peers, &[("RESOURCE__BASE_URL", resource.as_str()), ("RUST_LOG", "client_app=info")])
            .await;
    let process = program.child.id().unwrap();
    requests(&program, 2000 / AT_ONCE).await;
    let before = held(process);
    requests(&program, 8_000 / AT_ONCE).await;
    let after = held(process);
    assert!(after.0 <= before.0 + 2 * AT_ONCE, "{before:?} then {after:?} descriptors and bytes");
    assert!(after.1 <= before.1 + 8 * 1024 * 1024, "{before:?} then {after:?} descriptors and bytes");
}

/// A resource that does not record its requests.
#[cfg(target_os = "linux")]
async fn forgetful() -> (String, tokio_util::sync::DropGuard) {
    let server = http_shell::server::Server::bind_address(([127, 0, 0, 1], 0).into(), None).await.unwrap();
    let (url, shutdown) = (server.url(), tokio_util::sync::CancellationToken::new());
    let answer = || async { ([("content-type", "application/json")], r#"{"items":[],"next":null}"#) };
    tokio::spawn(server.serve(axum::Router::new().fallback(answer), shutdown.clone()));
    (url, shutdown.drop_guard())
}
