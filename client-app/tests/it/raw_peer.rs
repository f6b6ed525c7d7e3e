//! Peers at the level of TCP and TLS, which misbehave in ways that an HTTP server cannot.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The fault of a peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    NotYetValid,
    ForAnotherHost,
    ForClients,
}

/// What a peer does with a connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behaviour {
    /// Reads the request, sends these bytes, and closes the connection.
    Sends(Vec<u8>),
    /// Reads the request, sends these bytes, and then single bytes without end.
    Drips(Vec<u8>),
    /// Reads the request, sends these bytes, and then as many as the client reads.
    Pours(Vec<u8>),
    /// Resets the connection after the request.
    Resets,
    /// Accepts the connection and never sends anything.
    IsSilent,
    /// Responds with http instead of https.
    SpeaksPlainly,
}

/// The bytes that a peer received on connections without TLS.
type Raw = Arc<Mutex<Vec<u8>>>;

/// A peer, and the number of request bytes that it received.
pub(crate) struct RawPeer {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) bytes_seen: Arc<AtomicUsize>,
    pub(crate) raw: Raw,
}

impl RawPeer {
    pub(crate) async fn start(behaviour: Behaviour, certificate: Certificate) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (acceptor, ca_pem) = acceptor(certificate);
        let (connections, bytes_seen) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&bytes_seen));
        let raw = Raw::default();
        let taken = Arc::clone(&raw);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let taken = Arc::clone(&taken);
                match behaviour {
                    Behaviour::IsSilent => drop(tokio::spawn(take(stream, taken))),
                    Behaviour::SpeaksPlainly => drop(tokio::spawn(speak_plainly(stream, taken))),
                    _ => {
                        let seen = Arc::clone(&seen);
                        drop(tokio::spawn(serve(stream, acceptor.clone(), behaviour.clone(), seen)));
                    }
                }
            }
        });
        Self { url, ca_pem, connections, bytes_seen, raw }
    }
}

fn acceptor(certificate: Certificate) -> (TlsAcceptor, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let host = if certificate == Certificate::ForAnotherHost { "elsewhere.example" } else { "localhost" };
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    match certificate {
        Certificate::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Certificate::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
        Certificate::ForClients => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        Certificate::Good | Certificate::ForAnotherHost => (),
    }
    let key = KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &ca).unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca.pem())
}

/// Sends nothing and reads everything.
async fn take(mut stream: TcpStream, taken: Raw) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        taken.lock().unwrap().extend_from_slice(&buffer[..read]);
    }
}

async fn speak_plainly(mut stream: TcpStream, taken: Raw) {
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let _ = stream.shutdown().await;
    take(stream, taken).await;
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, behaviour: Behaviour, seen: Arc<AtomicUsize>) {
    match behaviour {
        Behaviour::IsSilent | Behaviour::SpeaksPlainly => unreachable!("has no TLS"),
        Behaviour::Resets => {
            let mut stream = acceptor.accept(stream).await.unwrap();
            read_request(&mut stream, &seen).await;
            // A linger time of zero resets the connection instead of closing it.
            stream.get_ref().0.set_zero_linger().unwrap();
        }
        Behaviour::Sends(bytes) => {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream, &seen).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Behaviour::Drips(bytes) => {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream, &seen).await;
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Behaviour::Pours(bytes) => {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_request(&mut stream, &seen).await;
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
        }
    }
}

/// Reads until the form is complete: its last field is the secret.
async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), seen: &AtomicUsize) {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&request).contains("client_secret=") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                seen.fetch_add(read, Ordering::Relaxed);
                request.extend_from_slice(&buffer[..read]);
            }
        }
    }
}
