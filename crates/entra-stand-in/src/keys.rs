//! A tenant's signing keys, with the current one and the published ones.

mod kept;
mod key_set;
mod signing_key;
mod spare;
mod spki;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use entra_shared::ids::ClientId;
use entra_shared::settings::KeyProblem;

use kept::KeptKeys;
pub(crate) use key_set::KeySet;
pub use key_set::KeyState;
pub(crate) use signing_key::{Encoding, SigningFailed, SigningKey};
pub(crate) use spare::SpareKeys;

use crate::DataFolder;

/// The minimum number of published keys. Entra always publishes several, so clients must not rely on a single one.
///
/// <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>
const PUBLISHED_AT_LEAST: usize = 2;

/// The most keys, published or removed; beyond it, the oldest removed key is dropped, or else the oldest.
const KNOWN_AT_MOST: usize = 8;

/// The signing keys of a tenant. The set is immutable; a change replaces it with a new set.
///
/// A key is generated when it is first needed, which takes some 100 ms: the current one for the first token, the next one
/// for the first request for the key set.
///
/// A rollover has four steps: [`Self::announce`], [`Self::promote`], [`Self::retire`], [`Self::remove`].
#[derive(Debug)]
pub struct SigningKeys {
    set: OnceLock<ArcSwap<KeySet>>,
    source: Source,
    changes: Mutex<()>,
    foreign: OnceLock<Arc<SigningKey>>,
    /// The custom signing keys of APIs, which are not in the set.
    custom: Mutex<HashMap<ClientId, Arc<SigningKey>>>,
    /// A key that is published as one of another issuer, and signs no regular token.
    of_other_issuer: Mutex<Option<Arc<SigningKey>>>,
}

/// The source of new keys.
#[derive(Debug)]
enum Source {
    /// New keys are generated and stored in the data folder.
    Kept(KeptKeys),
    /// New keys were generated ahead, and exist as long as the tenant.
    Spare(Arc<SpareKeys>),
}

/// Why the keys could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum RollError {
    /// A key cannot be generated or stored.
    // Not `transparent`: callers look for the cause among the sources.
    #[error("the signing keys could not be rolled over")]
    Key(#[from] KeyProblem),
    /// The tenant has no key with this id.
    #[error("the tenant has no such key")]
    UnknownKey,
    /// The key's state does not allow this step.
    #[error("the key is {0}, which this step does not allow")]
    WrongState(KeyState),
}

impl SigningKeys {
    /// Reads the keys of the folder; missing ones are generated when they are needed.
    pub(crate) fn open(folder: DataFolder) -> Result<Self, KeyProblem> {
        let (kept, keys) = KeptKeys::open(folder)?;
        let all = keys.len() >= PUBLISHED_AT_LEAST;
        Ok(Self::new(if all { KeySet::from_keys(keys) } else { None }, Source::Kept(kept)))
    }

    /// Takes a key that was generated ahead, and another one when the key set is requested.
    pub(crate) fn of_spare(spare: &Arc<SpareKeys>) -> Result<Self, KeyProblem> {
        Ok(Self::new(KeySet::from_keys(vec![spare.take()?]), Source::Spare(Arc::clone(spare))))
    }

    fn new(set: Option<KeySet>, source: Source) -> Self {
        let set = set.map(ArcSwap::from_pointee).map_or_else(OnceLock::new, OnceLock::from);
        Self {
            set,
            source,
            changes: Mutex::default(),
            foreign: OnceLock::new(),
            custom: Mutex::default(),
            of_other_issuer: Mutex::default(),
        }
    }

    /// Returns the ids and states of the keys, the current one first.
    #[must_use]
    pub fn list(&self) -> Vec<(String, KeyState)> {
        self.snapshot().all().map(|(key, state)| (key.kid().to_owned(), state)).collect()
    }

    /// Returns the id of the current signing key.
    #[must_use]
    pub fn signing(&self) -> String {
        self.current().kid().to_owned()
    }

