//! A setting that a service cannot start with.

/// A setting that a service cannot start with. Names the key, with dots between levels; never a secret's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` (the settings or {}): {problem}", variable(.key))]
pub struct InvalidSetting {
    key: &'static str,
    problem: String,
}

impl InvalidSetting {
    pub(crate) fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into() }
    }
}

/// Returns the environment variable that sets a key.
fn variable(key: &str) -> String {
    key.replace('.', "__").to_uppercase()
}
