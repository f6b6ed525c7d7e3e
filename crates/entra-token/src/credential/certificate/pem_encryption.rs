//! The encryption that PEM itself once had (RFC 1421), for keys in PKCS #1.
//!
//! `OpenSSL` alone says how the key comes from the password: by MD5, once. Whoever has the file can guess passwords
//! fast, but a key that came this way still signs.

use ::pem::Pem;
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use entra_shared::secret::CertificatePassword;
use md5::{Digest, Md5};

use super::super::CredentialProblem;

/// The initialization vector's length in bytes: a block of AES.
const BLOCK: usize = 16;

/// How many bytes of the initialization vector salt the password.
const SALT: usize = 8;

/// How a block is encrypted, as its headers say.
pub(super) struct PemEncryption {
    algorithm: &'static Algorithm,
    key_length: usize,
    vector: [u8; BLOCK],
}

/// The encryption that a block's headers name, if they name one.
pub(super) fn of(block: &Pem) -> Option<Result<PemEncryption, CredentialProblem>> {
    let value = block.headers().get("DEK-Info")?;
    let read = || {
        let (cipher, vector) = value.split_once(',')?;
        let (algorithm, key_length) = match cipher.trim() {
            "AES-128-CBC" => (&AES_128, 16),
            "AES-192-CBC" => (&AES_192, 24),
            "AES-256-CBC" => (&AES_256, 32),
            _ => return None,
        };
        Some(PemEncryption { algorithm, key_length, vector: bytes_of_hex(vector.trim())? })
    };
    Some(read().ok_or(CredentialProblem::UnsupportedEncryption))
}

impl PemEncryption {
    /// The content without its encryption; with a wrong password, an error or nonsense.
    pub(super) fn decrypt(
        &self,
        content: &[u8],
        password: &CertificatePassword,
    ) -> Result<Vec<u8>, CredentialProblem> {
        let wrong = CredentialProblem::WrongPassword;
        let key = UnboundCipherKey::new(self.algorithm, &self.key(password)).map_err(|_| wrong.clone())?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| wrong.clone())?;
        let mut content = content.to_vec();
        let decrypted =
            key.decrypt(&mut content, DecryptionContext::Iv128(self.vector.into())).map_err(|_| wrong)?;
        Ok(decrypted.to_vec())
    }

    /// Digests of the password and the salt, each with the one before, until there is enough of them.
    fn key(&self, password: &CertificatePassword) -> Vec<u8> {
        let mut key: Vec<u8> = Vec::new();
        let mut last: Vec<u8> = Vec::new();
        while key.len() < self.key_length {
            let digest = Md5::new().chain_update(&last).chain_update(password.expose());
            last = digest.chain_update(self.vector.get(..SALT).unwrap_or_default()).finalize().to_vec();
            key.extend_from_slice(&last);
        }
        key.truncate(self.key_length);
        key
    }
}

fn bytes_of_hex(text: &str) -> Option<[u8; BLOCK]> {
    let mut bytes = [0; BLOCK];
    if text.len() != 2 * BLOCK || !text.is_ascii() {
        return None;
    }
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(bytes)
}
