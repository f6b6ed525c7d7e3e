//! The client-app's credentials, against a stand-in that accepts only what Entra documents.

mod federated;
mod files;
mod list;
mod managed_identity;
mod output;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use client_app::Settings;
use entra_stand_in::{Application, Authority, Client, Tenant};
use entra_token::{Token, TokenError, TokenRetriever};
use rcgen::{Certificate, CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;
use tempfile::TempDir;
use tests::program;

type Variables = Vec<(&'static str, String)>;

/// A tenant with an API, and a folder for credential files.
struct Stage {
    authority: Authority,
    tenant: Tenant,
    api: Application,
    folder: TempDir,
}

impl Stage {
    /// A stand-in that refuses assertions that Entra accepts but does not document.
    async fn strict() -> Self {
        Self::with(Authority::builder().strict(true)).await
    }

    async fn with(builder: entra_stand_in::Builder) -> Self {
        let authority = builder.spawn().await.unwrap();
        let tenant = authority.tenant().await.unwrap();
        let api = tenant.application("api").unwrap().role("Api.Read").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.ca_certificate_pem()).unwrap();
        Self { authority, tenant, api, folder }
    }

    fn client(&self) -> Client {
        self.tenant.client("client").unwrap().grant(&self.api, "Api.Read").unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its path as a setting.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    /// A client's variables, without its credential.
    fn variables(&self, client: &Client, more: &[(&'static str, &str)]) -> Variables {
        let regular = [
            ("AZURE_AD__INSTANCE", self.authority.instance().to_string()),
            ("AZURE_AD__TENANT_ID", self.tenant.id().to_string()),
            ("AZURE_AD__CLIENT_ID", client.client_id().to_string()),
            ("RESOURCE__APP_ID_URI", self.api.app_id_uri()),
            ("HTTP_CLIENT__CA_FILE", self.path("ca.pem").display().to_string()),
        ];
        let more = more.iter().map(|&(name, value)| (name, value.to_owned()));
        regular.into_iter().chain(more).collect()
    }
}

fn retriever(variables: Variables) -> TokenRetriever {
    let settings = Settings::load(None, variables.into_iter().collect()).unwrap();
    settings.token_retriever(settings.http_client().unwrap()).unwrap()
}

async fn token(variables: Variables) -> Result<Arc<Token>, TokenError> {
    retriever(variables).token().await
}

/// A claim of a token.
fn claim(token: &Token, name: &str) -> Value {
    let segment = token.access_token().expose().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap();
    claims[name].clone()
}

/// An RSA key and its self-signed certificate, generated once.
fn signer() -> &'static (KeyPair, Certificate) {
    static SIGNER: OnceLock<(KeyPair, Certificate)> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        (key, certificate)
    })
}

/// The key and its certificate in one PEM file.
fn signer_pem() -> String {
    let (key, certificate) = signer();
    format!("{}{}", key.serialize_pem(), certificate.pem())
}

/// The bytes of a PEM text with one block.
fn der_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64_STANDARD.decode(body).unwrap()
}

/// The path of a certificate file that openssl wrote.
fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/entra-token/tests/certificates");
    folder.join(name).display().to_string()
}

/// The exit code, standard output and standard error of `client-app` with everything logged.
async fn client_app(arguments: &[&str], mut variables: Variables) -> (i32, String, String) {
    variables.push(("RUST_LOG", "trace".to_owned()));
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        program::run("client-app", &arguments, &variables)
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}
