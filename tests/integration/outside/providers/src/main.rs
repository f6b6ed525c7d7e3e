//! Starts a guard where both of jsonwebtoken's providers are compiled in, and prints the outcome.

use std::panic::catch_unwind;

use entra_guard::{ClientId, Guard, Instance, Tenancy, TenantId};
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils, aws_lc, rust_crypto};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{EncodingKey, Header};

static REFUSING: CryptoProvider =
    CryptoProvider { verifier_factory: |_, _| Err(Error::from(ErrorKind::InvalidSignature)), ..BROKEN };

static PANICKING: CryptoProvider =
    CryptoProvider { verifier_factory: |_, _| panic!("not implemented"), ..BROKEN };

const BROKEN: CryptoProvider = CryptoProvider {
    signer_factory: aws_lc::DEFAULT_PROVIDER.signer_factory,
    verifier_factory: aws_lc::DEFAULT_PROVIDER.verifier_factory,
    key_utils: KeyUtils::new_unimplemented(),
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("rust_crypto") => rust_crypto::DEFAULT_PROVIDER.install_default().unwrap(),
        Some("refusing") => REFUSING.install_default().unwrap(),
        Some("panicking") => PANICKING.install_default().unwrap(),
        Some("used too early") => {
            let key = EncodingKey::from_secret(b"key").unwrap();
            let sign = || jsonwebtoken::encode(&Header::default(), &(), &key);
            assert!(catch_unwind(sign).is_err(), "jsonwebtoken chose a provider by itself");
        }
        _ => assert!(CryptoProvider::try_get_default().is_none()),
    }
    let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
    let tenant = TenantId::parse("8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20").unwrap();
    let client_id = ClientId::parse("b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4").unwrap();
    match Guard::builder(Tenancy::single(instance, tenant), client_id).start() {
        Ok(_) => println!("started"),
        Err(error) => println!("{error}"),
    }
}
