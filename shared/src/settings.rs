//! Layered settings: an app's defaults or a file, then Azure's variables, then the app's variables.
//!
//! An app embeds its `settings.toml`, which names every section. `--settings FILE` replaces these defaults. Variables
//! override both: `AZURE_AD__TENANT_ID` sets `azure_ad.tenant_id` (`__` between levels), and overrides the variable that
//! Azure's tooling sets, `AZURE_TENANT_ID`. A variable for a list separates its members by commas.
//!
//! An empty variable counts as unset, but for identities such as a tenant id, where it is an error: the default would be
//! another tenant. A variable that names a section but no key of it is an error too, since it is a misspelling. Other
//! variables are ignored.

#[cfg(feature = "settings")]
mod environment;
#[cfg(feature = "settings")]
mod error;
#[cfg(feature = "settings")]
mod loader;
mod problem;

#[cfg(feature = "settings")]
pub use environment::Environment;
#[cfg(feature = "settings")]
pub use error::SettingsError;
#[cfg(feature = "settings")]
pub use loader::{Check, Sources};
pub use problem::KeyProblem;
