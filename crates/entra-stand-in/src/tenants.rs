//! The tenants at run time, each with its directory entry, keys, clock, faults and journal.
//!
//! Tenants share nothing, so that parallel tests do not affect each other.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;
use entra_shared::ids::TenantId;
use entra_shared::settings::KeyProblem;
use uuid::Uuid;

use crate::clock::Clock;
use crate::credentials::SeenAssertions;
use crate::directory::{self, RegistrationError};
use crate::faults::Faults;
use crate::identity_tokens::IdentityTokens;
use crate::journal::Journal;
use crate::keys::{SigningKeys, SpareKeys};
use crate::{DataFolder, Directory};

/// The folder of the tenants that were created, and the file of each in a folder of its own.
const CREATED: &str = "created-tenants";
const TENANT_FILE: &str = "tenant.json";

/// The most tenants at a time; each takes some 30 KB without its journal.
const MOST: usize = 1000;

/// All tenants of a stand-in, from its directory or created by tests.
#[derive(Debug)]
pub(crate) struct Tenants {
    by_id: RwLock<HashMap<TenantId, Arc<LiveTenant>>>,
    domains: HashMap<String, TenantId>,
    first: Arc<LiveTenant>,
    spare_keys: Arc<SpareKeys>,
    /// The folder in which created tenants are stored, each in a folder of its own.
    kept: Option<DataFolder>,
    /// Counts look-ups, to find the least recently used tenant.
    uses: AtomicU64,
    /// The journal of all requests, including those without a tenant.
    pub(crate) journal: Arc<Journal>,
}

/// A tenant at run time.
#[derive(Debug)]
pub(crate) struct LiveTenant {
    pub(crate) id: TenantId,
    entry: ArcSwap<directory::Tenant>,
    pub(crate) keys: SigningKeys,
    pub(crate) identity_tokens: IdentityTokens,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) journal: Arc<Journal>,
    /// Assertions that were used. Strict mode refuses them the second time.
    pub(crate) seen: SeenAssertions,
    /// The folder in which the tenant is stored after each change.
    kept: Option<DataFolder>,
    /// Serializes the writing.
    saving: Mutex<()>,
    /// The value of [`Tenants::uses`] at the last look-up of this tenant.
    last_used: AtomicU64,
}

