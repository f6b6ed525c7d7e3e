//! A setting that cannot be used.

/// A key whose value cannot be used, found by code that does not know where the value came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {problem}")]
pub struct KeyProblem {
    pub(super) key: &'static str,
    pub(super) problem: String,
}

impl KeyProblem {
    /// Names the key, with dots between levels, and what is wrong with its value; never the value of a secret.
    #[must_use]
    pub fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }

    /// Where the value may stand; an argument stands nowhere else.
    #[cfg(feature = "settings")]
    pub(super) fn places(&self) -> String {
        if self.key.starts_with("--") {
            String::new()
        } else {
            format!(" (the settings or {})", variable_of(self.key))
        }
    }
}

/// The variable that sets a key.
#[cfg(feature = "settings")]
pub(super) fn variable_of(key: &str) -> String {
    key.replace('.', "__").to_uppercase()
}
