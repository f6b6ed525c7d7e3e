//! The leeway after a token's end, and what becomes of a remembered token then.

use std::time::Duration;

use serde_json::json;

use crate::admin::AdminError;
use crate::session::{Session, now, own};

/// A token that ended so long ago is accepted only where `exp` is not checked, in seconds.
const FOREVER: u64 = 1800;

/// The longest leeway that the RFC's "few minutes" allow, in seconds.
const FEW_MINUTES: u64 = 300;

/// How long before the end of the leeway a token is used first, in seconds.
const BEFORE: u64 = 3;

impl Session {
    pub(crate) async fn attack_expiry(&self) -> Result<(), AdminError> {
        let leeway = own("expiry/leeway");
        let Some(seconds) = self.leeway().await? else {
            let text = format!("a token that ended {FOREVER} s ago is accepted");
            self.record(leeway.failed().note(Some(text)));
            for id in ["expiry/before-the-end", "expiry/after-the-end"] {
                self.record(own(id).undecided("`exp` is not checked, so a token never leaves the leeway"));
            }
            return Ok(());
        };
        self.state().leeway_seconds = Some(seconds);
        let leeway = leeway.note(Some(format!("{seconds} s")));
        self.record(if seconds > FEW_MINUTES { leeway.failed() } else { leeway });

        let end = now() + BEFORE - seconds;
        let token = self.ending_at(end).await?;
        // Twice, so that an API that remembers tokens has seen it.
        self.send(&token).await;
        let before = self.send(&token).await;
        self.must_accept("expiry/before-the-end", &before, None);
        tokio::time::sleep(Duration::from_secs((end + seconds + 2).saturating_sub(now()))).await;
        let after = self.send(&token).await;
        self.must_refuse("expiry/after-the-end", &after, &[401]);
        Ok(())
    }

    /// Finds the number of seconds after its end for which a token is accepted; `None` if there is no limit.
    async fn leeway(&self) -> Result<Option<u64>, AdminError> {
        if self.is_accepted_after(FOREVER).await? {
            return Ok(None);
        }
        let (mut accepted, mut refused) = (0, FOREVER);
        while refused - accepted > 1 {
            let middle = u64::midpoint(accepted, refused);
            if self.is_accepted_after(middle).await? {
                accepted = middle;
            } else {
                refused = middle;
            }
        }
        Ok(Some(accepted))
    }

    async fn is_accepted_after(&self, seconds: u64) -> Result<bool, AdminError> {
        let token = self.ending_at(now() - seconds).await?;
        let came = self.send(&token).await;
        Ok(self.lets_in(&came))
    }

    /// Mints a token that ends at this time, an hour after it began.
    async fn ending_at(&self, end: u64) -> Result<String, AdminError> {
        let start = end - 3600;
        self.mint(json!({ "iat": start, "nbf": start, "exp": end }), None).await
    }
}
