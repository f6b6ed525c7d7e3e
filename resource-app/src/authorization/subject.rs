//! Whoever calls, as policies see them.

/// What a policy may know about whoever calls.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whether an app calls for itself, with no user behind it.
    pub app_only: bool,
    /// The app roles that were granted, as the token writes them.
    pub roles: &'a [String],
    /// Whether there was no token, and the development handler stands in for one.
    pub development: bool,
}
