//! Tests that need the store's inside.

use std::path::Path;

use entra_guard::AppIdentity;
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::resource::{Content, NewResource};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::{Store, StoreError, Versioned};
use crate::settings::Settings;

const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";

async fn open(folder: &Path) -> Store {
    let url = format!("sqlite://{}/resources.db", folder.display());
    let variables = [("STORE__URL", url.as_str())].into_iter().collect();
    Store::open(&Settings::load(None, variables).unwrap()).await.unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

fn owner() -> AppIdentity {
    AppIdentity { tenant: tenant(), client_id: ClientId::parse(CLIENT).unwrap() }
}

fn new(content: &str) -> NewResource {
    NewResource { name: "n".into(), content: Content::parse(content).unwrap() }
}

async fn create(store: &Store, content: &str) -> Result<Versioned, StoreError> {
    store.create(new(content), owner(), None).await
}

async fn names(store: &Store, tenant: TenantId) -> usize {
    store.list(tenant, 100, None).await.unwrap().resources.len()
}

#[tokio::test]
async fn a_write_that_finds_no_room_does_not_end_all_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let large = format!("\"{}\"", "x".repeat(60_000));
    let mut transaction = store.writer.begin().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 100").fetch_one(&mut *transaction.connection).await.unwrap();
    transaction.end(Ok(())).await.unwrap();
    let mut written = 0;
    while create(&store, &large).await.is_ok() {
        written += 1;
        assert!(written < 100, "the limit is not noticed");
    }
    // The limit belonged to the old connection, which has been replaced.
    for more in 1..=3 {
        create(&store, &large).await.unwrap();
        assert_eq!(names(&store, tenant()).await, written + more);
    }
    store.check().await.unwrap();
}

#[tokio::test]
async fn an_abandoned_transaction_is_rolled_back_and_blocks_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for _ in 0..3 {
        let mut transaction = store.writer.begin().await.unwrap();
        sqlx::query("INSERT INTO trial_writes VALUES (x'00')")
            .execute(&mut *transaction.connection)
            .await
            .unwrap();
        drop(transaction);
        create(&store, "1").await.unwrap();
    }
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM trial_writes").fetch_one(&store.readers).await.unwrap();
    assert_eq!((left, names(&store, tenant()).await), (0, 3));
}

#[tokio::test]
async fn the_store_is_ready_only_if_it_can_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let mut other =
        SqliteConnectOptions::new().filename(folder.path().join("resources.db")).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.check().await.unwrap_err();
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    // The abandoned attempt may still wait for the lock; it ends by itself.
    let ready = async { while store.check().await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_mins(1), ready).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn readiness_is_known_within_two_seconds_while_all_readers_are_busy() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.check().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..store.readers.options().get_max_connections() {
        held.push(store.readers.acquire().await.unwrap());
    }
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    store.check().await.unwrap_err();
    assert_eq!(begun.elapsed().as_secs(), 2);
    tokio::time::resume();
    drop(held);
    store.check().await.unwrap();
}
