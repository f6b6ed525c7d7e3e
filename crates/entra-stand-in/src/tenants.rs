//! The tenants as they live: what the directory says of each, its keys, its clock, its faults, its journal.
//!
//! A tenant shares nothing with another, so that tests beside each other cannot disturb each other.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;
use entra_shared::ids::TenantId;
use entra_shared::settings::KeyProblem;
use uuid::Uuid;

use crate::clock::Clock;
use crate::credentials::SeenAssertions;
use crate::directory::{self, RegistrationError};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::keys::{SigningKeys, SpareKeys};
use crate::{DataFolder, Directory};

/// The most tenants at a time, at some 30 KB each beside what is in their journals.
const MOST: usize = 1000;

/// Every tenant of a stand-in: those of its directory, and those that tests made.
#[derive(Debug)]
pub(crate) struct Tenants {
    by_id: RwLock<HashMap<TenantId, Arc<LiveTenant>>>,
    domains: HashMap<String, TenantId>,
    first: Arc<LiveTenant>,
    spare_keys: Arc<SpareKeys>,
    /// How often a tenant was looked up, so that the one used the longest ago is known.
    uses: AtomicU64,
    /// What came to any tenant, or to none.
    pub(crate) journal: Arc<Journal>,
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct LiveTenant {
    pub(crate) id: TenantId,
    entry: ArcSwap<directory::Tenant>,
    pub(crate) keys: SigningKeys,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) journal: Arc<Journal>,
    /// Its clients' assertions that were used, for strict mode.
    pub(crate) seen: SeenAssertions,
    /// The last of all uses that was one of this tenant.
    last_used: AtomicU64,
}

/// Why there is no further tenant.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Whoever asked: there are too many already, and all are held by tests or stand in the directory.
    #[error("there are {MOST} tenants already, and all are in use; remove some")]
    TooMany,
    /// The stand-in: no key can be had for it.
    // Not `transparent`: who is to blame is found among the sources.
    #[error("the tenant has no signing keys")]
    Keys(#[from] KeyProblem),
    /// The work of making it was cut short, as when the runtime ends.
    #[error("making the tenant was cut short")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Tenants {
    /// The tenants of a directory. What is kept of the first is in the folder itself, of others in one of their own.
    ///
    /// In strict mode the assertions that were used are kept as well.
    pub(crate) fn open(directory: &Directory, folder: &DataFolder, strict: bool) -> Result<Self, KeyProblem> {
        // Keys for the first tenant that a test makes are in the making while the rest starts.
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
            let live = Arc::new(LiveTenant::new(entry.clone(), SigningKeys::open(own)?, seen));
            first.get_or_insert_with(|| Arc::clone(&live));
            by_id.insert(live.id, live);
        }
        let first = first.ok_or_else(|| KeyProblem::new("directory.folder", "there is no tenant"))?;
        Ok(Self {
            by_id: RwLock::new(by_id),
            domains: directory.domains().clone(),
            first,
            uses: AtomicU64::new(0),
            spare_keys,
            journal: Arc::default(),
        })
    }

    /// Makes a tenant with keys of its own. Blocks for some 100 ms a key where none was made ahead.
    ///
    /// Where there are too many, that of a test which was used the longest ago is forgotten, unless a test holds it.
    pub(crate) fn add(&self) -> Result<Arc<LiveTenant>, TenantError> {
        let entry = directory::Tenant::fresh(TenantId::from(Uuid::new_v4()));
        let (keys, seen) = (SigningKeys::of_spare(&self.spare_keys)?, SeenAssertions::of_a_test());
        let live = Arc::new(LiveTenant::new(entry, keys, seen));
        let mut tenants = self.write();
        if tenants.len() >= MOST {
            let oldest = unused(&tenants).ok_or(TenantError::TooMany)?;
            tenants.remove(&oldest);
        }
        live.last_used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        tenants.insert(live.id, Arc::clone(&live));
        Ok(live)
    }

    /// Forgets a tenant that a test made; says whether it was there. Those of the directory stay.
    pub(crate) fn remove(&self, id: TenantId) -> bool {
        let mut tenants = self.write();
        let made = tenants.get(&id).is_some_and(|tenant| tenant.entry().has_own_key_set);
        made && tenants.remove(&id).is_some()
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<Arc<LiveTenant>> {
        let tenant = self.read().get(&id).map(Arc::clone)?;
        tenant.last_used.store(self.uses.fetch_add(1, Relaxed), Relaxed);
        Some(tenant)
    }

    /// The tenant that has this domain name; case does not matter.
    pub(crate) fn by_domain(&self, domain: &str) -> Option<Arc<LiveTenant>> {
        self.tenant(*self.domains.get(&domain.to_ascii_lowercase())?)
    }

    /// The tenant that stands first in the directory.
    pub(crate) fn first(&self) -> &Arc<LiveTenant> {
        &self.first
    }

    /// Every tenant, the first one first.
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

/// The tenant of a test that nobody holds and that was used the longest ago.
fn unused(tenants: &HashMap<TenantId, Arc<LiveTenant>>) -> Option<TenantId> {
    let is_free =
        |tenant: &&Arc<LiveTenant>| tenant.entry().has_own_key_set && Arc::strong_count(tenant) == 1;
    let oldest = tenants.values().filter(is_free).min_by_key(|tenant| tenant.last_used.load(Relaxed));
    oldest.map(|tenant| tenant.id)
}

impl LiveTenant {
    fn new(entry: directory::Tenant, keys: SigningKeys, seen: SeenAssertions) -> Self {
        let journal = if entry.has_own_key_set { Journal::of_a_test() } else { Journal::default() };
        Self {
            id: entry.id,
            entry: ArcSwap::from_pointee(entry),
            keys,
            clock: Clock::default(),
            faults: Faults::default(),
            journal: Arc::new(journal),
            seen,
            last_used: AtomicU64::new(0),
        }
    }

    /// What the directory says of the tenant, now.
    pub(crate) fn entry(&self) -> Arc<directory::Tenant> {
        self.entry.load_full()
    }

    /// Changes what the directory says; requests in flight go by what it said when they came.
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
    fn the_tenant_used_the_longest_ago_makes_room_unless_somebody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(folder.path()).unwrap();
        let directory = Directory::seeded(&Environment::default()).unwrap();
        let tenants = Tenants::open(&directory, &folder, false).unwrap();
        let test = |number| {
            let entry = directory::Tenant::fresh(TenantId::from(Uuid::from_u128(number)));
            let keys = SigningKeys::of_spare(&tenants.spare_keys).unwrap();
            let live = Arc::new(LiveTenant::new(entry, keys, SeenAssertions::of_a_test()));
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
