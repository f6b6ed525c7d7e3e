//! Microsoft's own Python libraries, unmodified, against the stand-in; `PyJWT` verifies what they get.
//!
//! Where there is no Python, the tests say so and pass; with `CI=true` they fail.

mod issuer;
mod python;

use std::fs;
use std::path::Path;

use authority_app::{Authority, DEVELOPMENT_IDENTITY_HEADER, Directory};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use shared::settings::Environment;
use tempfile::TempDir;
use tests::world::{CLIENT, OTHER_RESOURCE, RESOURCE, TENANT};

use issuer::Issuer;
use python::{Python, thumbprint};

const SECRET: &str = "development-only-demo-client-secret";
const SUBJECT: &str = "system:serviceaccount:demo:client-app";
const AUDIENCE: &str = "api://AzureADTokenExchange";

#[tokio::test]
async fn msal_python_gets_tokens_in_every_way_and_pyjwt_verifies_them() {
    let cases = [
        "secret",
        "secret, tenant by domain",
        "certificate by SHA-1",
        "certificate by SHA-256",
        "certificate by SHA-1 with its chain",
        "assertion",
        "assertion from a callable",
        "wrong secret",
        "secret, authority by OIDC discovery",
        "secret, a v1.0 token",
    ];
    passes("with_msal.py", &cases.map(str::to_owned)).await;
}

#[tokio::test]
async fn azure_identity_gets_tokens_in_every_way_and_pyjwt_verifies_them() {
    let credentials = [
        "ClientSecretCredential",
        "CertificateCredential",
        "CertificateCredential with its chain",
        "ClientAssertionCredential",
        "WorkloadIdentityCredential",
    ];
    let mut cases: Vec<String> = credentials.iter().map(|&case| case.to_owned()).collect();
    cases.push("wrong secret".to_owned());
    cases.extend(credentials.iter().map(|case| format!("asynchronous {case}")));
    passes("with_azure_identity.py", &cases).await;
}

#[tokio::test]
async fn azure_identity_gets_tokens_for_managed_identities_on_a_virtual_machine_and_in_app_service() {
    let mut cases = Vec::new();
    for place in ["virtual machine", "App Service"] {
        for end in ["", ", asynchronous"] {
            for kind in ["system", "user"] {
                cases.push(format!("{place}, {kind}-assigned{end}"));
            }
        }
    }
    cases.insert(4, "unknown identity".to_owned());
    passes("with_managed_identity.py", &cases).await;
}

/// Runs a script against a stand-in of its own; it has to say `ok` to each of the cases, in their order.
async fn passes(script: &'static str, cases: &[String]) {
    let Some(python) = Python::ready().await else { return };
    let folder = tempfile::tempdir().unwrap();
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
        "sha1": thumbprint(certificate.der()),
        "folder": folder.path(),
    });
    write("config.json", &config.to_string());
    let said = python.run(script, folder.path()).await;
    let expected: Vec<String> = cases.iter().map(|case| format!("ok {case}")).collect();
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

/// The built-in directory, in which `DemoClientApp` has a certificate and a federated credential as well.
fn directory(certificate: &[u8], issuer: &str) -> Directory {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../authority-app/directory");
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
