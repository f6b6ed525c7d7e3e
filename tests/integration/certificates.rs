//! Each fault of a server's certificate has its own words: in the error, in `doctor`, and in the log of the key fetch.

use std::time::Duration;

use http_shell::server::{Server as HttpServer, ServerCertificate};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tests::program::{self, Server};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The certificates of a server, its key, and the file that its clients trust.
struct Case {
    chain: Vec<rcgen::Certificate>,
    key: KeyPair,
    trusted: String,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// A certificate of a trusted authority.
fn issued(params: &CertificateParams) -> Case {
    let (ca, key) = (authority("trusted"), KeyPair::generate().unwrap());
    let own = params.signed_by(&key, &ca).unwrap();
    Case { chain: vec![own], key, trusted: ca.pem() }
}

fn self_signed_authority() -> Case {
    let (mut params, key) = (params("localhost"), KeyPair::generate().unwrap());
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    Case { trusted: own.pem(), chain: vec![own], key }
}

fn without_intermediate() -> Case {
    let (root, key) = (authority("root"), KeyPair::generate().unwrap());
    let mut intermediate = CertificateParams::default();
    intermediate.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    intermediate.distinguished_name.push(DnType::CommonName, "intermediate");
    let issuer = CertifiedIssuer::signed_by(intermediate, KeyPair::generate().unwrap(), &root).unwrap();
    let own = params("localhost").signed_by(&key, &issuer).unwrap();
    Case { chain: vec![own], key, trusted: root.pem() }
}

fn cases() -> Vec<(Case, &'static str, &'static str)> {
    let mut expired = params("localhost");
    expired.not_after = date_time_ymd(2020, 1, 1);
    expired.not_before = date_time_ymd(2019, 1, 1);
    let mut early = params("localhost");
    early.not_before = date_time_ymd(2100, 1, 1);
    early.not_after = date_time_ymd(2101, 1, 1);
    let mut nameless = CertificateParams::default();
    nameless.distinguished_name.push(DnType::CommonName, "localhost");
    let unknown = Case { trusted: authority("another").pem(), ..issued(&params("localhost")) };
    vec![
        (unknown, "is not trusted, since its CA is unknown", "HTTP_CLIENT__CA_FILE"),
        (without_intermediate(), "is not trusted, since its CA is unknown", "intermediate certificates"),
        (issued(&expired), "has expired", "Renew it on the server"),
        (issued(&early), "is not valid yet", "Set this machine's clock"),
        (issued(&params("other.example")), "is for another host name", "Call the host by a name"),
        (issued(&nameless), "names no host as a subject alternative name", "as a subject alternative name"),
        (self_signed_authority(), "is that of a CA", "with `CA:FALSE`"),
    ]
}

/// Serves https with this certificate.
async fn serve(case: &Case) -> (String, DropGuard) {
    let chain = case.chain.iter().map(|certificate| certificate.der().clone()).collect();
    let certificate = ServerCertificate::new(chain, case.key.serialize_der().try_into().unwrap());
    let server = HttpServer::bind_address(([127, 0, 0, 1], 0).into(), Some(&certificate)).await.unwrap();
    let (url, stop) = (server.url(), CancellationToken::new());
    tokio::spawn(server.serve(axum::Router::new(), stop.clone()));
    (url, stop.drop_guard())
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_certificate_has_its_own_words_everywhere() {
    for (case, problem, remedy) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, &case.trusted).unwrap();
        let (url, _serving) = serve(&case).await;
        let common = [
            ("AZURE_AD__INSTANCE", url.clone()),
            ("AZURE_AD__TENANT_ID", tests::world::TENANT.to_owned()),
            ("HTTP_CLIENT__CA_FILE", ca_file.display().to_string()),
        ];
        let mut client = common.to_vec();
        client.extend([("AZURE_CLIENT_SECRET", "x".to_owned()), ("RESOURCE__BASE_URL", url)]);
        for command in ["token", "doctor"] {
            let output = program::run("client-app", &[command], &client);
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains(problem) && text.contains(remedy), "{command}: {problem}: {text}");
        }
        let mut resource = common.to_vec();
        resource.extend([
            ("AZURE_AD__CLIENT_ID", tests::world::RESOURCE.to_owned()),
            ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
            ("METRICS__LISTEN", "127.0.0.1:0".to_owned()),
            ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
        ]);
        let server = Server::start("resource-app", &["serve"], &resource);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (code, log) = server.terminate();
        assert_eq!(code, Some(0));
        assert!(log.contains(problem) && log.contains(remedy), "{problem}: {log}");
    }
}
