//! Remembering the answers to POST requests that carry a key, so that a repeated request creates nothing.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use shared::ids::ClientId;
use shared::resource::{NewResource, Resource};
use sqlx::SqliteConnection;

use super::{StoreError, write};

/// A client's name for one request, however often it sends it: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header's value; nothing where it is not in that form.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let visible = (1..=255).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        visible.then(|| Self(value.iter().copied().map(char::from).collect()))
    }
}

/// What was stored under a key.
pub(super) enum Seen {
    /// The same request: this was its answer.
    Same(Box<Resource>),
    /// Another request.
    Other,
}

/// What two requests have in common only if they ask for the same.
pub(super) fn fingerprint(new: &NewResource) -> Result<Vec<u8>, StoreError> {
    // Parsed JSON in its one compact form: white space and the order of members do not count.
    let body = serde_json::to_vec(new).map_err(|_| StoreError::Unreadable("request"))?;
    Ok(Sha256::digest(body).to_vec())
}

pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    client: ClientId,
    key: &IdempotencyKey,
    fingerprint: &[u8],
) -> Result<Option<Seen>, StoreError> {
    let row: Option<(Vec<u8>, String)> =
        sqlx::query_as("SELECT fingerprint, answer FROM idempotency_keys WHERE client_id = ? AND key = ?")
            .bind(client.to_string())
            .bind(&key.0)
            .fetch_optional(connection)
            .await?;
    let Some((known, answer)) = row else { return Ok(None) };
    if known != fingerprint {
        return Ok(Some(Seen::Other));
    }
    let answer = serde_json::from_str(&answer).map_err(|_| StoreError::Unreadable("stored answer"))?;
    Ok(Some(Seen::Same(answer)))
}

pub(super) async fn remember(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
    fingerprint: &[u8],
    answer: &Resource,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO idempotency_keys (client_id, key, fingerprint, answer, created_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(answer.created_by.to_string())
    .bind(&key.0)
    .bind(fingerprint)
    .bind(write::json(answer)?)
    .bind(write::text(answer.created_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets what was stored before `time`.
pub(super) async fn forget_before(
    connection: &mut SqliteConnection,
    time: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency_keys WHERE created_at < ?")
        .bind(write::text(time))
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
    fn the_order_of_members_does_not_change_a_fingerprint() {
        let of = |text: &str| fingerprint(&serde_json::from_str(text).unwrap()).unwrap();
        let first = of(r#"{"name":"n","content":{"a":1,"b":2}}"#);
        assert_eq!(first, of(r#"{ "content": { "b": 2, "a": 1 }, "name": "n" }"#));
        assert_ne!(first, of(r#"{"name":"n","content":{"a":1,"b":3}}"#));
    }
}
