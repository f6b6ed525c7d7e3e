//! The remaining script of an endpoint.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::fault::{Fault, Kind};

/// The remaining faults, one for each request; a throttle stays.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: VecDeque<Fault>,
    /// When the requests that the throttle let through arrived.
    taken: VecDeque<Timestamp>,
}

impl Script {
    pub(super) fn new(faults: impl Iterator<Item = Fault>) -> Self {
        Self { faults: faults.collect(), taken: VecDeque::new() }
    }

    pub(super) fn remaining(&self) -> usize {
        self.faults.len()
    }

    /// Takes the fault of a request that arrives now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Fault> {
        match self.faults.front() {
            Some(&Fault(Kind::Throttle { requests, window_seconds })) => {
                let window = SignedDuration::from_secs(window_seconds.into());
                Some(self.throttled(usize::from(requests), window, now))
            }
            _ => self.faults.pop_front(),
        }
    }

    fn throttled(&mut self, requests: usize, window: SignedDuration, now: Timestamp) -> Fault {
        // A request from before the clock was set back belongs to another window.
        let is_within = |at: &Timestamp| {
            let age = now.duration_since(*at);
            !age.is_negative() && age < window
        };
        self.taken.retain(is_within);
        if self.taken.len() < requests {
            self.taken.push_back(now);
            return Fault::none();
        }
        let oldest = self.taken.front().copied().unwrap_or(now);
        let wait = window - now.duration_since(oldest);
        // Rounded up, so that a client that waits this long is let through.
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        Fault::too_many_requests(u64::try_from(seconds).unwrap_or(0))
    }
}