/// Why a tenant could not be created.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// There are too many tenants, and all are in use or in the directory.
    #[error("there are {MOST} tenants already, and all are in use; remove some")]
    TooMany,
    /// No signing key could be generated for the tenant.
    // Not `transparent`: callers look for the cause among the sources.
    #[error("the tenant has no signing keys")]
    Keys(#[from] KeyProblem),
    /// The runtime shut down before the tenant was created.
    #[error("interrupted while creating the tenant")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Tenants {
    /// Opens the tenants of a directory. The first one's files are in the data folder, the others' in subfolders.
    ///
    /// In strict mode, used assertions are stored as well. With `keep`, so are the tenants that are created later.
    pub(crate) fn open(
        directory: &Directory,
        folder: &DataFolder,
        strict: bool,
        keep: bool,
    ) -> Result<Self, KeyProblem> {
        // Keys for the first tenant of a test are generated while the rest starts.
        let spare_keys = Arc::new(SpareKeys::new(folder.folder("spare")?));
        spare_keys.refill();
        let (mut by_id, mut first) = (HashMap::new(), None);
        for entry in directory.tenants() {
            let own = if first.is_none() {
                folder.clone()
            } else {
                folder.folder(&format!("tenant-{}", entry.id))?
            };
            let seen =
                if strict { SeenAssertions::kept(folder, entry.id)? } else { SeenAssertions::default() };
            let live = Arc::new(LiveTenant::new(entry.clone(), SigningKeys::open(own)?, seen, None));
            first.get_or_insert_with(|| Arc::clone(&live));
            by_id.insert(live.id, live);
        }
        let kept = keep.then(|| folder.folder(CREATED)).transpose()?;
        let names = kept.as_ref().map(DataFolder::names).transpose()?.unwrap_or_default();
        for own in kept.iter().flat_map(|kept| names.iter().map(|name| kept.folder(name))) {
            let own = own?;
            let Some(text) = own.read(TENANT_FILE)? else { continue };
            let entry: directory::Tenant =
                serde_json::from_str(&text).map_err(|_| own.malformed(TENANT_FILE))?;
            let (keys, seen) = (SigningKeys::open(own.clone())?, SeenAssertions::of_a_test());
            by_id.insert(entry.id, Arc::new(LiveTenant::new(entry, keys, seen, Some(own))));
        }
        let first = first.ok_or_else(|| KeyProblem::new("directory.folder", "there is no tenant"))?;
        Ok(Self {
            by_id: RwLock::new(by_id),
            domains: directory.domains().clone(),
            first,
            uses: AtomicU64::new(0),
            spare_keys,
            kept,
            journal: Arc::default(),
        })
    }

    /// Creates a tenant with its own keys. Blocks for some 100 ms per key if none was generated ahead.
    ///
    /// If there are too many, evicts the least recently used tenant that no test holds.
    pub(crate) fn add(&self) -> Result<Arc<LiveTenant>, TenantError> {
        let entry = directory::Tenant::fresh(TenantId::from(Uuid::new_v4()));
        let own = self.kept.as_ref().map(|kept| kept.folder(&entry.id.to_string())).transpose()?;
        let keys = match &own {
            Some(own) => SigningKeys::open(own.clone())?,
            None => SigningKeys::of_spare(&self.spare_keys)?,
        };
        let live = Arc::new(LiveTenant::new(entry, keys, SeenAssertions::of_a_test(), own));
        let mut tenants = self.write();
        if tenants.len() >= MOST {
            let oldest = unused(&tenants).ok_or(TenantError::TooMany)?;
            if let Some(evicted) = tenants.remove(&oldest) {
                evicted.forget();
            }
        }
        live.last_used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        tenants.insert(live.id, Arc::clone(&live));
        drop(tenants);
        live.save();
        Ok(live)
    }

    /// Removes a tenant that a test created, and returns whether it existed. Tenants of the directory stay.
    pub(crate) fn remove(&self, id: TenantId) -> bool {
        let mut tenants = self.write();
        let made = tenants.get(&id).is_some_and(|tenant| tenant.entry().has_own_key_set);
        if !made {
            return false;
        }
        if let Some(removed) = tenants.remove(&id) {
            removed.forget();
        }
        true
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<Arc<LiveTenant>> {
        let tenant = self.read().get(&id).map(Arc::clone)?;
        tenant.last_used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        Some(tenant)
    }

    /// Returns the tenant with this domain name, ignoring case.
    pub(crate) fn by_domain(&self, domain: &str) -> Option<Arc<LiveTenant>> {
        self.tenant(*self.domains.get(&domain.to_ascii_lowercase())?)
    }

    /// Returns the directory's first tenant.
    pub(crate) fn first(&self) -> &Arc<LiveTenant> {
        &self.first
    }

    /// Returns all tenants, beginning with the directory's first.
    pub(crate) fn all(&self) -> Vec<Arc<LiveTenant>> {
        let mut all: Vec<_> = self.read().values().map(Arc::clone).collect();
        all.sort_by_key(|tenant| (tenant.id != self.first.id, tenant.id));
        all
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<TenantId, Arc<LiveTenant>>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Arc<LiveTenant>>> {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the least recently used tenant that a test created and no test holds.
fn unused(tenants: &HashMap<TenantId, Arc<LiveTenant>>) -> Option<TenantId> {
    let is_free =
        |tenant: &&Arc<LiveTenant>| tenant.entry().has_own_key_set && Arc::strong_count(tenant) == 1;
    let oldest = tenants.values().filter(is_free).min_by_key(|tenant| tenant.last_used.load(Relaxed));
    oldest.map(|tenant| tenant.id)
}

impl LiveTenant {
    fn new(
        entry: directory::Tenant,
        keys: SigningKeys,
        seen: SeenAssertions,
        kept: Option<DataFolder>,
    ) -> Self {
        let journal = if entry.has_own_key_set { Journal::of_a_test() } else { Journal::default() };
        Self {
            id: entry.id,
            entry: ArcSwap::from_pointee(entry),
            keys,
            identity_tokens: IdentityTokens::default(),
            clock: Clock::default(),
            faults: Faults::default(),
            journal: Arc::new(journal),
            seen,
            kept,
            saving: Mutex::default(),
            last_used: AtomicU64::new(0),
        }
    }

    /// Stores the current directory entry, if it is to be kept. It is in force even if it cannot be stored.
    fn save(&self) {
        let Some(folder) = &self.kept else { return };
        // One at a time, so that the last change is what is stored. After `forget`, there is no folder to write to.
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_string_pretty(&*self.entry()).map_err(|error| error.to_string());
        let saved =
            text.and_then(|text| folder.replace(TENANT_FILE, &text).map_err(|problem| problem.to_string()));
        if let Err(error) = saved {
            tracing::error!(error, tenant = %self.id, "the tenant could not be stored; it will be missing after a restart");
        }
    }

    /// Removes what is stored of it.
    fn forget(&self) {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(problem)) = self.kept.as_ref().map(DataFolder::remove_all) {
            tracing::error!(%problem, tenant = %self.id, "the tenant could not be removed from the data folder");
        }
    }

    /// Returns the tenant's current directory entry.
    pub(crate) fn entry(&self) -> Arc<directory::Tenant> {
        self.entry.load_full()
    }

    /// Changes the directory entry; requests in flight keep the entry they started with.
    pub(crate) fn change<T>(
        &self,
        change: impl Fn(&mut directory::Tenant) -> Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        loop {
            let before = self.entry.load();
            let mut after = directory::Tenant::clone(&before);
            let changed = change(&mut after)?;
            let swapped = self.entry.compare_and_swap(&*before, Arc::new(after));
            if Arc::ptr_eq(&swapped, &before) {
                self.save();
                return Ok(changed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::settings::Environment;

    use super::*;

    #[test]
    fn the_least_recently_used_tenant_is_evicted_unless_a_test_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(folder.path()).unwrap();
        let directory = Directory::seeded(&Environment::default()).unwrap();
        let tenants = Tenants::open(&directory, &folder, false, false).unwrap();
        let test = |number| {
            let entry = directory::Tenant::fresh(TenantId::from(Uuid::from_u128(number)));
            let keys = SigningKeys::of_spare(&tenants.spare_keys).unwrap();
            let live = Arc::new(LiveTenant::new(entry, keys, SeenAssertions::of_a_test(), None));
            tenants.write().insert(live.id, Arc::clone(&live));
            live
        };
        let [held, one, two] = [1, 2, 3].map(test);
        let ids = [held.id, one.id, two.id];
        drop((one, two));
        for id in [ids[0], ids[2], ids[1]] {
            assert!(tenants.tenant(id).is_some());
        }
        // The first is held; those of the directory stay.
        assert_eq!(unused(&tenants.read()), Some(ids[2]));
        assert!(tenants.remove(ids[2]));
        assert_eq!(unused(&tenants.read()), Some(ids[1]));
        assert!(tenants.remove(ids[1]));
        assert_eq!(unused(&tenants.read()), None);
        drop(held);
        assert_eq!(unused(&tenants.read()), Some(ids[0]));
    }
}
