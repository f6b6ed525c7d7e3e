//! What ends a run early, and what a run says then.
