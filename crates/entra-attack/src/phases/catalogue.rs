//! The stand-in's catalogue of bad tokens, and of odd but valid ones.

use futures_util::{StreamExt, stream};

use crate::admin::AdminError;
use crate::report::Row;
use crate::rows;
use crate::session::Session;

/// How many requests are under way at a time.
const CONCURRENCY: usize = 8;

impl Session {
    pub(crate) async fn attack_catalogue(&self) -> Result<(), AdminError> {
        let whose = self.whose();
        let bad = self.admin.bad_tokens(&whose).await?;
        stream::iter(bad)
            .for_each_concurrent(CONCURRENCY, async |bad| {
                let finding = rows::finding_of_token(&bad.name);
                if self.accepts_users && finding.id == "user-token" && bad.name.starts_with("user/") {
                    return;
                }
                let row = Row::new(&format!("token/{}", bad.name), finding, &bad.wrong, &expected(&bad));
                let came = self.send(&bad.token).await;
                self.record(self.refused(row, &came, &bad.allowed_statuses));
            })
            .await;
        let good = self.admin.good_tokens(&whose).await?;
        stream::iter(good)
            .for_each_concurrent(CONCURRENCY, async |good| {
                let id = format!("valid/{}", good.name);
                let row = Row::new(&id, rows::named("valid-refused"), &good.odd, "as a good token's");
                let came = self.send(&good.token).await;
                let row = self.accepted(row.came(&came), &came);
                let needs_other_key = good.name == "key/other" && self.state().has_old_keys;
                self.record(if row.has_failed() && needs_other_key {
                    row.undecided("the API did not fetch the new keys")
                } else {
                    row
                });
            })
            .await;
        Ok(())
    }
}

fn expected(bad: &crate::admin::BadToken) -> String {
    let others: Vec<String> = bad
        .allowed_statuses
        .iter()
        .filter(|status| **status != bad.status)
        .map(ToString::to_string)
        .collect();
    if others.is_empty() {
        bad.status.to_string()
    } else {
        format!("{}, or {}", bad.status, others.join(", "))
    }
}
