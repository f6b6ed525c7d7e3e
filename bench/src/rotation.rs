//! Replaces certificates, keys, trust and credentials under the programs while they serve, without a failed call.
//!
//! A call goes to a client-app, which acquires tokens and calls the resource-app; both serve https. There is a client-app
//! for each kind of credential.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
use reqwest::Client;
use reqwest::tls::TlsInfo;
use serde_json::{Value, json};

use crate::limits::Limits;
use crate::process::Process;
use crate::system::{CLIENT, Place, System, TENANT, free_address};

/// The managed identity in the seeded directory whose tokens are the federated tokens: its client id and object id.
const IDENTITY: [&str; 2] = ["7e21c9d4-50b8-4a3f-9d16-c84f0e5b7a29", "d6480fb3-9a2e-4c75-b1e7-3f59c20d8a61"];
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// The promised time from a file's change until it is in use.
const IN_USE_WITHIN: Duration = Duration::from_secs(30);

/// The interval between the calls of one client.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long a program may take to serve.
const PATIENCE: Duration = Duration::from_mins(1);

/// The arguments of the rotation.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds, each of three steps.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each step lasts.
    #[arg(long, default_value_t = 30)]
    step_seconds: u64,
}

/// A certificate authority that issues servers' certificates.
#[derive(Debug)]
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A program that serves https, and the folder with its files.
#[derive(Debug)]
struct Service {
    name: &'static str,
    folder: PathBuf,
    url: String,
    _process: Process,
}

/// A client's current credentials at the stand-in.
#[derive(Debug)]
struct Credentials {
    secret_id: String,
    certificate: String,
}

/// The calls of all clients.
#[derive(Debug, Default)]
struct Calls {
    stop: AtomicBool,
    sent: AtomicU64,
    failed: AtomicU64,
    last_failure: Mutex<String>,
}

/// The programs and what they are given.
#[derive(Debug)]
struct Rotation {
    system: System,
    http: Client,
    services: Vec<Service>,
}

pub(crate) fn run(place: &Place, arguments: &Arguments) -> anyhow::Result<Limits> {
    let system = System::start(place)?;
    tokio::runtime::Runtime::new()?.block_on(rotate(system, arguments))
}

async fn rotate(system: System, arguments: &Arguments) -> anyhow::Result<Limits> {
    let step = Duration::from_secs(arguments.step_seconds);
    let mut limits = Limits::default();
    let mut authority = Authority::new(0)?;
    let mut rotation = Rotation { system, http: Client::builder().no_proxy().build()?, services: Vec::new() };
    rotation.trust(&[&authority])?;
    let mut credentials = rotation.start(&authority).await?;
    let calls = Arc::new(Calls::default());
    let clients: Vec<_> =
        rotation.clients().map(|client| tokio::spawn(call(client.url.clone(), Arc::clone(&calls)))).collect();

    for round in 1..=arguments.rounds {
        let next = Authority::new(round)?;
        rotation.trust(&[&authority, &next])?;
        tokio::time::sleep(step).await;

        let old = credentials;
        credentials = rotation.add_credentials().await?;
        let seen = rotation.replace_certificates(&next).await?;
        limits.at_most(&format!("round {round}: new certificates seen after, s"), seen.as_secs_f64(), 30.0);
        rotation.expire_tokens().await?;
        tokio::time::sleep(step.saturating_sub(seen)).await;

        rotation.trust(&[&next])?;
        rotation.remove_credentials(&old).await?;
        authority = next;
        tokio::time::sleep(step / 2).await;
        rotation.expire_tokens().await?;
        tokio::time::sleep(step / 2).await;
        let (sent, failed) = calls.counts();
        println!("round {round}: {sent} calls so far, {failed} failed");
    }
    calls.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    let (sent, failed) = calls.counts();
    println!("{sent} calls, {failed} failed {}", calls.last_failure());
    limits.at_most_count("calls that failed", failed, 0);
    rotation.swap_without_overlap(&mut limits).await?;
    Ok(limits)
}

