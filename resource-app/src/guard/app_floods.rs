//! Keeps an app that is refused over and over from filling the disk with lines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use entra_shared::flood::{Admission, FloodLimit};
use entra_shared::ids::{ClientId, TenantId};

use super::records::LINES;
use crate::principal::Principal;

/// How many apps are told apart between two summaries; those beyond share one limit.
const MAX_APPS: usize = 1000;

/// An app: its id, together with its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct App {
    pub(super) tenant: TenantId,
    pub(super) client_id: ClientId,
}

impl From<&Principal> for App {
    fn from(principal: &Principal) -> Self {
        Self { tenant: principal.tenant(), client_id: principal.client_id() }
    }
}

/// A limit for each app, so that none can hide behind another's flood.
#[derive(Debug, Default)]
pub(super) struct AppFloods(Mutex<HashMap<Option<App>, FloodLimit>>);

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The app; nothing for those beyond [`MAX_APPS`].
    pub(super) app: Option<App>,
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl AppFloods {
    pub(super) fn admit(&self, app: App, reason: &'static str) -> Admission {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = apps.len() < MAX_APPS || apps.contains_key(&Some(app));
        apps.entry(Some(app).filter(|_| has_room)).or_insert_with(|| FloodLimit::new(LINES)).admit(reason)
    }

    /// What was left out since the last time.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let apps = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let of_app = |(app, limit): (Option<App>, FloodLimit)| {
            let reasons = limit.left_out().into_iter();
            reasons.map(move |(reason, count)| LeftOut { app, reason, count })
        };
        apps.into_iter().flat_map(of_app).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn app(number: usize) -> App {
        let client_id = ClientId::from(Uuid::from_u128(number as u128));
        App { tenant: TenantId::from(Uuid::nil()), client_id }
    }

    fn written(floods: &AppFloods, app: App, requests: u64) -> u64 {
        (0..requests).filter(|_| floods.admit(app, "role_missing") == Admission::Write).count() as u64
    }

    #[test]
    fn each_app_has_its_first_lines_and_then_a_number() {
        let floods = AppFloods::default();
        let first = written(&floods, app(1), 3000);
        assert!((1..100).contains(&first), "{first}");
        assert_eq!(written(&floods, app(2), 1), 1);
        let elsewhere = App { tenant: TenantId::from(Uuid::max()), ..app(1) };
        assert_eq!(written(&floods, elsewhere, 1), 1);
        assert_eq!(floods.admit(app(1), "client_not_allowed"), Admission::Write);
        let count = 3000 - first;
        assert_eq!(floods.left_out(), [LeftOut { app: Some(app(1)), reason: "role_missing", count }]);
        assert_eq!(floods.left_out(), []);
        assert_eq!(written(&floods, app(1), 1), 1);
    }

    #[test]
    fn apps_without_end_share_one_limit_and_are_all_counted() {
        let floods = AppFloods::default();
        let written: u64 = (0..10_000).map(|number| written(&floods, app(number), 1)).sum();
        assert!((1000..1100).contains(&written), "{written}");
        let [LeftOut { app: None, count, .. }] = floods.left_out()[..] else { panic!("one summary") };
        assert_eq!(written + count, 10_000);
    }
}
