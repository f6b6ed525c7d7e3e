//! A team's own workspaces, outside this one, depend on the libraries by path alone.
//!
//! Their sources are in `outside/`. They are built once in `target/outside`, and offline if cargo has all it needs; where
//! it can neither find nor fetch a crate, the tests report that and pass; with `CI=true` they fail.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use entra_stand_in::Authority;
use reqwest::StatusCode;
use tempfile::TempDir;
use tests::program::direct;
use tests::world::{CLIENT, RESOURCE, TENANT};
use tokio::process::Command;

use crate::command::{self, skipped};

/// A guarded service, and a program that must not compile.
const ORDERS: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("outside/orders/Cargo.toml")),
    ("src/main.rs", include_str!("outside/orders/src/main.rs")),
    ("examples/without_policy.rs", include_str!("outside/orders/examples/without_policy.rs")),
];

/// A program with both providers of jsonwebtoken's cryptography.
const PROVIDERS: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("outside/providers/Cargo.toml")),
    ("src/main.rs", include_str!("outside/providers/src/main.rs")),
];

/// The most crates that guard and token retriever may bring into a service.
const MOST_CRATES: usize = 130;

/// How long a build may take, the wait for another one included.
const BUILD_LIMIT: Duration = Duration::from_mins(20);

/// A workspace in a temporary folder, with a copy of this workspace's lock file.
struct Workspace {
    folder: TempDir,
    offline: bool,
}

