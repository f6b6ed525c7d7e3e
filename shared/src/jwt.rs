//! The cryptography that `jsonwebtoken` uses, and the signature check built on it.
//!
//! `jsonwebtoken` reads its cryptography from a provider that the whole process shares. If a dependency turns on the
//! feature `rust_crypto` as well, no provider is chosen and the first signature check panics. So every component
//! that signs or verifies calls [`install_provider`] when it starts.

use std::panic::catch_unwind;

use jsonwebtoken::crypto::{self, CryptoProvider};
use jsonwebtoken::{Algorithm, DecodingKey};

/// The process has no provider of JWT cryptography that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the jsonwebtoken provider of this process cannot verify RS256 signatures")]
pub struct NoCryptography;

/// The example of RFC 7515 appendix A.2: a message, its RS256 signature, and the modulus of the key.
mod known_answer {
    pub(super) const MESSAGE: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
        Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    pub(super) const SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju\
        jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Q\
        e7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI\
        8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    pub(super) const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4\
        QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbB\
        YUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWN\
        moudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    pub(super) const EXPONENT: &str = "AQAB";
}

/// Installs the aws-lc provider for the process, unless another is installed, and checks that it verifies signatures.
///
/// Call it before the first use of `jsonwebtoken`. Calling it again is cheap and harmless.
///
/// # Errors
/// The provider refuses a valid signature, accepts a forged one, or panics.
pub fn install_provider() -> Result<(), NoCryptography> {
    if CryptoProvider::try_get_default().is_none() {
        // Fails only if another thread installed one meanwhile, which the check below judges.
        let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    }
    // A custom provider may panic in what it does not implement.
    match catch_unwind(passes_known_answers) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(NoCryptography),
    }
}

/// Returns whether the key made this base64url signature of the message.
///
/// `jsonwebtoken::crypto::verify` returns `Result<bool>`, where `?` alone would accept a forgery; use this instead.
/// A signature that cannot be read, or a key of another family, counts as a forgery.
#[must_use]
pub fn is_signed_by(key: &DecodingKey, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
    matches!(crypto::verify(signature, message, key, algorithm), Ok(true))
}

fn passes_known_answers() -> bool {
    use known_answer::{EXPONENT, MESSAGE, MODULUS, SIGNATURE};
    let Ok(key) = DecodingKey::from_rsa_components(MODULUS, EXPONENT) else { return false };
    let verifies = |message: &str| is_signed_by(&key, Algorithm::RS256, message.as_bytes(), SIGNATURE);
    verifies(MESSAGE) && !verifies(&MESSAGE.replacen('J', "K", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_installed_once_and_verifies() {
        assert_eq!(install_provider(), Ok(()));
        assert_eq!(install_provider(), Ok(()));
        assert!(passes_known_answers());
    }

    #[test]
    fn anything_but_the_signature_of_the_message_is_a_forgery() {
        use known_answer::{EXPONENT, MESSAGE, MODULUS, SIGNATURE};
        install_provider().unwrap();
        let key = DecodingKey::from_rsa_components(MODULUS, EXPONENT).unwrap();
        let message = MESSAGE.as_bytes();
        assert!(is_signed_by(&key, Algorithm::RS256, message, SIGNATURE));
        for signature in ["", "AA", "!", &SIGNATURE[1..], &SIGNATURE.replacen('c', "d", 1)] {
            assert!(!is_signed_by(&key, Algorithm::RS256, message, signature), "{signature}");
        }
        assert!(!is_signed_by(&key, Algorithm::RS256, b"another message", SIGNATURE));
        for algorithm in [Algorithm::RS384, Algorithm::PS256, Algorithm::HS256, Algorithm::ES256] {
            assert!(!is_signed_by(&key, algorithm, message, SIGNATURE), "{algorithm:?}");
        }
    }
}
