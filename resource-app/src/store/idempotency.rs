//! Remembering the answers to POST requests that carry a key, so that a repeated request creates nothing.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use entra_shared::resource::{NewResource, Resource};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::time::text;
use super::{Owner, StoreError, checksum};

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
    // JSON in its one compact form: white space and the order of members do not count.
    let unwritable = |_| StoreError::Unreadable { what: "request", id: Uuid::nil() };
    let body = serde_json::to_vec(new).map_err(unwritable)?;
    Ok(Sha256::digest(body).to_vec())
}

/// The columns of a key.
#[derive(Debug, FromRow)]
pub(super) struct KeyRow {
    tenant: String,
    client_id: String,
    key: String,
    fingerprint: Vec<u8>,
    answer: String,
    created_at: String,
    checksum: Vec<u8>,
}

pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    owner: Owner,
    key: &IdempotencyKey,
    fingerprint: &[u8],
) -> Result<Option<Seen>, StoreError> {
    let row = sqlx::query("SELECT * FROM idempotency_keys WHERE tenant = ? AND client_id = ? AND key = ?")
        .bind(owner.tenant.to_string())
        .bind(owner.client_id.to_string())
        .bind(&key.0)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    // Rather no answer than a second resource.
    let unreadable = |what| StoreError::Unreadable { what, id: Uuid::nil() };
    let row = KeyRow::from_row(&row).map_err(|_| unreadable("key"))?;
    if row.checksum() != row.checksum {
        return Err(unreadable("checksum of a key"));
    }
    if row.fingerprint != fingerprint {
        return Ok(Some(Seen::Other));
    }
    let answer = serde_json::from_str(&row.answer).map_err(|_| unreadable("answer to a key"))?;
    Ok(Some(Seen::Same(answer)))
}

/// Remembers what a request asked for, by its fingerprint, and what was answered.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    owner: Owner,
    key: &IdempotencyKey,
    (fingerprint, answer): (&[u8], &Resource),
) -> Result<(), StoreError> {
    let unwritable = |_| StoreError::Unreadable { what: "answer", id: answer.id };
    let mut row = KeyRow {
        tenant: owner.tenant.to_string(),
        client_id: owner.client_id.to_string(),
        key: key.0.clone(),
        fingerprint: fingerprint.to_vec(),
        answer: serde_json::to_string(answer).map_err(unwritable)?,
        created_at: text(answer.created_at),
        checksum: Vec::new(),
    };
    row.checksum = row.checksum();
    Ok(row.insert(connection).await?)
}

impl KeyRow {
    fn checksum(&self) -> Vec<u8> {
        checksum::of(&[
            self.tenant.as_bytes(),
            self.client_id.as_bytes(),
            self.key.as_bytes(),
            &self.fingerprint,
            self.answer.as_bytes(),
            self.created_at.as_bytes(),
        ])
    }

    /// Gives a row from before there were checksums its own.
    pub(super) async fn seal(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE idempotency_keys SET checksum = ? WHERE tenant = ? AND client_id = ? AND key = ?",
        )
        .bind(self.checksum())
        .bind(self.tenant)
        .bind(self.client_id)
        .bind(self.key)
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn insert(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO idempotency_keys (tenant, client_id, key, fingerprint, answer, created_at, checksum)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.tenant)
        .bind(self.client_id)
        .bind(self.key)
        .bind(self.fingerprint)
        .bind(self.answer)
        .bind(self.created_at)
        .bind(self.checksum)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Forgets what was stored before `time`.
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
    fn the_order_of_members_does_not_change_a_fingerprint() {
        let of = |text: &str| fingerprint(&serde_json::from_str(text).unwrap()).unwrap();
        let first = of(r#"{"name":"n","content":{"a":1,"b":2}}"#);
        assert_eq!(first, of(r#"{ "content": { "b": 2, "a": 1 }, "name": "n" }"#));
        assert_ne!(first, of(r#"{"name":"n","content":{"a":1,"b":3}}"#));
    }
}
