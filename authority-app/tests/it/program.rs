//! The program's files, log and exit codes.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use entra_stand_in::Authority;

use crate::directories::directory;
use crate::world::{
    CLIENT, RESOURCE, SECRET, TENANT, UNGRANTED, UNGRANTED_SECRET, World, form, kept_keys, send, trusting, v2,
};

pub(crate) fn program(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_authority-app"));
    command.args(arguments).env("DATA__FOLDER", kept_keys()).env("ADMIN__LISTEN", "off");
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let Output { status, stderr, .. } = program(arguments, variables).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// A serving program, which is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) banner: String,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = program(arguments, variables);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        for line in lines.map(Result::unwrap) {
            banner.push_str(&line);
            banner.push('\n');
            if line.contains("  admin ") {
                break;
            }
        }
        Self { child, banner }
    }

    pub(crate) fn base(&self) -> String {
        let start = self.banner.find("https://").unwrap_or_else(|| panic!("no URL in: {}", self.banner));
        self.banner[start..].split_whitespace().next().unwrap().to_owned()
    }

    /// The address of its listener.
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.base().rsplit(':').next().unwrap().trim_end_matches('/'))
    }

    /// Ends the program with a signal, and returns its exit code and log.
    pub(crate) fn end(mut self) -> (i32, String) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code().unwrap(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[cfg(unix)]
async fn the_log_holds_details_that_the_answer_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let serving =
        Serving::start(&["--ca-out", &ca.display().to_string()], &[("SERVER__LISTEN", "127.0.0.1:0")]);
    let http = trusting(&std::fs::read_to_string(ca).unwrap());
    let scope = format!("api://{RESOURCE}/.default");
    let url = format!("{}/{}", serving.base(), v2(TENANT));
    let secret_id = "d1b6f2a0-58c3-4e97-9a04-7b3e1c5d2f68";
    assert_eq!(send(http.post(&url).form(&form(CLIENT, secret_id, &scope))).await.status, 401);
    let ungranted = form(UNGRANTED, UNGRANTED_SECRET, &scope);
    assert_eq!(send(http.post(&url).form(&ungranted)).await.status, 200);
    drop(http);
    let (_, log) = serving.end();
    assert!(
        log.contains("the secret's id was sent in place of its value") && !log.contains(secret_id),
        "{log}"
    );
    assert!(log.contains("\"not_consented\":\"Resource.Read\""), "{log}");
}

/// The exit code and output of `hash-secret` for an input.
fn hash_secret(input: &str) -> (i32, String) {
    let mut child = program(&["hash-secret"], &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let shown = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!shown.contains("canary"), "{shown}");
    (status.code().unwrap(), shown)
}

#[tokio::test]
async fn a_directory_that_holds_a_printed_hash_opens_to_its_secret() {
    let (code, line) = hash_secret("canary-5e0a\n");
    assert_eq!((code, line.lines().count()), (0, 1), "{line}");
    assert_eq!(hash_secret("canary-5e0a"), (0, line.clone()));
    assert_eq!(hash_secret("\n").0, 2);
    let default = "development_default = \"development-only-demo-client-secret\"";
    let directory = directory(&[("directory.toml", default, line.trim_end())]).unwrap();
    let world = World::start_with(Authority::builder().directory(directory)).await;
    let scope = format!("api://{RESOURCE}/.default");
    for (secret, status) in [("canary-5e0a", 200), (SECRET, 401), (line.trim_end(), 401)] {
        assert_eq!(world.post(&v2(TENANT), &form(CLIENT, secret, &scope)).await.status, status, "{secret}");
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).unwrap().mode() & 0o777
}

#[tokio::test]
#[cfg(unix)]
async fn it_writes_its_files_serves_and_ends_in_order_without_showing_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let issue = format!("resource={}", path("resource"));
    let serving = Serving::start(
        &["--ca-out", &path("ca.pem"), "--issue", &issue],
        &[("SERVER__LISTEN", "127.0.0.1:0"), ("RUST_LOG", "trace"), ("DEMO_CLIENT_SECRET", "canary-7c1f")],
    );
    assert!(serving.banner.contains("NEVER TRUST"), "{}", serving.banner);
    assert_eq!(mode(&folder.path().join("ca.pem")), 0o644);
    assert_eq!(mode(&folder.path().join("resource/private-key.pem")), 0o600);
    assert_eq!(mode(&folder.path().join("resource/certificate.pem")), 0o644);

    let http = trusting(&std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
    let scope = format!("api://{RESOURCE}/.default");
    let url = format!("{}/{}", serving.base(), v2(TENANT));
    let post = async |secret: &str| send(http.post(&url).form(&form(CLIENT, secret, &scope))).await;
    let token = post("canary-7c1f").await.json().text("access_token").to_owned();
    assert_eq!(post("canary-wrong-9d2e").await.status, 401);
    assert_eq!(post(SECRET).await.status, 401);
    let basic = http.post(&url).basic_auth(CLIENT, Some("canary-7c1f"));
    assert_eq!(
        send(basic.form(&[("grant_type", "client_credentials"), ("scope", &scope)])).await.status,
        200
    );
    drop(http);

    let (code, log) = serving.end();
    assert_eq!(code, 0);
    assert!(log.contains("issued a token") && log.contains("7000215"), "{log}");
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{CLIENT}:canary-7c1f"));
    for canary in ["canary", SECRET, &token, token.rsplit('.').next().unwrap(), &basic, "PRIVATE KEY"] {
        assert!(!log.contains(canary), "{canary} in the log");
    }
}

