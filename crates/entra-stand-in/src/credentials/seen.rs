//! Replay protection in strict mode, where an assertion can be used only once until it expires.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use entra_shared::ids::{ClientId, TenantId};
use entra_shared::settings::KeyProblem;
use jiff::Timestamp;

use super::assertion::hex;
use crate::DataFolder;

/// The most stored assertions of a tenant, at some 150 bytes each; enough for a load test with an assertion for each
/// request.
const MAX_SEEN: usize = 100_000;

/// The same for a tenant that a test created, of which there may be a thousand.
const MAX_SEEN_OF_A_TEST: usize = 10_000;

/// The folder of stored assertions, with a subfolder for each tenant. A file has the assertions that expire in one hour;
/// its name is that hour, counted from 1970.
const FOLDER: &str = "used-assertions";

/// The ids of a tenant's used assertions, until they expire.
#[derive(Debug)]
pub(crate) struct SeenAssertions {
    most: usize,
    seen: Mutex<HashMap<String, Timestamp>>,
    kept: Option<DataFolder>,
}

impl SeenAssertions {
    /// Creates the store of a tenant that a test created, in memory only.
    pub(crate) fn of_a_test() -> Self {
        Self { most: MAX_SEEN_OF_A_TEST, ..Self::default() }
    }

    /// Opens the store of a directory's tenant, which persists in the data folder.
    pub(crate) fn kept(folder: &DataFolder, tenant: TenantId) -> Result<Self, KeyProblem> {
        let (folder, now) = (folder.folder(FOLDER)?.folder(&tenant.to_string())?, Timestamp::now());
        forget_expired(&folder, now)?;
        let mut seen = HashMap::new();
        for name in folder.names()?.iter().filter(|name| hour_of(name).is_some()) {
            let text = folder.read(name)?.unwrap_or_default();
            seen.extend(text.lines().filter_map(parsed).filter(|(_, expiry)| now < *expiry));
        }
        Ok(Self { seen: Mutex::new(seen), kept: Some(folder), ..Self::default() })
    }

    /// Stores a client's verified assertion until `expiry`; returns the broken rule if it was used before.
    pub(super) async fn remember(
        &self,
        client: ClientId,
        jti: &str,
        expiry: Timestamp,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let key = hex(digest(&SHA256, format!("{client} {jti}").as_bytes()).as_ref());
        self.add(&key, expiry, now)?;
        let Some(folder) = self.kept.clone() else { return Ok(()) };
        // The disk may be slow, and other requests must not wait for it.
        let line = key.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&folder, &line, expiry)).await;
        let kept =
            kept.map_err(|error| error.to_string()).and_then(|kept| kept.map_err(|error| error.to_string()));
        kept.map_err(|error| {
            tracing::error!(error, "the use of an assertion could not be kept");
            self.seen().remove(&key);
            "an assertion is used once, and its use could not be kept"
        })
    }

    fn add(&self, key: &str, expiry: Timestamp, now: Timestamp) -> Result<(), &'static str> {
        let mut seen = self.seen();
        if seen.get(key).is_some_and(|expiry| now < *expiry) {
            return Err("an assertion is used once: this `jti` was seen before");
        }
        if seen.len() >= self.most {
            seen.retain(|_, expiry| now < *expiry);
        }
        // Evicting an unexpired assertion would allow its replay, so a full store refuses.
        if seen.len() >= self.most {
            return Err("too many assertions at a time");
        }
        seen.insert(key.to_owned(), expiry);
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SeenAssertions {
    fn default() -> Self {
        Self { most: MAX_SEEN, seen: Mutex::default(), kept: None }
    }
}

/// Appends a line to the file of the hour in which the assertion expires.
fn keep(folder: &DataFolder, key: &str, expiry: Timestamp) -> Result<(), KeyProblem> {
    let name = hour(expiry).to_string();
    if !folder.path(&name).exists()
        && let Err(error) = forget_expired(folder, Timestamp::now())
    {
        tracing::warn!(%error, "old assertions stay in the data folder");
    }
    // The previous line may be incomplete, for instance after a full disk; its assertion was refused.
    folder.append(&name, &format!("\n{key} {}\n", expiry.as_second()))
}

/// Removes expired files, by the machine's clock, which no test moves.
fn forget_expired(folder: &DataFolder, now: Timestamp) -> Result<(), KeyProblem> {
    let names = folder.names()?;
    let expired = names.iter().filter(|name| hour_of(name).is_some_and(|of| of < hour(now)));
    expired.into_iter().try_for_each(|name| folder.remove(name))
}

