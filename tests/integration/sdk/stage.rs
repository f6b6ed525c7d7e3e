//! A stand-in and an identity provider, and a folder with what a script needs to use them.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use entra_shared::settings::Environment;
use entra_stand_in::{Authority, DEVELOPMENT_IDENTITY_HEADER, Directory, Endpoint};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::world::{CLIENT, OTHER_RESOURCE, RESOURCE, TENANT};

use super::issuer::Issuer;

const SECRET: &str = "development-only-demo-client-secret";
const SUBJECT: &str = "system:serviceaccount:demo:client-app";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// A running stand-in and identity provider; both stop when this is dropped.
pub(super) struct Stage {
    folder: TempDir,
    authority: Authority,
    _issuer: Issuer,
}

impl Stage {
    /// Starts both and fills the folder.
    pub(super) async fn set(folder: TempDir) -> Self {
        let issuer = Issuer::start().await;
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        let (private_key, public) = (key.serialize_pem(), certificate.pem());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("private-key.pem", &private_key);
        write("certificate.pem", &public);
        write("key-and-certificate.pem", &format!("{private_key}{public}"));
        write("federated-token", &issuer.token(SUBJECT, AUDIENCE));

        let directory = directory(certificate.der(), issuer.url());
        let keys = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-authority-keys");
        let machine = Some(([127, 0, 0, 1], 0).into());
        let builder =
            Authority::builder().directory(directory).data_folder(keys).managed_identity_listen(machine);
        let authority = builder.spawn().await.unwrap();
        write("ca.pem", authority.ca_certificate_pem());
        let config = json!({
            "authority": authority.instance().to_string(),
            "tenant": TENANT,
            "client": CLIENT,
            "secret": SECRET,
            "resource": format!("api://{RESOURCE}"),
            "resource_id": RESOURCE,
            "v1_resource": format!("api://{OTHER_RESOURCE}"),
            "machine": authority.managed_identity_url().unwrap(),
            "identity_header": DEVELOPMENT_IDENTITY_HEADER,
            "vm": "7e21c9d4-50b8-4a3f-9d16-c84f0e5b7a29",
            "user_assigned": "2b95f6e0-c7d3-4168-a8b4-06e1d97c35fa",
            "sha1": thumbprint(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der()),
            "sha256": thumbprint(&SHA256, certificate.der()),
            "folder": folder.path(),
        });
        write("config.json", &config.to_string());
        Self { folder, authority, _issuer: issuer }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asserts how many tokens managed identities were issued since the last call.
    ///
    /// A library with a cached token prints `ok` without a request.
    pub(super) fn expect_issued_to_identities(&self, expected: usize) {
        let entries = self.authority.journal().entries();
        let issued = entries.iter().filter(|entry| {
            entry.endpoint == Endpoint::ManagedIdentity && entry.status.is_some_and(|status| status == 200)
        });
        assert_eq!(issued.count(), expected, "the journal:{entries}");
        self.authority.journal().clear();
    }
}

/// The built-in directory, with a certificate and a federated credential added to `DemoClientApp`.
fn directory(certificate: &[u8], issuer: &str) -> Directory {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/entra-stand-in/directory");
    let folder: TempDir = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("applications")).unwrap();
    fs::copy(source.join("directory.toml"), folder.path().join("directory.toml")).unwrap();
    for entry in fs::read_dir(source.join("applications")).unwrap() {
        let entry = entry.unwrap();
        let mut manifest: Value = serde_json::from_str(&fs::read_to_string(entry.path()).unwrap()).unwrap();
        if manifest["appId"] == CLIENT {
            manifest["keyCredentials"] = json!([{
                "keyId": "5f1f0a3c-6d2e-4b8f-8a17-52c9e0d3f6a4",
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "key": BASE64_STANDARD.encode(certificate),
                "startDateTime": "2020-01-01T00:00:00Z",
                "endDateTime": "2099-01-01T00:00:00Z",
            }]);
            manifest["federatedIdentityCredentials"] = json!([{
                "name": "test", "issuer": issuer, "subject": SUBJECT, "audiences": [AUDIENCE],
            }]);
        }
        let copy = folder.path().join("applications").join(entry.file_name());
        fs::write(copy, manifest.to_string()).unwrap();
    }
    Directory::load(folder.path(), &Environment::default()).unwrap()
}

/// A thumbprint in upper-case hexadecimal, as the portal shows it.
fn thumbprint(algorithm: &'static Algorithm, der: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in digest(algorithm, der).as_ref() {
        write!(text, "{byte:02X}").unwrap();
    }
    text
}