    /// Publishes a new key that does not sign yet, and returns its id. Takes up to some 100 ms.
    ///
    /// Keys of the directory's tenants are stored from their promotion on.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn announce(&self) -> Result<String, RollError> {
        let _change = self.change();
        let key = self.source.new_key()?;
        let kid = key.kid().to_owned();
        self.update(|set| set.others.insert(0, (key, KeyState::Announced)));
        tracing::info!(kid, "announced a key");
        Ok(kid)
    }

    /// Signs with a published key from now on; the previous one stays published.
    ///
    /// # Errors
    /// The key does not exist, or was retired or removed.
    pub fn promote(&self, kid: &str) -> Result<(), RollError> {
        let _change = self.change();
        let mut set = KeySet::clone(&self.set().load());
        let (key, _) = set.take(kid, &[KeyState::Announced, KeyState::Published])?;
        self.source.keep(&key)?;
        let before = std::mem::replace(&mut set.current, key);
        set.others.insert(0, (before, KeyState::Published));
        self.set().store(Arc::new(set));
        tracing::info!(kid, "signing with another key");
        Ok(())
    }

    /// Retires a key, which stays published but never signs again.
    ///
    /// # Errors
    ///
    /// The key does not exist, or is the current one.
    pub fn retire(&self, kid: &str) -> Result<(), RollError> {
        self.put(kid, &[KeyState::Announced, KeyState::Published], KeyState::Retired)
    }

    /// Stops publishing a key. Announces another one if only one would be left.
    ///
    /// # Errors
    /// The key does not exist or is the current one, no other can be generated, or its file cannot be deleted.
    pub fn remove(&self, kid: &str) -> Result<(), RollError> {
        let published = [KeyState::Announced, KeyState::Published, KeyState::Retired];
        let _change = self.change();
        let mut set = KeySet::clone(&self.set().load());
        let (key, place) = set.take(kid, &published)?;
        set.others.insert(place, (key, KeyState::Removed));
        if set.published().count() < PUBLISHED_AT_LEAST {
            set.others.insert(0, (self.source.new_key()?, KeyState::Announced));
        }
        self.source.forget(kid)?;
        self.update(|now| *now = set);
        tracing::info!(kid, "removed a key");
        Ok(())
    }

    /// Publishes a removed key again, such as after a mistake; it can be promoted.
    ///
    /// # Errors
    /// No removed key has this id.
    pub fn restore(&self, kid: &str) -> Result<(), RollError> {
        self.put(kid, &[KeyState::Removed], KeyState::Published)
    }

    /// Replaces all keys at once, as after a theft; none of the previous keys stays published.
    ///
    /// # Errors
    /// No keys can be generated, or the stored ones cannot be replaced.
    pub fn emergency(&self) -> Result<(), RollError> {
        let _change = self.change();
        let current = self.source.new_key()?;
        let next = self.source.new_key()?;
        self.source.keep(&current)?;
        let before = self.set().load_full();
        let mut others = vec![(next, KeyState::Announced)];
        others.extend(before.all().map(|(key, _)| (Arc::clone(key), KeyState::Removed)));
        others.truncate(KNOWN_AT_MOST - 1);
        self.set().store(Arc::new(KeySet { current, others }));
        for (key, _) in before.all() {
            self.source.forget(key.kid())?;
        }
        tracing::info!("replaced all signing keys");
        Ok(())
    }

    /// Announces a key and promotes it at once. Takes up to some 100 ms.
    ///
    /// # Errors
    /// No key can be generated or stored.
    pub fn roll(&self) -> Result<(), RollError> {
        let kid = self.announce()?;
        self.promote(&kid)
    }

    /// Signs the tokens for an API with a key of its own from now on, which is published for that API alone; returns its id.
    pub(crate) fn make_custom(&self, api: ClientId) -> Result<String, RollError> {
        let key = self.source.new_key()?;
        let kid = key.kid().to_owned();
        self.custom_keys().insert(api, key);
        Ok(kid)
    }

    /// Returns the custom signing key of an API.
    pub(crate) fn custom(&self, api: ClientId) -> Option<Arc<SigningKey>> {
        self.custom_keys().get(&api).cloned()
    }

    /// Returns the key that signs tokens for an API.
    pub(crate) fn signing_for(&self, api: ClientId) -> Arc<SigningKey> {
        self.custom(api).unwrap_or_else(|| self.current())
    }

    /// Publishes a key whose `issuer` is another tenant's, as in the list that Entra's tenants share; returns its id.
    ///
    /// It signs only what [`MintRequest::key`](crate::MintRequest::key) asks of it. No API may accept that.
    ///
    /// # Errors
    /// No key can be generated.
    pub fn publish_of_other_issuer(&self) -> Result<String, RollError> {
        let mut published = self.other_issuers_key();
        if let Some(key) = &*published {
            return Ok(key.kid().to_owned());
        }
        let key = self.source.new_key()?;
        let kid = key.kid().to_owned();
        *published = Some(key);
        Ok(kid)
    }

    /// Withdraws the key of [`Self::publish_of_other_issuer`].
    pub fn withdraw_of_other_issuer(&self) {
        *self.other_issuers_key() = None;
    }

    /// Returns the published key of another issuer.
    pub(crate) fn of_other_issuer(&self) -> Option<Arc<SigningKey>> {
        self.other_issuers_key().clone()
    }

    /// Returns the key with this id in any state.
    pub(crate) fn find(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let set = self.snapshot();
        let own = set.all().find(|(key, _)| key.kid() == kid).map(|(key, _)| Arc::clone(key));
        own.or_else(|| self.of_other_issuer().filter(|key| key.kid() == kid))
    }

    fn other_issuers_key(&self) -> MutexGuard<'_, Option<Arc<SigningKey>>> {
        self.of_other_issuer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn custom_keys(&self) -> MutexGuard<'_, HashMap<ClientId, Arc<SigningKey>>> {
        self.custom.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current signing key.
    pub(crate) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.set().load().current)
    }

    /// Returns the current set, after generating keys up to the minimum number.
    pub(crate) fn snapshot(&self) -> Arc<KeySet> {
        let is_whole = |set: &KeySet| set.published().count() >= PUBLISHED_AT_LEAST;
        let set = self.set().load_full();
        if is_whole(&set) {
            return set;
        }
        let _change = self.change();
        let mut set = KeySet::clone(&self.set().load());
        if !is_whole(&set) {
            match self.source.new_key() {
                Ok(key) => set.others.insert(0, (key, KeyState::Announced)),
                Err(error) => tracing::warn!(%error, "only one key is published"),
            }
            self.set().store(Arc::new(set));
        }
        self.set().load_full()
    }

    fn set(&self) -> &ArcSwap<KeySet> {
        self.set.get_or_init(|| ArcSwap::from_pointee(self.source.first_keys()))
    }

    /// Returns a key that is not the tenant's, for tokens that must not verify.
    pub(crate) fn foreign(&self) -> Result<Arc<SigningKey>, KeyProblem> {
        if let Some(key) = self.foreign.get() {
            return Ok(Arc::clone(key));
        }
        let key = self.source.new_key()?;
        Ok(Arc::clone(self.foreign.get_or_init(|| key)))
    }

    fn put(&self, kid: &str, from: &[KeyState], to: KeyState) -> Result<(), RollError> {
        let _change = self.change();
        let mut set = KeySet::clone(&self.set().load());
        let (key, place) = set.take(kid, from)?;
        set.others.insert(place, (key, to));
        self.set().store(Arc::new(set));
        tracing::info!(kid, state = %to, "changed the state of a key");
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut KeySet)) {
        let mut set = KeySet::clone(&self.set().load());
        change(&mut set);
        while set.others.len() >= KNOWN_AT_MOST {
            let removed = set.others.iter().rposition(|(_, state)| *state == KeyState::Removed);
            let dropped = removed.map(|place| set.others.remove(place)).or_else(|| set.others.pop());
            if let Some((dropped, _)) = dropped {
                let kept = self.source.forget(dropped.kid());
                kept.unwrap_or_else(|error| tracing::warn!(%error, "an old key stays in the data folder"));
            }
        }
        self.set().store(Arc::new(set));
    }

    /// Serializes changes; readers never wait.
    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Creates the keys that a tenant starts with.
    fn first_keys(&self) -> KeySet {
        let kept = match self {
            Self::Kept(kept) => kept.complete(PUBLISHED_AT_LEAST),
            Self::Spare(spare) => spare.take().map(|key| vec![key]),
        };
        let keys = kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "the signing keys cannot be kept, and change with the next start");
            SigningKey::make().into_iter().collect()
        });
        #[expect(clippy::expect_used, reason = "a key is made of random numbers and memory alone")]
        KeySet::from_keys(keys).expect("an RSA key can be made")
    }

    fn new_key(&self) -> Result<Arc<SigningKey>, KeyProblem> {
        match self {
            Self::Kept(_) => SigningKey::make(),
            Self::Spare(spare) => spare.take(),
        }
        .map(Arc::new)
    }

    fn keep(&self, key: &SigningKey) -> Result<(), KeyProblem> {
        match self {
            Self::Kept(kept) => kept.keep(key),
            Self::Spare(_) => Ok(()),
        }
    }

    fn forget(&self, kid: &str) -> Result<(), KeyProblem> {
        match self {
            Self::Kept(kept) => kept.forget(kid),
            Self::Spare(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &SigningKeys) -> Vec<String> {
        keys.snapshot().published().map(|key| key.kid().to_owned()).collect()
    }

    #[test]
    fn keys_are_kept_and_a_rollover_adds_one() {
        let parent = tempfile::tempdir().unwrap();
        let open = || SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        let keys = open();
        let before = kids(&keys);
        assert_eq!(before.len(), PUBLISHED_AT_LEAST);
        assert_eq!(kids(&open()), before);
        keys.roll().unwrap();
        let after = kids(&keys);
        assert_eq!(&after[1..], before);
        assert!(!before.contains(&after[0]));
        assert_eq!(kids(&open()), after);
    }

    #[test]
    fn processes_that_start_at_once_have_the_same_keys() {
        let parent = tempfile::tempdir().unwrap();
        let all: Vec<Vec<String>> = std::thread::scope(|scope| {
            let open = || kids(&SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap());
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all[0], all[1]);
        assert_eq!(all[1], all[2]);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let parent = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        for _ in 0..KNOWN_AT_MOST {
            keys.roll().unwrap();
        }
        assert_eq!(kids(&keys).len(), KNOWN_AT_MOST);
        assert_eq!(
            kids(&SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap()).len(),
            KNOWN_AT_MOST
        );
    }

    #[test]
    fn a_file_that_was_tampered_with_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        folder.create("signing-key-000001.pem", "canary").unwrap();
        let error = SigningKeys::open(folder).unwrap_err().to_string();
        assert!(error.contains("signing-key-000001.pem") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn a_rollover_in_four_steps_keeps_what_is_published_in_its_hands() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        let keys = SigningKeys::of_spare(&Arc::new(SpareKeys::new(folder))).unwrap();
        let old = keys.signing();
        let new = keys.announce().unwrap();
        assert!(keys.signing() == old && kids(&keys).contains(&new));
        keys.promote(&new).unwrap();
        assert!(keys.signing() == new && kids(&keys).contains(&old));
        keys.retire(&old).unwrap();
        assert!(kids(&keys).contains(&old));
        assert!(matches!(keys.promote(&old), Err(RollError::WrongState(KeyState::Retired))));
        keys.remove(&old).unwrap();
        assert!(!kids(&keys).contains(&old) && kids(&keys).len() >= PUBLISHED_AT_LEAST);
        keys.restore(&old).unwrap();
        assert!(kids(&keys).contains(&old));
        keys.promote(&old).unwrap();
        keys.promote(&new).unwrap();
        assert!(matches!(keys.remove(&new), Err(RollError::WrongState(KeyState::Signing))));
        assert!(matches!(keys.retire("x"), Err(RollError::UnknownKey)));
    }

    #[test]
    fn removed_keys_make_room_before_published_ones() {
        let parent = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        let former = keys.signing();
        keys.roll().unwrap();
        for _ in 0..10 {
            let kid = keys.announce().unwrap();
            keys.remove(&kid).unwrap();
        }
        assert!(kids(&keys).contains(&former) && keys.list().len() <= KNOWN_AT_MOST);
    }

    #[test]
    fn removing_keys_never_leaves_one_alone() {
        let parent = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        let other = kids(&keys)[1].clone();
        keys.remove(&other).unwrap();
        assert_eq!(kids(&keys).len(), PUBLISHED_AT_LEAST);
        assert!(!kids(&keys).contains(&other));
    }

    #[test]
    fn a_key_is_made_when_it_is_needed_and_not_before() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        let keys = SigningKeys::open(folder.clone()).unwrap();
        assert_eq!(folder.names().unwrap(), Vec::<String>::new());
        let signing = keys.signing();
        assert_eq!(folder.names().unwrap().len(), PUBLISHED_AT_LEAST);
        assert_eq!(kids(&keys)[0], signing);

        let spare = Arc::new(SpareKeys::new(DataFolder::at(parent.path().join("spare")).unwrap()));
        let keys = SigningKeys::of_spare(&spare).unwrap();
        assert_eq!(keys.set().load().published().count(), 1);
        let announced = kids(&keys)[1].clone();
        assert_eq!(keys.list()[1], (announced.clone(), KeyState::Announced));
        assert_eq!(kids(&keys)[1], announced, "it stays the same one");
    }

    #[test]
    fn an_emergency_replaces_all_keys_for_good() {
        let parent = tempfile::tempdir().unwrap();
        let open = || SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        let keys = open();
        let before = kids(&keys);
        keys.emergency().unwrap();
        for now in [&keys, &open()] {
            assert!(kids(now).len() >= PUBLISHED_AT_LEAST);
            assert!(kids(now).iter().all(|kid| !before.contains(kid)));
        }
    }
}
