//! Layered settings: an app's defaults or a file, then Azure's own variables, then the app's.
//!
//! An app embeds its `settings.toml`, which names every section it has. `--settings FILE` replaces those defaults.
//! Variables win over both: `AZURE_AD__TENANT_ID` sets `azure_ad.tenant_id` (`__` between levels). Below them
//! stand the names that Azure's tooling injects, such as `AZURE_TENANT_ID`. A variable that is empty counts as unset,
//! unless it is to say who is meant or where: an empty `AZURE_TENANT_ID` would fall to the stand-in's tenant, and is
//! refused. Where the defaults hold a list, the variable separates its members by commas.
//!
//! Variables that name no section of the app are somebody else's and are passed over; one that names a section but
//! no key of it is refused, since it is a misspelling.

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
