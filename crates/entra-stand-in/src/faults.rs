//! Injects faults at a tenant's endpoints. A test writes a script per endpoint, with one fault for each request.

mod broken_body;
mod fault;
mod injection;
mod parts;
mod script;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

pub use fault::Fault;
pub(crate) use injection::{Envelope, answer, in_entras_envelope};

use crate::endpoint::Endpoint;
use script::Script;

/// The most faults in an endpoint's script.
const LONGEST_SCRIPT: usize = 1000;

/// The fault scripts of a tenant. When a script has ended, its endpoint responds regularly again.
///
/// ```
/// # async fn example(tenant: entra_stand_in::Tenant) {
/// use entra_stand_in::{Endpoint, Fault};
/// let script = [Fault::status(500), Fault::too_many_requests(60), Fault::none()];
/// tenant.faults().on(Endpoint::Token, script);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<Endpoint, Script>>);

impl Faults {
    /// Sets the script of an endpoint, one fault for each request. It replaces what is left of the previous script.
    ///
    /// A fault that does not fit a response, such as [`Fault::wrong_issuer`] on a key set, changes nothing. Faults beyond
    /// the first 1000 are dropped.
    pub fn on(&self, endpoint: Endpoint, script: impl IntoIterator<Item = Fault>) {
        self.scripts().insert(endpoint, Script::new(script.into_iter().take(LONGEST_SCRIPT)));
    }

    /// Returns the number of faults left in an endpoint's script.
    #[must_use]
    pub fn remaining(&self, endpoint: Endpoint) -> usize {
        self.scripts().get(&endpoint).map_or(0, Script::remaining)
    }

    /// Removes all scripts.
    pub fn clear(&self) {
        self.scripts().clear();
    }

    /// Takes the fault of the next request, which arrives now by the tenant's clock.
    pub(crate) fn next(&self, endpoint: Endpoint, now: Timestamp) -> Option<Fault> {
        self.scripts().get_mut(&endpoint)?.next(now).filter(|fault| *fault != Fault::none())
    }

    fn scripts(&self) -> MutexGuard<'_, HashMap<Endpoint, Script>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_script_is_counted_down_and_ends() {
        let (faults, now) = (Faults::default(), Timestamp::UNIX_EPOCH);
        faults.on(Endpoint::Token, [Fault::status(500), Fault::none(), Fault::reset()]);
        assert_eq!(faults.next(Endpoint::Keys, now), None);
        assert_eq!(faults.next(Endpoint::Token, now), Some(Fault::status(500)));
        assert_eq!(faults.next(Endpoint::Token, now), None);
        assert_eq!(faults.remaining(Endpoint::Token), 1);
        assert_eq!(faults.next(Endpoint::Token, now), Some(Fault::reset()));
        assert_eq!(faults.next(Endpoint::Token, now), None);
    }

    #[test]
    fn a_throttled_endpoint_takes_so_many_requests_in_a_window_that_slides() {
        let (faults, at) = (Faults::default(), |second| Timestamp::from_second(second).unwrap());
        faults.on(Endpoint::Token, [Fault::throttle(2, Duration::from_mins(1)), Fault::reset()]);
        let refused = |seconds| Some(Fault::too_many_requests(seconds));
        for (second, expected) in [
            (0, None),
            (10, None),
            (20, refused(40)),
            (59, refused(1)),
            (60, None),
            (61, refused(9)),
            (70, None),
        ] {
            assert_eq!(faults.next(Endpoint::Token, at(second)), expected, "{second}");
        }
        // A clock that went back starts a new window.
        assert_eq!(faults.next(Endpoint::Token, at(0)), None);
        faults.on(Endpoint::Token, [Fault::throttle(0, Duration::from_mins(1))]);
        assert_eq!(faults.next(Endpoint::Token, at(0)), refused(60));
    }

    #[test]
    fn a_script_is_bounded() {
        let faults = Faults::default();
        faults.on(Endpoint::Token, std::iter::repeat(Fault::reset()));
        assert_eq!(faults.remaining(Endpoint::Token), LONGEST_SCRIPT);
    }
}
