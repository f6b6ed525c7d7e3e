//! Certificates in files written by openssl, and the client assertions that their keys sign.
//!
//! The files are in `tests/certificates`. All belong to one certificate that no party trusts; the password of encrypted
//! ones is "canary-password".

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::ids::{ClientId, Domain, TenantId};
use entra_shared::secret::CertificatePassword;
use entra_token::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles, Claimant,
    Credential, CredentialError, CredentialProblem,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

const PASSWORD: &str = "canary-password";
const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// The DER of the certificate in the files.
fn certificate() -> Vec<u8> {
    let text = std::fs::read(file("certificate.pem")).unwrap();
    pem::parse(text).unwrap().into_contents()
}

fn open(name: &str, password: Option<&str>) -> Result<CertificateCredential, CredentialError> {
    let files = CertificateFiles {
        certificate: file(name),
        private_key: None,
        password: password.map(|text| CertificatePassword::parse(text).unwrap()),
    };
    CertificateCredential::open(files, AssertionOptions::default())
}

/// The assertion of a credential for an authority whose URLs contain the tenant's domain.
async fn assertion(credential: CertificateCredential) -> Assertion {
    let domain = Domain::parse("contoso.com").unwrap();
    let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
    let authority = Authority::new(instance, TenantId::parse(TENANT).unwrap(), Some(&domain));
    let claimant = Claimant { client_id: ClientId::parse(CLIENT).unwrap(), authority: &authority };
    let proof = Credential::Certificate(credential).proof(claimant).await.unwrap();
    let fields = proof.fields();
    assert_eq!(
        fields[0],
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned())
    );
    assert_eq!(fields[1].0, "client_assertion");
    let told = format!("{proof:?}");
    assert!(!told.contains("eyJ"), "{told}");
    Assertion(fields[1].1.clone())
}

struct Assertion(String);

impl Assertion {
    fn part(&self, index: usize) -> Value {
        let segment = self.0.split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
    }

    /// Returns whether another implementation accepts the signature with the certificate's key.
    fn is_signed_with(&self, algorithm: &'static dyn VerificationAlgorithm) -> bool {
        let der = certificate();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let key = certificate.public_key().subject_public_key.data.to_vec();
        let (message, signature) = self.0.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(algorithm, key).verify(message.as_bytes(), &signature).is_ok()
    }
}

#[tokio::test]
async fn every_form_in_which_a_certificate_comes_makes_an_assertion_that_it_verifies() {
    for name in ["pkcs8.pem", "pkcs1.pem", "chain.pem"] {
        assert_makes_an_assertion(name, None).await;
    }
}

#[cfg(feature = "encrypted-keys")]
#[tokio::test]
async fn every_encrypted_form_makes_an_assertion_that_the_certificate_verifies() {
    for (name, password) in [
        ("empty-password.pfx", None),
        ("pkcs8-aes256.pem", Some(PASSWORD)),
        ("pkcs8-des3.pem", Some(PASSWORD)),
        ("pkcs8-scrypt.pem", Some(PASSWORD)),
        ("modern.pfx", Some(PASSWORD)),
        ("legacy.pfx", Some(PASSWORD)),
    ] {
        assert_makes_an_assertion(name, password).await;
    }
}

#[cfg(feature = "encrypted-keys")]
#[tokio::test]
async fn a_pfx_file_may_be_in_base64_as_key_vault_delivers_it() {
    let folder = tempfile::tempdir().unwrap();
    let base64 = BASE64_STANDARD.encode(std::fs::read(file("empty-password.pfx")).unwrap());
    let (one_line, lines) = (folder.path().join("one-line"), folder.path().join("lines"));
    std::fs::write(&one_line, &base64).unwrap();
    let wrapped: Vec<&[u8]> = base64.as_bytes().chunks(64).collect();
    std::fs::write(&lines, wrapped.join(&b"\r\n"[..])).unwrap();
    for path in [one_line, lines] {
        assert_makes_an_assertion(path.to_str().unwrap(), None).await;
    }
}

