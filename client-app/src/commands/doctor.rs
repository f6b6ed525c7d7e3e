//! `doctor`: what of the way from here to the resource works, and the step that mends what does not.
//!
//! # Layout
//!
//! - `facts/`: everything that is asked, in one place: the credential, the authority, one token, the resource.
//! - `checks/`: the table of checks, each a function of the facts.
//! - `report`: what is printed.

mod checks;
mod facts;
mod finding;
mod report;

use entra_shared::ids::AppRole;
use entra_shared::settings::SettingsError;

pub use report::Report;

use crate::Settings;

/// Asks everybody once, and judges what came back. `progress` is told what takes longer than a second.
///
/// # Errors
/// The settings cannot be used; a credential that cannot be used is a finding instead.
pub async fn doctor(
    settings: &Settings,
    needs: &[AppRole],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Report, SettingsError> {
    let facts = facts::gather(settings, needs, progress).await?;
    Ok(Report::new(checks::all(&facts)))
}
