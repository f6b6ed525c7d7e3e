//! What cannot be brought about from outside.

use std::path::Path;

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::resource::{Content, NewResource};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

use super::{Created, IdempotencyKey, Owner, Store, StoreError};
use crate::settings::Settings;

const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";

async fn open(folder: &Path, variables: &[(&str, &str)]) -> Store {
    let url = format!("sqlite://{}/resources.db", folder.display());
    let variables = variables.iter().copied().chain([("STORE__URL", url.as_str())]);
    Store::open(&Settings::load(None, variables.collect()).unwrap()).await.unwrap()
}

fn tenant() -> TenantId {
    TenantId::parse(TENANT).unwrap()
}

fn owner() -> Owner {
    Owner { tenant: tenant(), client_id: ClientId::parse(CLIENT).unwrap() }
}

fn new(content: &str) -> NewResource {
    NewResource { name: "n".into(), content: Content::parse(content).unwrap() }
}

async fn create(store: &Store, content: &str) -> Result<Created, StoreError> {
    store.create(new(content), owner(), None).await
}

async fn names(store: &Store, tenant: TenantId) -> usize {
    store.list(tenant, 100, None).await.unwrap().resources.len()
}

#[tokio::test]
async fn a_write_that_finds_no_room_does_not_end_all_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]).await;
    let large = format!("\"{}\"", "x".repeat(60_000));
    let mut turn = store.writer.turn().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 100").fetch_one(&mut *turn).await.unwrap();
    turn.end(Ok(())).await.unwrap();
    let mut written = 0;
    while create(&store, &large).await.is_ok() {
        written += 1;
        assert!(written < 100, "the limit is not noticed");
    }
    // The limit was the connection's, which is another one now.
    for more in 1..=3 {
        create(&store, &large).await.unwrap();
        assert_eq!(names(&store, tenant()).await, written + more);
    }
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_was_given_up_is_taken_back_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]).await;
    for _ in 0..3 {
        let mut turn = store.writer.turn().await.unwrap();
        sqlx::query("INSERT INTO trial_writes VALUES (x'00')").execute(&mut *turn).await.unwrap();
        drop(turn);
        create(&store, "1").await.unwrap();
    }
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM trial_writes").fetch_one(&store.readers).await.unwrap();
    assert_eq!((left, names(&store, tenant()).await), (0, 3));
}

#[tokio::test]
async fn the_store_is_ready_only_if_it_can_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]).await;
    let mut other =
        SqliteConnectOptions::new().filename(folder.path().join("resources.db")).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.check().await.unwrap_err();
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    // The attempt that was given up may still be waiting for the lock, and then ends.
    let ready = async { while store.check().await.is_err() {} };
    tokio::time::timeout(std::time::Duration::from_mins(1), ready).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn whether_the_store_is_ready_is_known_within_two_seconds_whoever_holds_what_it_reads_with() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), &[]).await;
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

/// A database as the first version wrote it, with a resource and a key.
async fn old_database(folder: &Path) {
    let migrations = folder.join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(
        migrations.join("0001_resources.sql"),
        include_str!("../../migrations/0001_resources.sql"),
    )
    .unwrap();
    let options = SqliteConnectOptions::new().filename(folder.join("resources.db")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    Migrator::new(migrations).await.unwrap().run(&mut connection).await.unwrap();
    let (id, time) = ("01a2054c-84c7-7745-adad-0858942e59fa", "2026-01-01T00:00:00.000Z");
    // Deeper than is taken now.
    let content = format!("{}{}", "[".repeat(100), "]".repeat(100));
    sqlx::query("INSERT INTO resources VALUES (?, 'n', ?, ?, ?, ?, 1)")
        .bind(id)
        .bind(&content)
        .bind(CLIENT)
        .bind(time)
        .bind(time)
        .execute(&mut connection)
        .await
        .unwrap();
    let answer = format!(
        r#"{{"id":"{id}","name":"n","content":1,"created_by":"{CLIENT}","created_at":"{time}","updated_at":"{time}"}}"#
    );
    for key in ["k", "k2"] {
        sqlx::query("INSERT INTO idempotency_keys VALUES (?, ?, ?, ?, ?)")
            .bind(CLIENT)
            .bind(key)
            .bind(super::idempotency::fingerprint(&new("1")).unwrap())
            .bind(&answer)
            .bind("2999-01-01T00:00:00.000Z")
            .execute(&mut connection)
            .await
            .unwrap();
    }
    // What a failing disk has made of another one: no text any more.
    sqlx::query("INSERT INTO resources VALUES ('01a2054c-84c7-7745-adad-0858942e59fb', CAST(x'ff' AS TEXT), '1', ?, ?, ?, 1)")
        .bind(CLIENT)
        .bind(time)
        .bind(time)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_from_before_tenants_belongs_to_the_only_one_and_else_to_nobody() {
    const OTHER: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
    let folder = tempfile::tempdir().unwrap();
    old_database(folder.path()).await;
    let other = TenantId::parse(OTHER).unwrap();
    let both = format!("{TENANT},{OTHER}");
    let several = [("AZURE_AD__TENANT_ID", "organizations"), ("AZURE_AD__ACCEPTED_TENANTS", both.as_str())];
    let store = open(folder.path(), &several).await;
    for tenant in [tenant(), other, TenantId::from(Uuid::nil())] {
        assert_eq!(names(&store, tenant).await, 0);
    }
    // A client that comes again meanwhile gets a resource of its own, whose answer it is given from then on.
    let again = IdempotencyKey::parse(b"k2").unwrap();
    let Created::Done(second) = store.create(new("1"), owner(), Some(&again)).await.unwrap() else {
        panic!()
    };
    store.close().await;
    for variables in [&[][..], &several] {
        let store = open(folder.path(), variables).await;
        assert_eq!((names(&store, tenant()).await, names(&store, other).await), (2, 0));
        let Created::Done(same) = store.create(new("1"), owner(), Some(&again)).await.unwrap() else {
            panic!()
        };
        assert_eq!(same.resource.id, second.resource.id);
        let key = IdempotencyKey::parse(b"k").unwrap();
        let created = store.create(new("1"), owner(), Some(&key)).await.unwrap();
        assert!(
            matches!(created, Created::Done(first) if first.resource.id.to_string().starts_with("01a2054c"))
        );
        store.close().await;
    }
}
