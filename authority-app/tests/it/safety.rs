//! The program logs no secret, and refuses to listen on addresses that others reach.

use std::process::Stdio;
use std::sync::Arc;

use entra_stand_in::{CertificateAuthority, DataFolder};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::program::{Serving, program};
use crate::world::{CLIENT, RESOURCE, TENANT, send, trusting, v1, v2};

#[tokio::test]
#[cfg(unix)]
async fn no_log_holds_a_secret_an_assertion_or_a_token_even_if_a_client_misplaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let serving = Serving::start(
        &["--ca-out", &ca.display().to_string()],
        &[
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("MANAGED_IDENTITY__LISTEN", "127.0.0.1:0"),
            ("MANAGED_IDENTITY__IDENTITY_HEADER", "canary-header-51"),
            ("DEMO_CLIENT_SECRET", "canary-secret-42"),
            ("RUST_LOG", "trace"),
        ],
    );
    let http = trusting(&std::fs::read_to_string(&ca).unwrap());
    let scope = format!("api://{RESOURCE}/.default");
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiJjYW5hcnktYXNzZXJ0aW9uIn0.Y2FuYXJ5LXNpZ25hdHVyZQ";
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", jwt),
    ];
    let secret = [("client_secret", "canary-secret-42")];
    let common = [("grant_type", "client_credentials"), ("client_id", CLIENT), ("scope", scope.as_str())];
    for path in [v1(TENANT), v2(TENANT)] {
        let url = format!("{}/{path}", serving.base());
        for credential in [&assertion[..], &secret[..], &[&assertion[..], &secret[..]].concat()] {
            let form = [&common[..], credential].concat();
            send(http.post(&url).form(&form)).await;
            // Where they do not belong: the query, a body that is no form, a header, a path.
            send(http.post(&url).query(&form)).await;
            send(http.post(&url).header("content-type", "text/plain").body(format!("{form:?}"))).await;
            send(http.post(&url).bearer_auth(credential[0].1).form(&common)).await;
            send(http.get(format!("{}/{}/oauth2/v2.0/token", serving.base(), credential[0].1))).await;
        }
    }
    let machine = serving.banner.split("identity  ").nth(1).unwrap().split_whitespace().next().unwrap();
    let url = format!("{machine}msi/token?api-version=2019-08-01&resource=api://{RESOURCE}");
    let plain = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = send(plain.get(url).header("X-IDENTITY-HEADER", "canary-header-51")).await;
    let token = answer.json().text("access_token").to_owned();
    drop((http, plain));

    let (code, log) = serving.end();
    assert_eq!(code, 0);
    assert!(log.contains("issued a token") && log.contains("refused a token"), "{log}");
    let claims = jwt.split('.').nth(1).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for canary in ["canary", jwt, claims, "Y2FuYXJ5", &token, signature, "PRIVATE KEY"] {
        assert!(!log.contains(canary), "{canary} in the log");
    }
}

#[test]
fn every_listener_refuses_an_address_that_others_reach() {
    for (variable, key) in [
        ("SERVER__LISTEN", "`server.listen`"),
        ("ADMIN__LISTEN", "`admin.listen`"),
        ("MANAGED_IDENTITY__LISTEN", "`managed_identity.listen`"),
    ] {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let variables = [("SERVER__LISTEN", "127.0.0.1:0"), (variable, address)];
            let output = program(&[], &variables).stdout(Stdio::null()).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains(key) && error.lines().count() == 1, "{error}");
        }
    }
}

#[test]
fn no_certificate_is_issued_for_a_host_of_microsofts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::open(&DataFolder::at(folder.path()).unwrap()).unwrap();
    for name in ["login.microsoftonline.com", "*.windows.net", "Login.Microsoft.Com", "contoso.ciamlogin.com"]
    {
        let error = authority.issue(&["localhost", name]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("Microsoft"), "{error}");
    }
    let issue = format!("login.microsoftonline.com={}", folder.path().join("tls").display());
    let output = program(&["--issue", &issue], &[("SERVER__LISTEN", "127.0.0.1:0")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("`--issue`"));
    assert!(!folder.path().join("tls/certificate.pem").exists());
}

#[test]
fn a_client_that_trusts_the_authority_takes_no_certificate_of_its_key_for_a_host_of_microsofts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::open(&DataFolder::at(folder.path()).unwrap()).unwrap();
    let file = std::fs::read_to_string(folder.path().join("certificate-authority.pem")).unwrap();
    let key = KeyPair::from_pem(&file).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let subject = "Local stand-in for Entra ID (never trust outside tests)";
    params.distinguished_name.push(rcgen::DnType::CommonName, subject);
    let issuer = Issuer::new(params, key);

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    for (name, taken) in
        [("resource.test", true), ("login.microsoftonline.com", false), ("a.onmicrosoft.com", false)]
    {
        let leaf = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&leaf, &issuer).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let result = verifier.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now());
        assert_eq!(result.is_ok(), taken, "{name:?}: {result:?}");
    }
}