impl Workspace {
    /// Writes the files, and resolves the dependencies; `None` if that needs a network that is not there.
    async fn new(files: &[(&str, &str)]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace("{repository}", &repository.display().to_string())).unwrap();
        }
        std::fs::copy(repository.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        let mut workspace = Self { folder, offline: true };
        // Downloads what this machine needs, unlike `cargo fetch`, which downloads for every platform.
        if workspace.cargo(&["tree"]).await.is_err() {
            workspace.offline = false;
            if let Err(reason) = workspace.cargo(&["tree"]).await {
                return skipped(&format!("cargo can neither find nor fetch the dependencies: {reason}"));
            }
        }
        Some(workspace)
    }

    /// Runs cargo and returns its output; an error holds all output.
    async fn cargo(&self, arguments: &[&str]) -> Result<String, String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).args(self.offline.then_some("--offline")).current_dir(self.folder.path());
        // A team's build does not have this workspace's `.cargo/config.toml`.
        cargo.env_remove("AWS_LC_SYS_NO_JITTER_ENTROPY").env("CARGO_TARGET_DIR", target());
        command::run_within(BUILD_LIMIT, &mut cargo).await
    }

    /// Builds the workspace's program, whose path is returned.
    async fn build(&self, name: &str) -> PathBuf {
        self.cargo(&["build"]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

/// The folder of the builds, which is kept for the next run of the tests.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("outside")
}

/// A running service, killed when this is dropped.
struct Service {
    process: Child,
    url: String,
}

impl Service {
    /// Starts a program that prints its URL when it serves.
    fn start(program: &Path, variables: &[(&str, &str)]) -> Self {
        let mut service = std::process::Command::new(program);
        service.env_clear().envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut process = service.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim_end().to_owned() }
    }

    /// The status and the body of a GET request.
    async fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, String) {
        let request = direct().get(format!("{}{path}", self.url));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn status(&self, path: &str, token: Option<&str>) -> StatusCode {
        self.get(path, token).await.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_service_is_guarded_by_two_dependencies() {
    let Some(workspace) = Workspace::new(ORDERS).await else { return };
    let program = workspace.build("orders").await;

    let authority = Authority::builder().spawn().await.unwrap();
    let tenant = authority.tenant().await.unwrap();
    let api = tenant.application("orders").unwrap();
    let api = api.role("Orders.Read").unwrap().role("Partner.Stock").unwrap();
    let reader = tenant.client("reader").unwrap().grant(&api, "Orders.Read").unwrap();
    let partner = tenant.client("partner").unwrap().grant(&api, "Partner.Stock").unwrap();
    let ca = workspace.folder.path().join("ca.pem");
    std::fs::write(&ca, authority.ca_certificate_pem()).unwrap();
    let (instance, tenant_id) = (authority.instance().to_string(), tenant.id().to_string());
    let service = Service::start(
        &program,
        &[
            ("INSTANCE", &instance),
            ("TENANT_ID", &tenant_id),
            ("CLIENT_ID", &api.client_id().to_string()),
            ("CA_FILE", ca.to_str().unwrap()),
            ("APP_ID_URI", &api.app_id_uri()),
            ("SSL_CERT_FILE", ca.to_str().unwrap()),
            ("AZURE_AUTHORITY_HOST", &instance),
            ("AZURE_TENANT_ID", &tenant_id),
            ("AZURE_CLIENT_ID", &partner.client_id().to_string()),
            ("AZURE_CLIENT_SECRET", partner.secret().expose()),
        ],
    );
    let (reading, partnering) = (reader.token(&api).await.unwrap(), partner.token(&api).await.unwrap());
    let (reading, partnering) = (Some(reading.expose()), Some(partnering.expose()));

    // Nested under a prefix, with the state of the router around.
    let (status, orders) = service.get("/v1/orders", reading).await;
    let expected = format!(r#"[{{"item":"tea of Contoso","caller":"{}"}}]"#, reader.client_id());
    assert_eq!((status, orders), (StatusCode::OK, expected));
    assert_eq!(service.status("/v1/orders", partnering).await, StatusCode::FORBIDDEN);
    assert_eq!(service.status("/v1/orders", None).await, StatusCode::UNAUTHORIZED);

    // The router around keeps its own routes and fallback.
    assert_eq!(service.get("/about", None).await, (StatusCode::OK, "Contoso".to_owned()));
    let missing = (StatusCode::NOT_FOUND, "no such page of the shop".to_owned());
    assert_eq!(service.get("/missing", None).await, missing);
    assert_eq!(service.get("/v1/missing", None).await, missing);

    // The requirement of the team's own decides below the protected prefix.
    assert_eq!(service.get("/api/stock", partnering).await, (StatusCode::OK, "12 tins".to_owned()));
    let (status, denial) = service.get("/api/stock", reading).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(!denial.contains("12 tins"), "{denial}");
    // A plain route below the protected prefix never runs.
    assert_eq!(service.status("/api/plain", None).await, StatusCode::UNAUTHORIZED);
    let (status, body) = service.get("/api/plain", partnering).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(!body.contains("never reached"), "{body}");

    // The service gets a token of its own, and calls the other API with it.
    assert_eq!(service.get("/v1/stock", reading).await, (StatusCode::OK, "12 tins".to_owned()));
}

#[tokio::test]
async fn an_encrypted_key_needs_a_feature() {
    let Some(workspace) = Workspace::new(ORDERS).await else { return };
    let program = workspace.build("orders").await;
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/entra-token/tests/certificates");
    for (file, expected) in
        [("modern.pfx", true), ("pkcs8-aes256.pem", true), ("pkcs8.pem", false), ("pkcs1.pem", false)]
    {
        let mut service = Command::new(&program);
        service.env_clear().envs([
            ("INSTANCE", "https://login.microsoftonline.com"),
            ("TENANT_ID", TENANT),
            ("CLIENT_ID", RESOURCE),
            ("CA_FILE", certificates.join("chain.pem").to_str().unwrap()),
            ("APP_ID_URI", "not a URI"),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_CLIENT_CERTIFICATE_PATH", certificates.join(file).to_str().unwrap()),
            ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary-password"),
        ]);
        let output = command::run(&mut service).await.unwrap_err();
        assert_eq!(output.contains("EncryptedKeysDisabled"), expected, "{file}: {output}");
    }
}

#[tokio::test]
async fn a_handler_without_a_policy_does_not_compile() {
    let Some(workspace) = Workspace::new(ORDERS).await else { return };
    let output = workspace.cargo(&["build", "--example", "without_policy"]).await.unwrap_err();
    assert!(output.contains("error[E0277]"), "{output}");
    assert!(output.contains("a guarded handler must take `Authorized<SomePolicy>`"), "{output}");
    assert_eq!(output.matches("error[").count(), 1, "{output}");
}

#[tokio::test]
async fn guard_and_token_retriever_bring_few_crates_along() {
    let Some(workspace) = Workspace::new(ORDERS).await else { return };
    let manifest = workspace.folder.path().join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let own = ["axum = ", "serde = ", "tokio = "];
    let (own, others): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| own.iter().any(|name| line.starts_with(name)));
    assert_eq!(own.len(), 3, "{text}");
    std::fs::write(manifest, others.join("\n")).unwrap();
    let tree = workspace.cargo(&["tree", "-e", "normal", "--prefix", "none", "-p", "orders"]).await.unwrap();
    // A line ends with the folder of the crate, or with a mark of repetition.
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(" (").next()).collect();
    let most = MOST_CRATES;
    assert!(crates.len() <= most, "{} crates, at most {most}: {crates:#?}", crates.len());
}

#[tokio::test]
async fn a_guard_starts_with_a_provider_that_works_and_reports_one_that_does_not() {
    let Some(workspace) = Workspace::new(PROVIDERS).await else { return };
    let program = workspace.build("providers").await;
    let broken = "the jsonwebtoken provider of this process cannot verify RS256 signatures";
    for (installed, expected) in [
        ("none", "started"),
        ("rust_crypto", "started"),
        ("used too early", "started"),
        ("refusing", broken),
        ("panicking", broken),
    ] {
        let output = command::run(Command::new(&program).arg(installed)).await.unwrap();
        assert_eq!(output.trim_end(), expected, "{installed}");
    }
}
