//! What the parts of one connection tell each other.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// How far a connection has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    reached: AtomicU8,
}

/// Where the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reached {
    /// It has sent nothing yet.
    Nothing,
    /// It is in the middle of a request's head.
    PartOfHead,
    /// It has sent a head, and is not in the next one.
    Head,
}

impl Progress {
    pub(super) fn reached(&self) -> Reached {
        match self.reached.load(Relaxed) {
            0 => Reached::Nothing,
            1 => Reached::PartOfHead,
            _ => Reached::Head,
        }
    }

    pub(super) fn reach(&self, reached: Reached) {
        self.reached.store(reached as u8, Relaxed);
    }
}
