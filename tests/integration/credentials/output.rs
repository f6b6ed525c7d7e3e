//! No secret, key, password or assertion in any output, however much is logged.

use tests::program::{Server, direct};

use super::{Stage, client_app, fixture, signer, signer_pem};

/// The lines of a private key's PEM, none of which may appear in any output.
fn lines_of_key(pem: &str) -> impl Iterator<Item = &str> {
    let key = pem.split("PRIVATE KEY-----").nth(1).unwrap();
    key.lines().filter(|line| line.len() >= 32 && !line.contains("-----"))
}

#[tokio::test]
async fn a_certificate_shows_neither_its_key_nor_its_password_nor_its_assertions() {
    let stage = Stage::strict().await;
    let client = stage.client().with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", signer_pem());
    let pfx = fixture("modern.pfx");
    let cases = [
        (0, vec![("AZURE_CLIENT_CERTIFICATE_PATH", file.as_str())]),
        // An unregistered certificate with a password.
        (
            1,
            vec![
                ("AZURE_CLIENT_CERTIFICATE_PATH", &pfx),
                ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary-password"),
            ],
        ),
        (
            2,
            vec![
                ("AZURE_CLIENT_CERTIFICATE_PATH", &pfx),
                ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary-wrong"),
            ],
        ),
    ];
    let (pem, fixture_pem) = (signer_pem(), std::fs::read_to_string(fixture("private-key.pem")).unwrap());
    assert!(lines_of_key(&pem).count() > 20 && lines_of_key(&fixture_pem).count() > 20);
    for (expected, credential) in cases {
        let (code, shown, log) = client_app(&["token"], stage.variables(&client, &credential)).await;
        assert_eq!(code, expected, "{log}");
        assert!(expected == 2 || log.contains("TRACE"), "{log}");
        // Every assertion and token begins with "eyJ".
        for canary in lines_of_key(&pem).chain(lines_of_key(&fixture_pem)).chain(["canary", "eyJ"]) {
            assert!(!log.contains(canary) && !shown.contains(canary), "{canary} in {log}");
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_service_shows_no_credential_however_much_it_logs() {
    let stage = Stage::strict().await;
    let client = stage.client().with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", signer_pem());
    // The resource does not answer, which happens after the token was acquired.
    let variables = stage.variables(
        &client,
        &[
            ("AZURE_CLIENT_CERTIFICATE_PATH", &file),
            ("RESOURCE__BASE_URL", "http://127.0.0.1:9"),
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("METRICS__LISTEN", "127.0.0.1:0"),
            ("RUST_LOG", "trace"),
        ],
    );
    let service = Server::start("client-app", &["serve"], &variables);
    let answer = direct().get(format!("{}/api/resources", service.url())).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let (_, log) = service.terminate();
    assert!(log.contains("acquired an access token") && log.contains("TRACE"), "{log}");
    let pem = signer_pem();
    for canary in lines_of_key(&pem).chain(["eyJ"]) {
        assert_eq!(log.lines().find(|line| line.contains(canary)), None, "{canary}");
    }
}
