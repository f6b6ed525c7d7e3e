//! Key rollovers, and an authority in trouble.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admin::AdminError;
use crate::report::Came;
use crate::session::{Session, own, with_kid};

/// The endpoints that an API fetches from.
const ENDPOINTS: [&str; 3] = ["keys", "discovery_v1", "discovery_v2"];

/// The number of answers that a fault lasts for. It is taken back before it runs out.
const MANY: usize = 500;

/// The time limit for a valid caller while the authority is slow.
const PROMPT: Duration = Duration::from_secs(2);

/// How long a removed key may be used.
const A_DAY: Duration = Duration::from_hours(24);

const NOT_FETCHED: &str = "the API did not fetch the new keys; --patience 35m decides it";

/// How long the removed key is watched, if the patience is not longer than the default.
const A_MOMENT: Duration = Duration::from_secs(3);

impl Session {
    pub(crate) async fn attack_keys(&self) -> Result<(), AdminError> {
        // Published before the rollovers, so that the API learns of it with the next key set that it fetches.
        let publish = json!({ "tenant": self.tenant.id, "publish": true });
        let foreign = self.admin.post("keys/other-issuer", publish, "kid").await?;

        let original = self.admin.signing_key(&self.tenant.id).await?;
        let is_current = self.roll_over(&original).await?;
        let token = self.mint(json!({}), Some(&foreign)).await?;
        let came = self.send(&token).await;
        if is_current || self.lets_in(&came) {
            self.must_refuse("keys/other-issuer", &came, &[401]);
        } else {
            self.record(own("keys/other-issuer").came(&came).undecided(NOT_FETCHED));
        }

        let slow = json!({ "kind": "latency", "milliseconds": 3000 });
        self.in_trouble("keys/empty-set", &["keys"], &json!({ "kind": "empty_key_set" })).await?;
        self.in_trouble("keys/broken-set", &["keys"], &json!({ "kind": "broken_key_set" })).await?;
        self.in_trouble("keys/authority-down", &ENDPOINTS, &json!({ "kind": "reset" })).await?;
        self.in_trouble("keys/authority-slow", &ENDPOINTS, &slow).await
    }

    /// Rolls the keys over, announced and unannounced, and returns whether the API knows the keys that are published now.
    ///
    /// If it does not, a key that it knows signs again afterwards, so that the other rows say something.
    async fn roll_over(&self, original: &str) -> Result<bool, AdminError> {
        let tenant = json!({ "tenant": self.tenant.id });
        let announced = self.admin.post("keys/announce", tenant.clone(), "kid").await?;
        self.key("promote", &announced).await?;
        if !self.next_key("keys/announced").await? {
            self.key("promote", original).await?;
            self.state().has_old_keys = true;
            for id in ["keys/unannounced", "keys/removed"] {
                self.record(own(id).undecided(NOT_FETCHED));
            }
            return Ok(false);
        }
        self.admin.change("keys/emergency", tenant).await?;
        let is_current = self.next_key("keys/unannounced").await?;
        self.removed_key(original).await?;
        if !is_current {
            self.key("restore", &announced).await?;
            self.key("promote", &announced).await?;
        }
        self.state().has_old_keys = !is_current;
        Ok(is_current)
    }

    async fn key(&self, step: &str, kid: &str) -> Result<(), AdminError> {
        self.admin.change(&format!("keys/{step}"), json!({ "tenant": self.tenant.id, "kid": kid })).await
    }

    /// Expects a token with the current key to be accepted, sooner or later; returns whether it was.
    async fn next_key(&self, id: &'static str) -> Result<bool, AdminError> {
        let token = self.good().await?;
        let (came, time) = self.until_let_in(&token).await;
        let (row, seconds) = (own(id).came(&came), time.as_secs());
        self.record(if self.lets_in(&came) {
            row.note(Some(format!("accepted after {:.1} s", time.as_secs_f64())))
        } else if self.patience < Duration::from_mins(30) {
            row.undecided(&format!("not accepted for {seconds} s; --patience 35m decides it"))
        } else {
            row.failed().note(Some(format!("not accepted for {seconds} s")))
        });
        Ok(self.lets_in(&came))
    }

    /// Says for how long a removed key is used. That is no fault within a day.
    async fn removed_key(&self, kid: &str) -> Result<(), AdminError> {
        let token = self.mint(json!({}), Some(kid)).await?;
        let budget = if self.patience > Duration::from_mins(1) { self.patience } else { A_MOMENT };
        let start = Instant::now();
        let row = own("keys/removed");
        let row = loop {
            let came = self.send(&token).await;
            let time = start.elapsed();
            if !self.lets_in(&came) {
                break row.came(&came).note(Some(format!("accepted for {} s", time.as_secs())));
            }
            if time > A_DAY {
                break row.came(&came).failed();
            }
            if time >= budget {
                break row.came(&came).note(Some(format!("accepted for at least {} s", time.as_secs())));
            }
            tokio::time::sleep(Duration::from_secs(1).min(budget)).await;
        };
        self.record(row);
        Ok(())
    }

    /// Expects valid callers to notice nothing while endpoints of the authority fail.
    async fn in_trouble(
        &self,
        id: &'static str,
        endpoints: &[&str],
        fault: &Value,
    ) -> Result<(), AdminError> {
        for endpoint in endpoints {
            self.script(endpoint, vec![fault.clone(); MANY]).await?;
        }
        let good = self.good().await?;
        let unknown = with_kid(&good, &format!("unknown-{:x}", fastrand::u64(..)));
        // An unknown key id makes the API fetch keys, if it does that at all.
        let fetch = self.send(&unknown);
        let call = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let start = Instant::now();
            let first = self.send(&good).await;
            let time = start.elapsed();
            (first, time)
        };
        let (_, (first, time)) = tokio::join!(fetch, call);
        // Once more after the fetch, whose result may have replaced the keys.
        let came = if self.lets_in(&first) { self.send(&good).await } else { first };
        if time > PROMPT && self.lets_in(&came) {
            self.record(
                own(id).came(&came).failed().note(Some(format!("it took {:.1} s", time.as_secs_f64()))),
            );
        } else {
            self.must_accept(id, &came, None);
        }
        for endpoint in endpoints {
            self.script(endpoint, Vec::new()).await?;
        }
        // What the trouble did to the API must not spoil other rows.
        if !matches!(came, Came::Answer(_)) || !self.lets_in(&came) {
            self.until_let_in(&good).await;
        }
        Ok(())
    }

    async fn script(&self, endpoint: &str, script: Vec<Value>) -> Result<(), AdminError> {
        let body = json!({ "tenant": self.tenant.id, "endpoint": endpoint, "script": script });
        self.admin.change("faults", body).await
    }

    /// Takes back what the run changed in the stand-in.
    pub(crate) async fn put_back(&self) {
        for endpoint in ENDPOINTS {
            let _ = self.script(endpoint, Vec::new()).await;
        }
        let withdraw = json!({ "tenant": self.tenant.id, "publish": false });
        let _ = self.admin.change("keys/other-issuer", withdraw).await;
    }
}
