//! Certificates that are renewed on disk while a program serves.

use std::path::Path;
use std::time::Duration;

use entra_shared::http_client::{HttpClient, HttpClientSettings};
use entra_shared::ids::ClientId;
use entra_stand_in::{Authority, MintRequest};
use entra_token::{
    BearerClient, Credential, Credentials, FederatedCredential, Instance, SecretCredential, TokenRetriever,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::World;
use tests::guarded_api::Place;
use tests::program::{Server, direct};
use tests::world::{CLIENT, RESOURCE, TENANT};

/// Shorter than the time between two looks at the files, so that only the signal can be the cause.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Writes a new certificate for `localhost`, and returns it.
fn renew(folder: &Path) -> Certificate {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("certificate.pem"), issued.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    Certificate::from_der(issued.cert.der()).unwrap()
}

/// Whether the program answers a client that trusts this certificate alone.
async fn is_live(trusted: &Certificate, url: &str) -> bool {
    // A client for each request, since one that resumes its session sees no certificate.
    let client = Client::builder().no_proxy().tls_certs_only([trusted.clone()]).build().unwrap();
    client
        .get(format!("{url}/health/live"))
        .send()
        .await
        .is_ok_and(|answer| answer.status() == StatusCode::OK)
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_presents_a_renewed_certificate_at_once_and_ends_no_program() {
    for (name, variables) in [
        ("resource-app", vec![("STORE__URL", "sqlite://{folder}/resources.db")]),
        ("client-app", vec![("AZURE_CLIENT_SECRET", "x")]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file).display().to_string();
        let first = renew(folder.path());
        let mut variables: Vec<(&str, String)> = variables
            .into_iter()
            .map(|(name, value)| (name, value.replace("{folder}", folder.path().to_str().unwrap())))
            .collect();
        variables.extend([
            ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("METRICS__LISTEN", "127.0.0.1:0".to_owned()),
            ("SERVER__TLS__CERTIFICATE_FILE", path("certificate.pem")),
            ("SERVER__TLS__PRIVATE_KEY_FILE", path("key.pem")),
        ]);
        let server = Server::start(name, &["serve"], &variables);
        assert!(is_live(&first, server.url()).await, "{name}");

        // A broken file changes nothing.
        std::fs::write(path("key.pem"), "no key").unwrap();
        server.signal("HUP");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(is_live(&first, server.url()).await, "{name}");
        let second = renew(folder.path());
        server.signal("HUP");
        let renewed = async {
            while !is_live(&second, server.url()).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(AT_ONCE, renewed).await.is_ok(), "{name}");
        assert!(!is_live(&first, server.url()).await, "{name}");
        assert_eq!(server.terminate().0, Some(0), "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn sighup_does_not_end_the_stand_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = crate::shutdown::entra_stand_in(folder.path());
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.terminate().0, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_replaced_file_of_certificate_authorities_is_trusted_without_a_restart() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("trusted.pem");
    let good = std::fs::read(world.system.ca_file()).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    std::fs::write(&ca_file, &other).unwrap();
    let place = Place::new(&world, "").with("HTTP_CLIENT__CA_FILE", ca_file.to_str().unwrap());
    let server = place.start_program();
    let ready = format!("{}/health/ready", server.url());
    let status = async || direct().get(&ready).send().await.unwrap().status();
    assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
    // A half-written file changes nothing.
    std::fs::write(&ca_file, &good[..good.len() / 2]).unwrap();
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&ca_file, &good).unwrap();
    server.signal("HUP");
    server.wait_until_ready().await;
    assert_eq!(server.terminate().0, Some(0));
}

/// The managed identity whose tokens are the client's federated tokens: client id, object id.
const IDENTITY: [&str; 2] = ["7e21c9d4-50b8-4a3f-9d16-c84f0e5b7a29", "d6480fb3-9a2e-4c75-b1e7-3f59c20d8a61"];
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// A resource-app with a certificate, and two credentials of its client, all in files.
struct Rotation {
    authority: Authority,
    http: HttpClient,
    credentials: [Credentials; 2],
    url: String,
    folder: TempDir,
}

impl Rotation {
    async fn start(issuer: &CertifiedIssuer<'static, KeyPair>) -> Self {
        let authority = Authority::builder().spawn().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        trust(&authority, folder.path(), &[issuer]);
        issue(issuer, folder.path());
        for name in ["secret", "token"] {
            std::fs::write(file(name), "x.y.z").unwrap();
        }
        let ca_file = file("trust.pem").display().to_string();
        let variables = [
            ("AZURE_AD__INSTANCE", authority.instance().to_string()),
            ("HTTP_CLIENT__CA_FILE", ca_file.clone()),
            ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("SERVER__TLS__CERTIFICATE_FILE", file("certificate.pem").display().to_string()),
            ("SERVER__TLS__PRIVATE_KEY_FILE", file("key.pem").display().to_string()),
            ("METRICS__LISTEN", "127.0.0.1:0".to_owned()),
            ("STORE__URL", format!("sqlite://{}", file("resources.db").display())),
        ];
        let settings = resource_app::Settings::load(None, variables.into_iter().collect()).unwrap();
        let app = resource_app::ResourceApp::bind(settings).await.unwrap();
        let url = app.url();
        tokio::spawn(app.run(tokio_util::sync::CancellationToken::new()));
        let http = HttpClientSettings {
            connect_timeout_seconds: 5.try_into().unwrap(),
            timeout_seconds: 20.try_into().unwrap(),
            ca_file: Some(ca_file.into()),
        };
        let secret = SecretCredential::open(file("secret")).unwrap();
        let federated = FederatedCredential::open(file("token")).unwrap();
        let credentials =
            [Credential::Secret(secret), Credential::Federated(federated)].map(Credentials::from);
        let rotation = Self { authority, http: HttpClient::new(&http).unwrap(), credentials, url, folder };
        let federated = json!({
            "client_id": CLIENT,
            "issuer": format!("{}/{TENANT}/v2.0", rotation.authority.instance()),
            "subject": IDENTITY[1],
            "audience": EXCHANGE,
        });
        rotation.tell("federated", federated).await;
        rotation
    }

    /// Calls a route of the admin listener for the tenant.
    async fn tell(&self, route: &str, body: Value) -> Value {
        let url = self.authority.admin_url().unwrap().join(&format!("tenants/{TENANT}/{route}")).unwrap();
        let answer = direct().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{route}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    /// Adds a secret at the stand-in and writes both credentials; returns the secret's id.
    async fn write_credentials(&self) -> Value {
        let secret = self.tell("secrets", json!({ "client_id": CLIENT })).await;
        std::fs::write(self.folder.path().join("secret"), secret["client_secret"].as_str().unwrap()).unwrap();
        let identity: ClientId = IDENTITY[0].parse().unwrap();
        let token = self.authority.mint(&MintRequest::new(identity, EXCHANGE)).unwrap();
        std::fs::write(self.folder.path().join("token"), token.expose()).unwrap();
        secret["key_id"].clone()
    }

    /// Lets half a minute pass, and calls the resource with a new token from each credential.
    async fn calls_succeed_half_a_minute_later(&self, step: &str) {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(30)).await;
        tokio::time::resume();
        // The files are read on other threads.
        tokio::time::sleep(Duration::from_millis(200)).await;
        for credentials in &self.credentials {
            let instance = Instance::parse(&self.authority.instance().to_string()).unwrap();
            let authority = entra_token::Authority::new(instance, TENANT.parse().unwrap(), None);
            let builder = TokenRetriever::builder(authority, CLIENT.parse().unwrap(), credentials.clone());
            let retriever =
                builder.http_client(self.http.clone()).build(&format!("api://{RESOURCE}")).unwrap();
            let client = BearerClient::new(&self.url, retriever).unwrap();
            let answer = client.get("/api/resources").send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{step}: {credentials:?}: {error:?}"));
            assert_eq!(answer.status(), StatusCode::OK, "{step}: {credentials:?}");
        }
    }
}

/// Writes the file of trusted certificate authorities: these, and the stand-in's.
fn trust(authority: &Authority, folder: &Path, issuers: &[&CertifiedIssuer<'static, KeyPair>]) {
    let mut text = authority.ca_certificate_pem().to_owned();
    text.extend(issuers.iter().map(|issuer| issuer.pem()));
    std::fs::write(folder.join("trust.pem"), text).unwrap();
}

fn certificate_authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for `localhost` and its key.
fn issue(issuer: &CertifiedIssuer<'static, KeyPair>, folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_round_of_replaced_certificates_trust_and_credentials_fails_no_call() {
    let [old, new] = [(); 2].map(|()| certificate_authority());
    let rotation = Rotation::start(&old).await;
    let folder = rotation.folder.path();
    let first = rotation.write_credentials().await;
    rotation.calls_succeed_half_a_minute_later("before").await;
    trust(&rotation.authority, folder, &[&old, &new]);
    rotation.calls_succeed_half_a_minute_later("both are trusted").await;
    issue(&new, folder);
    let second = rotation.write_credentials().await;
    assert_ne!(first, second);
    rotation.calls_succeed_half_a_minute_later("all are replaced").await;
    trust(&rotation.authority, folder, &[&new]);
    rotation.tell("secrets/remove", json!({ "client_id": CLIENT, "key_id": first })).await;
    rotation.calls_succeed_half_a_minute_later("the old ones are gone").await;
    // Without the overlap, the next call fails by the certificate.
    let other = certificate_authority();
    trust(&rotation.authority, folder, &[&other]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    let request = rotation.http.get(format!("{}/health/live", rotation.url));
    let error = rotation.http.send(request).await.unwrap_err();
    assert!(entra_shared::http_client::is_untrusted(&error), "{error:?}");
}