#[tokio::test]
#[cfg(unix)]
async fn the_health_check_tells_whether_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let variables = [("SERVER__LISTEN", "127.0.0.1:0"), ("DATA__FOLDER", data.as_str())];
    let (code, error) = run(&["healthcheck"], &variables);
    assert_eq!(code, 1, "never started: {error}");
    let serving = Serving::start(&["serve"], &variables);
    let listen = serving.address();
    let variables = [("SERVER__LISTEN", listen.as_str()), ("DATA__FOLDER", data.as_str())];
    assert_eq!(run(&["healthcheck"], &variables), (0, String::new()));
    assert_eq!(serving.end().0, 0);
    let (code, error) = run(&["healthcheck"], &variables);
    assert_eq!(code, 1, "no longer running: {error}");
}

#[tokio::test]
#[cfg(unix)]
async fn the_health_check_uses_up_no_fault_and_is_in_no_journal() {
    let any = "127.0.0.1:0";
    let serving = Serving::start(&["serve"], &[("SERVER__LISTEN", any), ("ADMIN__LISTEN", any)]);
    let listen = serving.address();
    let variables = [("SERVER__LISTEN", listen.as_str())];
    let admin = serving.banner.split("  admin ").nth(1).unwrap().trim().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let script = serde_json::json!([{ "kind": "status", "status": 500 }]);
    for endpoint in ["keys", "discovery_v1", "discovery_v2", "token"] {
        let faults = serde_json::json!({ "endpoint": endpoint, "script": script });
        assert_eq!(send(http.post(format!("{admin}faults")).json(&faults)).await.status, 204);
    }
    assert_eq!(run(&["healthcheck"], &variables), (0, String::new()));
    let journal = send(http.get(format!("{admin}journal"))).await;
    assert_eq!(journal.json().number("count"), 0, "{journal:?}");
    drop(http);
    assert_eq!(serving.end().0, 0);
}

#[test]
fn unusable_settings_end_it_with_code_2_and_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").display().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below_a_file = file.join("data").display().to_string();
    for (variable, value, expected) in [
        (
            "SERVER__LISTEN",
            "0.0.0.0:0",
            "`server.listen` (the settings or SERVER__LISTEN): not a loopback address; set `server.allow_non_loopback`",
        ),
        (
            "ADMIN__LISTEN",
            "0.0.0.0:0",
            "`admin.listen` (the settings or ADMIN__LISTEN): not a loopback address",
        ),
        ("SERVER__NAMES", "login.microsoftonline.com", "`server.names`"),
        ("SERVER__PUBLIC_URL", "https://sts.windows.net", "`server.public_url`"),
        ("SERVER__LISTN", "x", "unknown key `server.listn`"),
        ("DIRECTORY__FOLDER", &missing, "missing/applications: No such file"),
        ("DATA__FOLDER", &below_a_file, "`data.folder`"),
    ] {
        let listen = if variable == "SERVER__LISTEN" { value } else { "127.0.0.1:0" };
        let (code, error) = run(&[], &[("SERVER__LISTEN", listen), (variable, value)]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
    assert_eq!(run(&["--issue", "resource"], &[]).0, 2);
    for arguments in
        [["--ca-out", &format!("{below_a_file}/ca.pem")], ["--issue", &format!("resource={below_a_file}")]]
    {
        let (code, error) = run(&arguments, &[]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(arguments[0]), "{error}");
    }
    assert_eq!(run(&["nonsense"], &[]).0, 2);
    assert_eq!(run(&["--settings", &missing], &[]).0, 2);
}

#[test]
fn a_taken_address_ends_it_with_code_1_and_names_the_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, error) = run(&[], &[("SERVER__LISTEN", &address)]);
    assert_eq!((code, error.contains("`server.listen`")), (1, true), "{error}");
    let (code, error) = run(&[], &[("SERVER__LISTEN", "127.0.0.1:0"), ("ADMIN__LISTEN", &address)]);
    assert_eq!((code, error.contains("`admin.listen`")), (1, true), "{error}");
}
