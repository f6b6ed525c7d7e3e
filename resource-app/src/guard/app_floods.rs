//! Keeps an app that is refused over and over from filling the disk with lines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use shared::ids::ClientId;

use super::flood::{Admission, FloodLimit};

/// How many apps are told apart between two summaries; those beyond share one limit.
const MAX_APPS: usize = 1000;

/// A limit for each app, so that none can hide behind another's flood.
#[derive(Debug, Default)]
pub(super) struct AppFloods(Mutex<HashMap<Option<ClientId>, FloodLimit>>);

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The app; nothing for those beyond [`MAX_APPS`].
    pub(super) client_id: Option<ClientId>,
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl AppFloods {
    pub(super) fn admit(&self, client_id: ClientId, reason: &'static str) -> Admission {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = apps.len() < MAX_APPS || apps.contains_key(&Some(client_id));
        apps.entry(Some(client_id).filter(|_| has_room)).or_default().admit(reason)
    }

    /// What was left out since the last time.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let apps = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let of_app = |(client_id, limit): (Option<ClientId>, FloodLimit)| {
            let reasons = limit.left_out().into_iter();
            reasons.map(move |(reason, count)| LeftOut { client_id, reason, count })
        };
        apps.into_iter().flat_map(of_app).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> ClientId {
        ClientId::from(Uuid::from_u128(number as u128))
    }

    fn written(floods: &AppFloods, client_id: ClientId, requests: u64) -> u64 {
        (0..requests).filter(|_| floods.admit(client_id, "role_missing") == Admission::Write).count() as u64
    }

    #[test]
    fn each_app_has_its_first_lines_and_then_a_number() {
        let floods = AppFloods::default();
        let first = written(&floods, id(1), 3000);
        assert!((1..100).contains(&first), "{first}");
        assert_eq!(written(&floods, id(2), 1), 1);
        assert_eq!(floods.admit(id(1), "client_not_allowed"), Admission::Write);
        let count = 3000 - first;
        assert_eq!(floods.left_out(), [LeftOut { client_id: Some(id(1)), reason: "role_missing", count }]);
        assert_eq!(floods.left_out(), []);
        assert_eq!(written(&floods, id(1), 1), 1);
    }

    #[test]
    fn apps_without_end_share_one_limit_and_are_all_counted() {
        let floods = AppFloods::default();
        let written: u64 = (0..10_000).map(|number| written(&floods, id(number), 1)).sum();
        assert!((1000..1100).contains(&written), "{written}");
        let [LeftOut { client_id: None, count, .. }] = floods.left_out()[..] else { panic!("one summary") };
        assert_eq!(written + count, 10_000);
    }
}
