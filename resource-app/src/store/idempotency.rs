//! Remembers the answers to POST requests that carry a key, so that a repeated request creates nothing.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use entra_shared::resource::{NewResource, Resource};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use super::time::text;
use super::{Owner, StoreError};

/// A client's name for one request and its repetitions: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Parses the header's value; `None` if it is malformed.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let is_visible = (1..=255).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        is_visible.then(|| Self(value.iter().copied().map(char::from).collect()))
    }
}

/// The request that a key was used for before.
pub(super) enum Seen {
    /// The same request, with its answer.
    Same(Box<Resource>),
    /// A different request.
    Other,
}

/// Hashes what a request asks for: SHA-256 of its name and its content, exactly as they were sent.
pub(super) fn fingerprint(new: &NewResource) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(new.name.len().to_le_bytes());
    hash.update(&new.name);
    hash.update(new.content.as_str());
    hash.finalize().to_vec()
}

/// Looks up what this app used the key for.
///
/// # Errors
/// The database fails, or the stored answer is unreadable: better no answer than a second resource.
pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    owner: Owner,
    key: &IdempotencyKey,
    fingerprint: &[u8],
) -> Result<Option<Seen>, StoreError> {
    const QUERY: &str =
        "SELECT fingerprint, answer FROM idempotency_keys WHERE tenant = ? AND client_id = ? AND key = ?";
    let query = sqlx::query(QUERY).bind(owner.tenant.to_string()).bind(owner.client_id.to_string());
    let Some(row) = query.bind(&key.0).fetch_optional(connection).await? else { return Ok(None) };
    let unreadable = StoreError::Unreadable { what: "answer to a key", id: Uuid::nil() };
    let (Ok(stored), Ok(answer)) = (row.try_get::<&[u8], _>("fingerprint"), row.try_get("answer")) else {
        return Err(unreadable);
    };
    if stored != fingerprint {
        return Ok(Some(Seen::Other));
    }
    serde_json::from_str(answer).map(|answer| Some(Seen::Same(answer))).map_err(|_| unreadable)
}

/// Remembers what a request asked for, by its fingerprint, and what was answered.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    owner: Owner,
    key: &IdempotencyKey,
    (fingerprint, answer): (&[u8], &Resource),
) -> Result<(), StoreError> {
    let unwritable = |_| StoreError::Unreadable { what: "answer", id: answer.id };
    sqlx::query(
        "INSERT INTO idempotency_keys (tenant, client_id, key, fingerprint, answer, created_at)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(owner.tenant.to_string())
    .bind(owner.client_id.to_string())
    .bind(&key.0)
    .bind(fingerprint)
    .bind(serde_json::to_string(answer).map_err(unwritable)?)
    .bind(text(answer.created_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the answers stored before `time`.
pub(super) async fn forget_before(
    connection: &mut SqliteConnection,
    time: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency_keys WHERE created_at < ?")
        .bind(text(time))
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_1_to_255_visible_characters() {
        for right in [&b"a"[..], b"0191c7d0-6f5e-7c3a-9f9b-1c2d3e4f5a6b", &[b'~'; 255]] {
            assert!(IdempotencyKey::parse(right).is_some());
        }
        for wrong in [&b""[..], b"a b", b"a\t", b"\xc3\xbc", &[b'a'; 256]] {
            assert!(IdempotencyKey::parse(wrong).is_none());
        }
    }

    #[test]
    fn a_fingerprint_tells_names_and_contents_apart() {
        let print = |text: &str| fingerprint(&serde_json::from_str(text).unwrap());
        let first = print(r#"{"name":"n","content":{"a":1}}"#);
        assert_eq!(first, print(r#" { "content":{"a":1}, "name": "\u006e" }"#));
        for other in [r#"{"name":"n","content":{"a":2}}"#, r#"{"name":"m","content":{"a":1}}"#] {
            assert_ne!(first, print(other));
        }
        assert_ne!(print(r#"{"name":"n1","content":2}"#), print(r#"{"name":"n","content":12}"#));
    }
}
