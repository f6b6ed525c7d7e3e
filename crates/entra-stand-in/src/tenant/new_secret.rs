//! Generates client secrets.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::secret::ClientSecret;
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use crate::credentials::{Secret, SecretHash};

/// A new client secret, with its value, which is shown once, and the hash that is kept.
pub(crate) struct NewSecret {
    pub(crate) value: ClientSecret,
    pub(crate) registered: Secret,
}

impl NewSecret {
    /// Generates a secret of some 240 random bits that is valid for two years from `now`.
    pub(crate) fn lasting(now: Timestamp) -> Self {
        let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        #[expect(clippy::expect_used, reason = "32 bytes are not an empty text")]
        let value = ClientSecret::parse(BASE64_URL_SAFE_NO_PAD.encode(bytes)).expect("a secret");
        let registered = Secret {
            key_id: Uuid::new_v4(),
            hash: SecretHash::from_secret(value.expose()),
            start: now,
            end: now.checked_add((2 * 365 * 24).hours()).unwrap_or(Timestamp::MAX),
            known_from: now,
        };
        Self { value, registered }
    }
}
