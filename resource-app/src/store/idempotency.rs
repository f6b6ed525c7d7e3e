//! Remembers the answers to POST requests that carry a key, so that a repeated request creates nothing.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use entra_guard::AppIdentity;
use entra_shared::resource::{NewResource, Resource};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use super::StoreError;
use super::time::text;

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

/// A request with a key.
pub(super) struct KeyedRequest<'k> {
    owner: AppIdentity,
    key: &'k IdempotencyKey,
    /// SHA-256 of the name and the content, exactly as they were sent.
    fingerprint: Vec<u8>,
}

impl<'k> KeyedRequest<'k> {
    pub(super) fn new(owner: AppIdentity, key: &'k IdempotencyKey, new: &NewResource) -> Self {
        Self { owner, key, fingerprint: fingerprint(new) }
    }
}

fn fingerprint(new: &NewResource) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(new.name.len().to_le_bytes());
    hash.update(&new.name);
    hash.update(new.content.as_str());
    hash.finalize().to_vec()
}

/// Returns the resource that the same request created before.
///
/// # Errors
///
/// The app used the key for a different request, or the stored answer is unreadable. In that case no answer is better
/// than a second resource.
pub(super) async fn answer(
    connection: &mut SqliteConnection,
    request: &KeyedRequest<'_>,
) -> Result<Option<Resource>, StoreError> {
    let row = sqlx::query(
        "SELECT fingerprint, answer FROM idempotency_keys WHERE tenant = ? AND client_id = ? AND key = ?",
    )
    .bind(request.owner.tenant.to_string())
    .bind(request.owner.client_id.to_string())
    .bind(&request.key.0)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let unreadable = || StoreError::Unreadable { what: "answer to a key", id: Uuid::nil() };
    let fingerprint: &[u8] = row.try_get("fingerprint").map_err(|_| unreadable())?;
    if fingerprint != request.fingerprint {
        return Err(StoreError::KeyReused);
    }
    let answer = row.try_get("answer").map_err(|_| unreadable())?;
    serde_json::from_str(answer).map(Some).map_err(|_| unreadable())
}

/// Stores what was answered to a request.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    request: &KeyedRequest<'_>,
    answer: &Resource,
) -> Result<(), StoreError> {
    let unwritable = |_| StoreError::Unreadable { what: "answer", id: answer.id };
    sqlx::query(
        "INSERT INTO idempotency_keys (tenant, client_id, key, fingerprint, answer, created_at)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(request.owner.tenant.to_string())
    .bind(request.owner.client_id.to_string())
    .bind(&request.key.0)
    .bind(&request.fingerprint)
    .bind(serde_json::to_string(answer).map_err(unwritable)?)
    .bind(text(answer.created_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the answers that are older than `retention`.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    now: Timestamp,
    retention: SignedDuration,
) -> Result<(), StoreError> {
    let oldest = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
    let query = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < ?").bind(text(oldest));
    query.execute(connection).await?;
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