/// Calls a client-app until told to stop, on a new connection each time.
async fn call(url: String, calls: Arc<Calls>) {
    while !calls.stop.load(Ordering::Relaxed) {
        calls.sent.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = read(&url).await {
            calls.failed.fetch_add(1, Ordering::Relaxed);
            *calls.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = format!("{failure:#}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Lists resources through a client-app.
async fn read(url: &str) -> anyhow::Result<()> {
    let answer = any_certificate()?.get(format!("{url}/api/resources?limit=1")).send().await?;
    let status = answer.status();
    ensure!(status == 200, "{status}: {}", answer.text().await?);
    Ok(())
}

/// A new client, since one that resumes a session sees no certificate.
fn any_certificate() -> reqwest::Result<Client> {
    let builder = Client::builder().no_proxy().tls_info(true).timeout(IN_USE_WITHIN);
    builder.tls_certs_only([]).tls_danger_accept_invalid_certs(true).build()
}

impl Calls {
    fn counts(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    fn last_failure(&self) -> String {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Authority {
    fn new(number: u32) -> anyhow::Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("rotation {number}"));
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Writes a new certificate for this machine with its key, and returns it in DER.
    fn issue(&self, folder: &Path) -> anyhow::Result<Vec<u8>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?
            .signed_by(&key, &self.issuer)?;
        replace(&folder.join("key.pem"), &key.serialize_pem())?;
        replace(&folder.join("certificate.pem"), &certificate.pem())?;
        Ok(certificate.der().to_vec())
    }
}

impl Rotation {
    fn folder(&self) -> &Path {
        self.system.folder()
    }

    fn clients(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.name != "resource-app")
    }

    /// Writes the file of trusted certificate authorities: these, and the stand-in's.
    fn trust(&self, authorities: &[&Authority]) -> anyhow::Result<()> {
        let mut text = std::fs::read_to_string(self.folder().join("ca.pem"))?;
        text.extend(authorities.iter().map(|authority| authority.pem.as_str()));
        replace(&self.folder().join("trust.pem"), &text)
    }

    /// Starts the resource-app and a client-app for each kind of credential.
    async fn start(&mut self, authority: &Authority) -> anyhow::Result<Credentials> {
        let federated = json!({
            "client_id": CLIENT,
            "issuer": format!("{}/{TENANT}/v2.0", self.system.instance),
            "subject": IDENTITY[1],
            "audience": EXCHANGE,
        });
        self.tell(&format!("/tenants/{TENANT}/federated"), &federated).await?;
        let credentials = self.add_credentials().await?;
        let file = |name: &str| self.folder().join(name).display().to_string();
        let (secret, certificate, token) = (file("secret.txt"), file("client.pem"), file("token.txt"));
        let database = format!("sqlite://{}", file("rotation.db"));
        let variables: [(&str, &[(&str, &str)]); 4] = [
            (
                "resource-app",
                &[
                    ("STORE__URL", &database),
                    // A removed key ends its tokens at once, and any number of unknown keys is fetched.
                    ("KEYS__REMOVED_KEY_GRACE_SECONDS", "0"),
                    ("KEYS__UNKNOWN_KEY_FETCHES", "100"),
                ],
            ),
            ("secret", &[("AZURE_AD__CLIENT_SECRET_FILE", &secret)]),
            ("certificate", &[("AZURE_CLIENT_CERTIFICATE_PATH", &certificate)]),
            ("federated", &[("AZURE_FEDERATED_TOKEN_FILE", &token)]),
        ];
        for (name, more) in variables {
            let service = self.service(name, more, authority).await?;
            self.services.push(service);
        }
        Ok(credentials)
    }

    async fn service(
        &self,
        name: &'static str,
        more: &[(&str, &str)],
        authority: &Authority,
    ) -> anyhow::Result<Service> {
        let folder = self.folder().join(name);
        std::fs::create_dir(&folder)?;
        authority.issue(&folder)?;
        let address = free_address()?;
        let file = |folder: &Path, name: &str| folder.join(name).display().to_string();
        let mut variables: Vec<(&str, String)> = vec![
            ("SERVER__LISTEN", address.to_string()),
            ("SERVER__TLS__CERTIFICATE_FILE", file(&folder, "certificate.pem")),
            ("SERVER__TLS__PRIVATE_KEY_FILE", file(&folder, "key.pem")),
            ("METRICS__LISTEN", free_address()?.to_string()),
            ("AZURE_AD__INSTANCE", self.system.instance.clone()),
            ("AZURE_AD__TENANT_ID", TENANT.to_owned()),
            ("HTTP_CLIENT__CA_FILE", file(self.folder(), "trust.pem")),
        ];
        variables.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        let mut program = "resource-app";
        if let Some(resource) = self.services.first() {
            program = "client-app";
            variables.push(("RESOURCE__BASE_URL", resource.url.clone()));
        }
        let mut command = self.system.command(program, &variables);
        command.stderr(File::create(folder.join("log"))?);
        let mut process = Process::start(command)?;
        let url = format!("https://localhost:{}", address.port());
        let begin = Instant::now();
        let ready = async || -> anyhow::Result<bool> {
            let answer = any_certificate()?.get(format!("{url}/health/ready")).send().await;
            Ok(answer.is_ok_and(|answer| answer.status() == 200))
        };
        while !ready().await? {
            if begin.elapsed() > PATIENCE || process.child.try_wait()?.is_some() {
                bail!("{name} does not serve: {}", std::fs::read_to_string(folder.join("log"))?);
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(Service { name, folder, url, _process: process })
    }

    /// Adds a secret and a certificate at the stand-in, and replaces the files of all credentials.
    async fn add_credentials(&self) -> anyhow::Result<Credentials> {
        let secret =
            self.tell(&format!("/tenants/{TENANT}/secrets"), &json!({ "client_id": CLIENT })).await?;
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = CertificateParams::new([])?.self_signed(&key)?.pem();
        let added = json!({ "client_id": CLIENT, "certificate": certificate });
        self.tell(&format!("/tenants/{TENANT}/certificates"), &added).await?;
        replace(&self.folder().join("secret.txt"), text(&secret, "client_secret")?)?;
        replace(&self.folder().join("client.pem"), &format!("{certificate}{}", key.serialize_pem()))?;
        self.write_federated_token().await?;
        Ok(Credentials { secret_id: text(&secret, "key_id")?.to_owned(), certificate })
    }

    async fn remove_credentials(&self, old: &Credentials) -> anyhow::Result<()> {
        let secret = json!({ "client_id": CLIENT, "key_id": old.secret_id });
        self.tell(&format!("/tenants/{TENANT}/secrets/remove"), &secret).await?;
        let certificate = json!({ "client_id": CLIENT, "certificate": old.certificate });
        self.tell(&format!("/tenants/{TENANT}/certificates/remove"), &certificate).await?;
        Ok(())
    }

    async fn write_federated_token(&self) -> anyhow::Result<()> {
        let minted = self.tell("/tokens", &json!({ "client_id": IDENTITY[0], "resource": EXCHANGE })).await?;
        replace(&self.folder().join("token.txt"), text(&minted, "access_token")?)
    }

    /// Ends every access token with the key that signed it, so that each client has to acquire another.
    async fn expire_tokens(&self) -> anyhow::Result<()> {
        let before = self.keys().await?;
        self.tell("/keys/roll", &json!({})).await?;
        // The new key signs the federated token as well.
        self.write_federated_token().await?;
        for kid in before {
            self.tell("/keys/remove", &json!({ "kid": kid })).await?;
        }
        // A token of the new key makes the resource-app fetch the keys.
        let token = crate::tokens::mint(self.system.admin, 1)?;
        let resource = self.services.first().context("the resource-app runs")?;
        let request = any_certificate()?.get(format!("{}/api/caller", resource.url));
        let answer = request.bearer_auth(token.first().context("no token")?).send().await?;
        ensure!(answer.status() == 200, "the resource-app answered {}", answer.status());
        Ok(())
    }

    /// The ids of the published keys.
    async fn keys(&self) -> anyhow::Result<Vec<String>> {
        let url = format!("http://{}/keys", self.system.admin);
        let answer: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let keys = answer.get("keys").and_then(Value::as_array).context("no keys")?;
        let published = keys.iter().filter(|key| key.get("state") != Some(&json!("removed")));
        published.map(|key| Ok(text(key, "kid")?.to_owned())).collect()
    }

    /// Replaces the certificates and keys of all services, and returns when the last is presented.
    async fn replace_certificates(&self, authority: &Authority) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        for service in &self.services {
            let issued = authority.issue(&service.folder)?;
            while service.presented().await? != issued {
                ensure!(begin.elapsed() < IN_USE_WITHIN * 2, "{} presents its old certificate", service.name);
                tokio::time::sleep(INTERVAL).await;
            }
        }
        Ok(begin.elapsed())
    }

    /// Replaces the certificate authority without telling the clients, who say why they fail, and tells them.
    async fn swap_without_overlap(&self, limits: &mut Limits) -> anyhow::Result<()> {
        let stranger = Authority::new(u32::MAX)?;
        let resource = self.services.first().context("the resource-app runs")?;
        let issued = stranger.issue(&resource.folder)?;
        let begin = Instant::now();
        while resource.presented().await? != issued || self.failing().await < self.clients().count() {
            ensure!(begin.elapsed() < PATIENCE, "calls do not fail");
            tokio::time::sleep(INTERVAL).await;
        }
        for client in self.clients() {
            let log = std::fs::read_to_string(client.folder.join("log"))?;
            limits.holds(
                &format!("{}: the log names the cause", client.name),
                log.contains("its CA is unknown"),
            );
        }
        self.trust(&[&stranger])?;
        let begin = Instant::now();
        while self.failing().await > 0 {
            ensure!(begin.elapsed() < PATIENCE, "calls do not heal");
            tokio::time::sleep(INTERVAL).await;
        }
        limits.at_most("healed after, s", begin.elapsed().as_secs_f64(), IN_USE_WITHIN.as_secs_f64());
        Ok(())
    }

    /// The number of client-apps whose calls fail.
    async fn failing(&self) -> usize {
        let mut failing = 0;
        for client in self.clients() {
            failing += usize::from(read(&client.url).await.is_err());
        }
        failing
    }

    /// Posts to the stand-in's admin listener.
    async fn tell(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("http://{}{path}", self.system.admin);
        let answer = self.http.post(url).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

impl Service {
    /// The certificate that the service presents, in DER: its serial number and its key.
    async fn presented(&self) -> anyhow::Result<Vec<u8>> {
        let answer = any_certificate()?.get(format!("{}/health/live", self.url)).send().await?;
        let tls = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        Ok(tls.context("no certificate")?.to_vec())
    }
}

fn text<'v>(value: &'v Value, name: &str) -> anyhow::Result<&'v str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("no {name}"))
}

/// Replaces a file in one step.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    Ok(std::fs::rename(new, path)?)
}
