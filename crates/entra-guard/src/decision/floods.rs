//! Limits the lines of the decision log.

use entra_shared::ids::{ClientId, TenantId};
use entra_shared::log_limit::LogLimit;
use uuid::Uuid;

use crate::policy::AppIdentity;

/// How many lines of one reason are written between two summaries, for each app and for requests without a token.
const LINES: u64 = 20;

/// How many pairs of app and reason are told apart between two summaries.
const MAX_KEYS: usize = 1000;

/// Limits lines by reason, and by app if there is one, so that no app hides behind another's flood.
#[derive(Debug)]
pub(super) struct Floods {
    unverified: LogLimit<&'static str>,
    apps: LogLimit<(AppIdentity, &'static str)>,
}

impl Default for Floods {
    fn default() -> Self {
        let shared = |(_, reason)| (all_others(), reason);
        Self { unverified: LogLimit::new(LINES), apps: LogLimit::new(LINES).with_max_keys(MAX_KEYS, shared) }
    }
}

impl Floods {
    pub(super) fn allows(&self, app: Option<AppIdentity>, reason: &'static str) -> bool {
        match app {
            Some(app) => self.apps.allows((app, reason)),
            None => self.unverified.allows(reason),
        }
    }

    /// How many lines were suppressed since the last call, by reason.
    pub(super) fn suppressed_unverified(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.unverified.take_suppressed()
    }

    /// The same by app; `None` stands for the apps beyond [`MAX_KEYS`].
    pub(super) fn suppressed_of_apps(
        &self,
    ) -> impl Iterator<Item = (Option<AppIdentity>, &'static str, u64)> {
        let known = |app: AppIdentity| (app != all_others()).then_some(app);
        self.apps.take_suppressed().map(move |((app, reason), count)| (known(app), reason, count))
    }
}

fn all_others() -> AppIdentity {
    AppIdentity { tenant: TenantId::from(Uuid::max()), client_id: ClientId::from(Uuid::max()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(number: usize) -> AppIdentity {
        let client_id = ClientId::from(Uuid::from_u128(number as u128));
        AppIdentity { tenant: TenantId::from(Uuid::nil()), client_id }
    }

    fn written(floods: &Floods, app: AppIdentity, requests: u64) -> u64 {
        (0..requests).filter(|_| floods.allows(Some(app), "role_missing")).count() as u64
    }

    fn suppressed(floods: &Floods) -> Vec<(Option<AppIdentity>, &'static str, u64)> {
        floods.suppressed_of_apps().collect()
    }

    #[test]
    fn each_app_has_its_first_lines_and_then_a_number() {
        let floods = Floods::default();
        let first = written(&floods, app(1), 3000);
        assert!((1..100).contains(&first), "{first}");
        assert_eq!(written(&floods, app(2), 1), 1);
        let elsewhere = AppIdentity { tenant: TenantId::from(Uuid::from_u128(9)), ..app(1) };
        assert_eq!(written(&floods, elsewhere, 1), 1);
        assert!(floods.allows(Some(app(1)), "client_not_allowed"));
        assert_eq!(suppressed(&floods), [(Some(app(1)), "role_missing", 3000 - first)]);
        assert_eq!(suppressed(&floods), []);
        assert_eq!(written(&floods, app(1), 1), 1);
    }

    #[test]
    fn apps_beyond_the_most_share_one_limit_and_are_all_counted() {
        let floods = Floods::default();
        let written: u64 = (0..10_000).map(|number| written(&floods, app(number), 1)).sum();
        assert!((1000..1100).contains(&written), "{written}");
        let [(None, _, count)] = suppressed(&floods)[..] else { panic!("one summary") };
        assert_eq!(written + count, 10_000);
    }
}
