//! What was stored before resources and keys belonged to tenants.

use shared::ids::TenantId;
use sqlx::{Connection, FromRow, SqliteConnection};

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
    let query = "DELETE FROM resources WHERE tenant = '' AND id IN
        (SELECT id FROM resources WHERE tenant = '' LIMIT ?) RETURNING *";
    loop {
        let rows = sqlx::query(query).bind(BATCH).fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            Row::from_row(row)?.adopted_by(tenant).insert(&mut *connection).await?;
        }
    }
}

async fn adopt_keys(connection: &mut SqliteConnection, tenant: TenantId) -> Result<(), sqlx::Error> {
    let query = "DELETE FROM idempotency_keys WHERE tenant = '' AND (client_id, key) IN
        (SELECT client_id, key FROM idempotency_keys WHERE tenant = '' LIMIT ?) RETURNING *";
    loop {
        let rows = sqlx::query(query).bind(BATCH).fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            KeyRow::from_row(row)?.adopted_by(tenant).insert(&mut *connection).await?;
        }
    }
}
