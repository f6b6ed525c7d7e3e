//! Starts the measured programs: release builds, on loopback, plain http.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::Connection;
use crate::log::Log;
use crate::process::{Process, pinned};

/// The tenant of the stand-in's seeded directory.
pub(crate) const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
/// `DemoResourceApp`: the API that is measured.
pub(crate) const RESOURCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
/// `DemoClientApp`, granted both roles.
pub(crate) const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";

/// The size of the resource-app's token cache in the speed rounds: more than the tokens of the largest set.
pub(crate) const REMEMBERED: usize = 65_536;

/// How long the resource-app lets requests in flight finish when it ends.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

/// How long a program may take to be ready; the stand-in generates its keys first.
const PATIENCE: Duration = Duration::from_mins(1);

/// The cores of the two sides.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The core of the servers under measurement, as `taskset` takes it.
    #[arg(long, global = true, default_value = "0", value_name = "CORE")]
    server_core: String,
    /// The core of the load generator.
    #[arg(long, global = true, default_value = "1", value_name = "CORE")]
    pub(crate) load_core: String,
    /// A folder with `authority-app`, `resource-app` and `client-app`, instead of programs that cargo builds from this tree.
    #[arg(long, global = true, value_name = "FOLDER")]
    programs: Option<PathBuf>,
}

/// The stand-in, and what servers need to trust it.
#[derive(Debug)]
pub(crate) struct System {
    place: Place,
    programs: PathBuf,
    folder: TempDir,
    _authority: Process,
    pub(crate) instance: String,
    pub(crate) admin: SocketAddr,
}

/// A server under measurement.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log: Log,
}

/// A server to compare with the resource-app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Reference {
    /// Plain routes without tokens.
    Open,
    /// A handwritten extractor on jsonwebtoken.
    Handwritten,
    /// The extractor of axum-jwt-auth.
    AxumJwtAuth,
    /// Nothing but a verification with a parsed key.
    ParsedKey,
}

impl System {
    /// Builds the programs and starts the stand-in.
    pub(crate) fn start(place: &Place) -> anyhow::Result<Self> {
        let programs = place.programs.clone().map_or_else(build, Ok)?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir()?;
        let (address, admin) = (free_address()?, free_address()?);
        let variables = [
            ("DATA__FOLDER", folder.path().join("authority").into_os_string()),
            ("SERVER__LISTEN", address.to_string().into()),
            ("ADMIN__LISTEN", admin.to_string().into()),
            ("RUST_LOG", "warn".into()),
        ];
        let mut command = pinned(
            &format!("{},{}", place.server_core, place.load_core),
            &programs.join("authority-app"),
            &variables,
        );
        command.arg("--ca-out").arg(folder.path().join("ca.pem"));
        let mut authority = Process::start(command)?;
        wait_until_ready(&mut authority, admin, "/health")?;
        let instance = format!("https://localhost:{}", address.port());
        Ok(Self { place: place.clone(), programs, folder, _authority: authority, instance, admin })
    }

    /// A folder that is deleted when this is dropped.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a resource-app with a token cache of this size.
    pub(crate) fn resource_app(&self, remembered_tokens: usize, read_log: bool) -> anyhow::Result<Server> {
        let database = self.database(remembered_tokens);
        self.start_resource_app(&self.programs, &database, remembered_tokens, read_log)
    }

    /// Starts the resource-app of another folder of programs, with a database of its own.
    pub(crate) fn earlier_app(&self, programs: &Path, remembered_tokens: usize) -> anyhow::Result<Server> {
        let database = self.folder.path().join(format!("before-{remembered_tokens}.db"));
        self.start_resource_app(programs, &database, remembered_tokens, false)
    }