async fn assert_makes_an_assertion(name: &str, password: Option<&str>) {
    let credential = open(name, password).unwrap_or_else(|error| panic!("{error}"));
    assert!(!format!("{credential:?}").contains("canary"));
    let assertion = assertion(credential).await;
    assert!(assertion.is_signed_with(&RSA_PSS_2048_8192_SHA256), "{name}");
}

#[tokio::test]
async fn a_private_key_may_be_in_a_file_of_its_own() {
    let files = CertificateFiles {
        certificate: file("certificate.pem"),
        private_key: Some(file("private-key.pem")),
        password: None,
    };
    let credential = CertificateCredential::open(files, AssertionOptions::default()).unwrap();
    assert!(assertion(credential).await.is_signed_with(&RSA_PSS_2048_8192_SHA256));
}

#[tokio::test]
async fn an_assertion_is_what_entra_documents() {
    let assertion = assertion(open("pkcs8.pem", None).unwrap()).await;
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate()));
    assert_eq!(assertion.part(0), json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
    let claims = assertion.part(1);
    assert_eq!(claims["aud"], format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
    let time = |name: &str| claims[name].as_i64().unwrap();
    let now = Timestamp::now().as_second();
    assert_eq!((time("exp") - time("nbf"), time("iat")), (600, time("nbf")));
    assert!((now - 10..=now - 5).contains(&time("nbf")), "{claims}");
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    assert_eq!(claims.as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn the_older_algorithm_the_issuer_as_audience_and_the_chain_are_settings() {
    let options = AssertionOptions {
        algorithm: Algorithm::Rs256,
        audience: AssertionAudience::Issuer,
        send_chain: true,
    };
    let files = CertificateFiles { certificate: file("chain.pem"), private_key: None, password: None };
    let assertion = assertion(CertificateCredential::open(files, options).unwrap()).await;
    assert!(assertion.is_signed_with(&RSA_PKCS1_2048_8192_SHA256));
    let header = assertion.part(0);
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate()));
    assert_eq!((&header["alg"], &header["x5t"]), (&json!("RS256"), &json!(thumbprint)));
    assert!(header.get("x5t#S256").is_none());
    // The file contains the root first and the key's own certificate last.
    let chain: Vec<Vec<u8>> = header["x5c"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| BASE64_STANDARD.decode(link.as_str().unwrap()).unwrap())
        .collect();
    assert_eq!((chain.len(), &chain[0]), (3, &certificate()));
    for pair in chain.windows(2) {
        let [(_, lower), (_, upper)] = [0, 1].map(|index| X509Certificate::from_der(&pair[index]).unwrap());
        assert_eq!(lower.issuer(), upper.subject());
    }
    assert_eq!(assertion.part(1)["aud"], format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
}

#[tokio::test]
async fn no_two_assertions_have_the_same_id() {
    let credential = open("pkcs8.pem", None).unwrap();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..100 {
        let claims = assertion(credential.clone()).await.part(1);
        assert!(ids.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_reason_and_shows_nothing() {
    use CredentialProblem as P;
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name).display().to_string()
    };
    let no_key = file("certificate.pem").display().to_string();
    let no_certificate = file("private-key.pem").display().to_string();
    let text = written("text", b"canary");
    let broken = written("broken", b"-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n");
    let large = written("large", &vec![b' '; 256 * 1024 + 1]);
    let cases = [
        ("mismatch.pem", None, P::Mismatch),
        ("two-keys.pem", None, P::SeveralPrivateKeys),
        ("two-certificates.pem", None, P::SeveralCertificates),
        ("ec.pem", None, P::UnsupportedKey("EC")),
        ("weak.pem", None, P::WeakKey),
        ("pkcs1-aes256.pem", None, P::UnsupportedEncryption),
        ("pkcs1-aes256.pem", Some(PASSWORD), P::UnsupportedEncryption),
        (&no_key, None, P::NoPrivateKey),
        (&no_certificate, None, P::NoCertificate),
        (&text, None, P::NeitherPemNorPfx),
        (&broken, None, P::NotAPrivateKey),
        (&large, None, P::TooLarge(256 * 1024)),
    ];
    for (name, password, expected) in cases {
        assert_refused(name, password, &expected);
    }
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn what_cannot_be_decrypted_is_refused_with_its_reason_and_shows_nothing() {
    use CredentialProblem as P;
    let folder = tempfile::tempdir().unwrap();
    let der = folder.path().join("der");
    std::fs::write(&der, [0x30, 0x03, 0x02, 0x01, 0x00]).unwrap();
    // The last object identifier in a PFX file is that of its MAC: PBMAC1 in place of SHA-256.
    let pbmac1 = folder.path().join("pbmac1.pfx");
    let mut pfx = std::fs::read(file("modern.pfx")).unwrap();
    let sha256 = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    let at = pfx.windows(sha256.len()).rposition(|window| window == sha256).unwrap();
    pfx.splice(at..at + 11, [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e]);
    std::fs::write(&pbmac1, pfx).unwrap();
    for (name, password, expected) in [
        ("pkcs8-aes256.pem", None, P::PasswordMissing),
        ("pkcs8-aes256.pem", Some("wrong"), P::WrongPassword),
        ("pkcs8-scrypt.pem", Some("wrong"), P::WrongPassword),
        ("pkcs8-pbes1.pem", Some(PASSWORD), P::UnsupportedEncryption),
        ("modern.pfx", None, P::PasswordMissing),
        ("modern.pfx", Some("wrong"), P::WrongPassword),
        ("legacy.pfx", Some("wrong"), P::WrongPassword),
        (der.to_str().unwrap(), None, P::NeitherPemNorPfx),
        (pbmac1.to_str().unwrap(), Some(PASSWORD), P::Pbmac1),
    ] {
        assert_refused(name, password, &expected);
    }
}

#[cfg(not(feature = "encrypted-keys"))]
#[test]
fn without_the_feature_an_encrypted_key_is_refused_with_the_feature_to_turn_on() {
    for name in ["pkcs8-aes256.pem", "modern.pfx", "empty-password.pfx"] {
        assert_refused(name, Some(PASSWORD), &CredentialProblem::EncryptedKeysDisabled);
    }
}

fn assert_refused(name: &str, password: Option<&str>, expected: &CredentialProblem) {
    let error = open(name, password).unwrap_err();
    assert_eq!(error.problem, *expected, "{name} {password:?}");
    let told = error.to_string();
    assert!(told.starts_with(&format!("{}: ", file(name).display())) && !told.contains('\n'), "{told}");
    assert!(!format!("{told} {error:?}").contains("canary"), "{told}");
}

#[tokio::test]
async fn a_certificate_outside_its_time_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("certificate.pem");
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    for (from, until, expected) in [
        (2020, 2021, CredentialProblem::Expired("2021-01-01T00:00:00Z".parse().unwrap())),
        (2098, 2099, CredentialProblem::NotYetValid("2098-01-01T00:00:00Z".parse().unwrap())),
    ] {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(&path, format!("{}{}", certificate.pem(), key.serialize_pem())).unwrap();
        let files = CertificateFiles { certificate: path.clone(), private_key: None, password: None };
        let credential = CertificateCredential::open(files, AssertionOptions::default()).unwrap();
        assert_eq!(credential.check_validity().unwrap_err().problem, expected);
        assert_eq!(credential.expires_at().to_string(), format!("{until}-01-01T00:00:00Z"));
        let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
        let authority = Authority::new(instance, TenantId::parse(TENANT).unwrap(), None);
        let claimant = Claimant { client_id: ClientId::parse(CLIENT).unwrap(), authority: &authority };
        let error = Credential::Certificate(credential).proof(claimant).await.unwrap_err();
        assert_eq!(error.problem, expected);
    }
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_file_is_more_than_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for name in ["pkcs1-aes256.pem", "pkcs8-aes256.pem", "chain.pem", "modern.pfx", "legacy.pfx"] {
        let bytes = std::fs::read(file(name)).unwrap();
        let cuts = (0..bytes.len()).step_by(97).map(|length| bytes[..length].to_vec());
        let flips = (0..bytes.len()).step_by(61).map(|index| {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1 << (index % 8);
            bytes
        });
        for broken in cuts.chain(flips) {
            std::fs::write(&path, broken).unwrap();
            // A flipped bit between the blocks or in a certificate other than the key's own changes nothing relevant.
            let _ = open(path.to_str().unwrap(), Some(PASSWORD));
        }
    }
}
