//! Keeps an app that is refused over and over from filling the disk with lines.

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::log_limit::LogLimit;

use super::records::LINES;
use crate::principal::Principal;

/// How many pairs of app and reason are counted separately between two summaries.
const MAX_KEYS: usize = 1000;

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

/// Limits lines by app and reason, so that no app hides behind another's flood.
#[derive(Debug)]
pub(super) struct AppFloods(LogLimit<(Option<App>, &'static str)>);

/// Suppressed lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The app; `None` for those beyond [`MAX_KEYS`].
    pub(super) app: Option<App>,
    pub(super) reason: &'static str,
    pub(super) count: u64,
}

impl Default for AppFloods {
    fn default() -> Self {
        Self(LogLimit::new(LINES).with_max_keys(MAX_KEYS, |(_, reason)| (None, reason)))
    }
}

impl AppFloods {
    pub(super) fn allows(&self, app: App, reason: &'static str) -> bool {
        self.0.allows((Some(app), reason))
    }

    /// Returns the lines that were suppressed since the last call.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        self.0.take_suppressed().map(|((app, reason), count)| LeftOut { app, reason, count }).collect()
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
        (0..requests).filter(|_| floods.allows(app, "role_missing")).count() as u64
    }

    #[test]
    fn each_app_has_its_first_lines_and_then_a_number() {
        let floods = AppFloods::default();
        let first = written(&floods, app(1), 3000);
        assert!((1..100).contains(&first), "{first}");
        assert_eq!(written(&floods, app(2), 1), 1);
        let elsewhere = App { tenant: TenantId::from(Uuid::max()), ..app(1) };
        assert_eq!(written(&floods, elsewhere, 1), 1);
        assert!(floods.allows(app(1), "client_not_allowed"));
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