    fn start_resource_app(
        &self,
        programs: &Path,
        file: &Path,
        remembered_tokens: usize,
        read_log: bool,
    ) -> anyhow::Result<Server> {
        let (address, metrics) = (free_address()?, free_address()?);
        let mut database = OsString::from("sqlite://");
        database.push(file);
        let variables: [(&str, OsString); 9] = [
            ("SERVER__LISTEN", address.to_string().into()),
            ("SERVER__DRAIN_TIMEOUT_SECONDS", DRAIN.as_secs().to_string().into()),
            ("METRICS__LISTEN", metrics.to_string().into()),
            ("AZURE_AD__INSTANCE", self.instance.clone().into()),
            ("HTTP_CLIENT__CA_FILE", self.ca_file().into()),
            ("STORE__URL", database),
            ("VERIFIED_TOKENS__CAPACITY", remembered_tokens.to_string().into()),
            ("RUST_LOG", "info".into()),
            ("TOKIO_WORKER_THREADS", "1".into()),
        ];
        let program = programs.join("resource-app");
        let command = pinned(&self.place.server_core, &program, &variables);
        Server::start(command, address, Some(metrics), read_log)
    }

    /// Starts a reference, which reads the database of the resource-app with the token cache.
    pub(crate) fn reference(&self, reference: Reference) -> anyhow::Result<Server> {
        let address = free_address()?;
        let program = std::env::current_exe()?;
        let mut command = pinned(&self.place.server_core, &program, &[("TOKIO_WORKER_THREADS", "1")]);
        let kind = clap::ValueEnum::to_possible_value(&reference).context("a reference has a name")?;
        command.args(["reference", kind.get_name(), "--listen", &address.to_string()]);
        command.args(["--issuer", &format!("{}/{TENANT}/v2.0", self.instance), "--audience", RESOURCE]);
        command.args(["--keys", &format!("{}/{TENANT}/discovery/v2.0/keys", self.instance)]);
        command.arg("--ca-file").arg(self.ca_file()).arg("--database").arg(self.database(REMEMBERED));
        Server::start(command, address, None, false)
    }

    /// The number of key requests to the stand-in.
    pub(crate) fn key_fetches(&self) -> anyhow::Result<u64> {
        let mut admin = Connection::new(self.admin);
        let answer: Value = serde_json::from_slice(admin.get("/journal?endpoint=keys", None)?.body)?;
        answer.get("count").and_then(Value::as_u64).context("the journal has no count")
    }

    /// A command for a program, on the core of the servers.
    pub(crate) fn command(&self, program: &str, variables: &[(&str, String)]) -> Command {
        pinned(&self.place.server_core, &self.programs.join(program), variables)
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The database of the resource-app with this cache size; only one process may have it open.
    fn database(&self, remembered_tokens: usize) -> PathBuf {
        self.folder.path().join(format!("resources-{remembered_tokens}.db"))
    }
}

impl Server {
    fn start(
        mut command: Command,
        address: SocketAddr,
        metrics: Option<SocketAddr>,
        read_log: bool,
    ) -> anyhow::Result<Self> {
        // The log is written in any case; reading it costs the other core.
        command.stderr(if read_log { Stdio::piped() } else { Stdio::null() });
        let mut process = Process::start(command)?;
        let log = Log::follow(process.child.stderr.take());
        if let Err(error) = wait_until_ready(&mut process, address, "/health/ready") {
            // A reference writes its errors to standard error.
            return Err(error.context(log.last_line()));
        }
        Ok(Self { process, address, metrics, log })
    }

    /// A connection to the server.
    pub(crate) fn connection(&self) -> Connection {
        Connection::new(self.address)
    }
}

/// Builds the programs in release mode, and returns their folder.
fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(cargo)
        .args(["build", "--release", "--locked", "--package", "authority-app"])
        .args(["--package", "resource-app", "--package", "client-app"])
        .args(["--bins", "--message-format=json-render-diagnostics"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo could not build the programs");
    }
    let executable = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .context("cargo names no program")?;
    Ok(executable.parent().context("a program is in a folder")?.to_owned())
}

pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn wait_until_ready(process: &mut Process, address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if Connection::new(address).get(path, None).is_ok_and(|answer| answer.status == 200) {
            return Ok(());
        }
        if let Some(status) = process.child.try_wait()? {
            bail!("a program ended before it was ready: {status}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("http://{address}{path} is not ready within {PATIENCE:?}")
}
