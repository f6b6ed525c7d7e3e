//! The task that an event wakes.

use std::task::{Context, Waker};

/// The waker that was last registered with an event.
///
/// Comparing wakers is cheaper than registering the same one again.
#[derive(Debug, Default)]
pub(super) struct RegisteredWaker(Option<Waker>);

impl RegisteredWaker {
    /// Remembers this task's waker; returns whether it was registered already.
    pub(super) fn register(&mut self, context: &Context<'_>) -> bool {
        let is_same = self.0.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if !is_same {
            self.0 = Some(context.waker().clone());
        }
        is_same
    }
}
