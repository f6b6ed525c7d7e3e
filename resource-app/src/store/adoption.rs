//! What was stored before resources and keys belonged to tenants.

use entra_shared::ids::TenantId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, FromRow, Row as _, SqliteConnection};

use super::idempotency::KeyRow;
use super::row::Row;

/// How many rows are held in memory at a time.
const BATCH: i64 = 100;

/// Gives all rows without a tenant to this one.
///
/// Only an app of one tenant can know whose they are. Where tokens of several are accepted nobody is given them: they
/// stay in the file, unseen, until the app is started once with their tenant as `azure_ad.tenant_id`.
pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    tenant: Option<TenantId>,
) -> Result<(), sqlx::Error> {
    let waiting = count(connection).await?;
    match tenant {
        _ if waiting == 0 => Ok(()),
        None => {
            tracing::warn!(
                rows = waiting,
                "stored before tenants were told apart, and shown to nobody: start once with azure_ad.tenant_id set to \
                 the tenant whose they are"
            );
            Ok(())
        }
        Some(tenant) => {
            // All or none: what is interrupted starts anew.
            let mut transaction = connection.begin().await?;
            adopt_resources(&mut transaction, tenant).await?;
            adopt_keys(&mut transaction, tenant).await?;
            transaction.commit().await?;
            tracing::info!(rows = waiting, %tenant, "stored before tenants were told apart, and now this one's");
            Ok(())
        }
    }
}

async fn count(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT (SELECT COUNT(*) FROM resources WHERE tenant = '')
             + (SELECT COUNT(*) FROM idempotency_keys WHERE tenant = '')",
    )
    .fetch_one(connection)
    .await
}

async fn adopt_resources(connection: &mut SqliteConnection, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE resources SET tenant = ? WHERE tenant = ''")
        .bind(tenant.to_string())
        .execute(&mut *connection)
        .await?;
    let query = "SELECT * FROM resources WHERE tenant = ? AND checksum = x'' AND id > ? ORDER BY id LIMIT ?";
    let mut after = String::new();
    loop {
        let page = sqlx::query(query).bind(tenant.to_string()).bind(&after).bind(BATCH);
        let rows = page.fetch_all(&mut *connection).await?;
        let Some(last) = rows.iter().rev().find_map(|row| row.try_get("id").ok()) else { return Ok(()) };
        after = last;
        for row in readable(&rows) {
            Row::seal(row, connection).await?;
        }
    }
}

async fn adopt_keys(connection: &mut SqliteConnection, tenant: TenantId) -> Result<(), sqlx::Error> {
    // Where the tenant has the same key by now, its answer is the one that the client saw last.
    sqlx::query("UPDATE OR IGNORE idempotency_keys SET tenant = ? WHERE tenant = ''")
        .bind(tenant.to_string())
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE tenant = ''").execute(&mut *connection).await?;
    let query =
        "SELECT * FROM idempotency_keys WHERE tenant = ? AND checksum = x'' AND (client_id, key) > (?, ?)
        ORDER BY client_id, key LIMIT ?";
    let mut after = (String::new(), String::new());
    loop {
        let page = sqlx::query(query).bind(tenant.to_string()).bind(&after.0).bind(&after.1).bind(BATCH);
        let rows = page.fetch_all(&mut *connection).await?;
        let key = |row: &SqliteRow| Some((row.try_get("client_id").ok()?, row.try_get("key").ok()?));
        let Some(last) = rows.iter().rev().find_map(key) else { return Ok(()) };
        after = last;
        for row in readable(&rows) {
            KeyRow::seal(row, connection).await?;
        }
    }
}

/// The rows that can be read. A damaged one keeps its empty checksum, by which it is known for what it is: it costs
/// itself and not the start.
fn readable<'r, R: FromRow<'r, SqliteRow>>(rows: &'r [SqliteRow]) -> impl Iterator<Item = R> {
    rows.iter().filter_map(|row| {
        let read = R::from_row(row);
        read.inspect_err(|error| tracing::error!(%error, "a stored row cannot be read, and is left as it is"))
            .ok()
    })
}
