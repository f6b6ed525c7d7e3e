//! Who is woken by what a task waits for.

use std::task::{Context, Waker};

/// Whom an event wakes that was last waited for.
///
/// To wait for one takes more than to see that the same task does so already.
#[derive(Debug, Default)]
pub(super) struct Listening(Option<Waker>);

impl Listening {
    /// Whether it is this task, which it is from now on.
    pub(super) fn is_for(&mut self, context: &Context<'_>) -> bool {
        let is_same = self.0.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if !is_same {
            self.0 = Some(context.waker().clone());
        }
        is_same
    }
}
