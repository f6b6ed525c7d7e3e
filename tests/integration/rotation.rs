//! Certificates that are renewed on disk while a program serves.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use tests::World;
use tests::guarded_api::Place;
use tests::program::{Server, direct};

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