fn hour(time: Timestamp) -> i64 {
    time.as_second().div_euclid(3600)
}

/// Returns the hour in which a file's assertions expire, from the file's name.
fn hour_of(name: &str) -> Option<i64> {
    name.parse().ok()
}

/// Parses a line of a file; an incomplete line is ignored.
fn parsed(line: &str) -> Option<(String, Timestamp)> {
    let (key, second) = line.split_once(' ')?;
    Some((key.to_owned(), Timestamp::from_second(second.parse().ok()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn clients() -> [ClientId; 2] {
        [1, 2].map(|number| ClientId::from(uuid::Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn an_assertion_is_used_once_while_it_lasts_and_the_store_is_bounded() {
        let seen = SeenAssertions::of_a_test();
        let [one, two] = clients();
        assert!(seen.remember(one, "a", second(100), second(0)).await.is_ok());
        assert!(seen.remember(one, "a", second(100), second(99)).await.is_err());
        assert!(seen.remember(two, "a", second(100), second(0)).await.is_ok());
        for number in 0..MAX_SEEN_OF_A_TEST {
            let full = seen.remember(one, &number.to_string(), second(50), second(0)).await.is_err();
            assert_eq!(full, number >= MAX_SEEN_OF_A_TEST - 2);
        }
        assert!(seen.remember(one, "b", second(200), second(60)).await.is_ok());
        assert!(seen.remember(two, "a", second(100), second(60)).await.is_err());
    }

    #[tokio::test]
    async fn what_is_kept_is_read_at_the_next_start_and_ends_with_its_hour() {
        let place = tempfile::tempdir().unwrap();
        let data = DataFolder::at(place.path()).unwrap();
        let [tenant, other] = [1, 2].map(|number| TenantId::from(uuid::Uuid::from_u128(number)));
        let kept = data.folder(FOLDER).unwrap().folder(&tenant.to_string()).unwrap();
        let [one, two] = clients();
        let now = Timestamp::now().as_second();
        let (over, later) = (((now - 7200) / 3600).to_string(), ((now + 7200) / 3600).to_string());
        kept.append(&over, "key 1\n").unwrap();
        kept.append(&later, "half a li").unwrap();
        kept.append("key", "of something else").unwrap();
        let seen = SeenAssertions::kept(&data, tenant).unwrap();
        assert_eq!(kept.names().unwrap(), [later.as_str(), "key"]);
        for (jti, expiry) in [("a", now + 60), ("b", now + 7200), ("c", now - 60)] {
            assert!(seen.remember(one, jti, second(expiry), second(now - 3600)).await.is_ok());
        }
        let next = SeenAssertions::kept(&data, tenant).unwrap();
        for (client, jti, is_used) in
            [(one, "a", true), (one, "b", true), (one, "c", false), (two, "a", false)]
        {
            assert_eq!(
                next.remember(client, jti, second(now + 7200), second(now)).await.is_err(),
                is_used,
                "{jti}"
            );
        }
        // Another tenant has its own store, at any position in the directory.
        let of_other = SeenAssertions::kept(&data, other).unwrap();
        assert!(of_other.remember(one, "a", second(now + 60), second(now)).await.is_ok());
        // The file of a new hour replaces the expired ones.
        kept.append(&over, "key 1\n").unwrap();
        assert!(next.remember(one, "d", second(now + 3 * 7200), second(now)).await.is_ok());
        assert!(!kept.names().unwrap().contains(&over));
    }

    #[tokio::test]
    async fn an_assertion_whose_use_cannot_be_kept_was_not_used() {
        let place = tempfile::tempdir().unwrap();
        let data = DataFolder::at(place.path()).unwrap();
        let tenant = TenantId::from(uuid::Uuid::from_u128(1));
        let seen = SeenAssertions::kept(&data, tenant).unwrap();
        let now = Timestamp::now().as_second();
        let remember = || seen.remember(clients()[0], "a", second(now + 60), second(now));
        let kept = data.path(FOLDER).join(tenant.to_string());
        std::fs::remove_dir(&kept).unwrap();
        assert!(remember().await.unwrap_err().contains("could not be kept"));
        std::fs::create_dir(&kept).unwrap();
        assert!(remember().await.is_ok());
        assert!(remember().await.unwrap_err().contains("seen before"));
    }
}
