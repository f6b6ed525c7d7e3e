//! How far the requests on a connection have come.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// The progress of a connection, set by its stream and read by its driver.
#[derive(Debug, Default)]
pub(super) struct Progress {
    reached: AtomicU8,
    /// The number of the request with a malformed body, from 1; 0 if there is none.
    malformed_body: AtomicU64,
}

/// How far the peer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Reached {
    /// It has sent nothing yet.
    Nothing,
    /// The peer is sending a request's head.
    PartOfHead,
    /// The peer has sent a head and has not begun the next one.
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

    /// Returns whether the body of the request with this number, from 1, is malformed.
    pub(super) fn has_malformed_body(&self, request: u64) -> bool {
        self.malformed_body.load(Relaxed) == request
    }

    pub(super) fn set_malformed_body(&self, request: u64) {
        self.malformed_body.store(request, Relaxed);
    }
}
