//! Floods the API with made-up key ids, with valid callers among them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::{StreamExt, stream};

use crate::admin::AdminError;
use crate::report::Came;
use crate::session::{Session, own, with_kid};

/// How many tokens with made-up key ids are sent, each with another one.
const FLOOD: usize = 400;

/// One in this many requests comes from a valid caller.
const VALID_IN: usize = 10;

const CONCURRENCY: usize = 16;

impl Session {
    pub(crate) async fn attack_flood(&self) -> Result<(), AdminError> {
        let good = self.good().await?;
        let before = self.admin.key_fetches(&self.tenant.id).await?;
        let (refused_callers, wrong) = (AtomicUsize::new(0), std::sync::Mutex::new(None));
        stream::iter(0..FLOOD)
            .for_each_concurrent(CONCURRENCY, async |number| {
                let unknown = with_kid(&good, &format!("unknown-{:x}", fastrand::u128(..)));
                let came = self.send(&unknown).await;
                let is_right = match &came {
                    Came::Answer(answer) => answer.status == 401 || answer.is_put_off(),
                    _ => false,
                };
                if !is_right && let Ok(mut wrong) = wrong.lock() {
                    *wrong = Some(came);
                }
                if number.is_multiple_of(VALID_IN) {
                    let came = self.send(&good).await;
                    if !self.lets_in(&came) {
                        refused_callers.fetch_add(1, Relaxed);
                    }
                }
            })
            .await;
        let fetches = self.admin.key_fetches(&self.tenant.id).await?.saturating_sub(before);
        let many = usize::try_from(fetches).is_ok_and(|fetches| fetches > FLOOD / 10);
        let counted = own("flood/fetches").note(Some(format!("{fetches} fetches for {FLOOD} tokens")));
        self.record(if many { counted.failed() } else { counted });
        let answers = own("flood/answers");
        let wrong = wrong.into_inner().ok().flatten();
        self.record(match &wrong {
            Some(came) if self.lets_in(came) => answers.came(came).failed(),
            Some(came) => answers.came(came).wrongly_refused("another answer among them"),
            None => answers,
        });
        let refused = refused_callers.into_inner();
        let callers = own("flood/valid-callers");
        self.record(if refused == 0 {
            callers
        } else {
            callers.failed().note(Some(format!("{refused} of {} were refused", FLOOD / VALID_IN)))
        });
        let came = self.send(&good).await;
        self.must_accept("flood/afterwards", &came, None);
        Ok(())
    }
}
