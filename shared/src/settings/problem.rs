//! An unusable setting.

/// A key with an unusable value, reported by code that does not know the value's origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct KeyProblem {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

impl KeyProblem {
    /// Creates it from the key, with dots between levels, and the problem, which must not contain secrets.
    #[must_use]
    pub fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// Returns the variable that sets a key.
#[cfg(feature = "settings")]
pub(super) fn variable_of(key: &str) -> String {
    key.replace('.', "__").to_uppercase()
}
