//! What is checked of a token, each check by the fault it finds.

use super::error::TokenFault;

/// A check and whether the token passes it.
///
/// The validator refuses a token by the first that fails; an explanation tells of all of them.
pub(super) type Check = (TokenFault, bool);

/// Says which of the checks fails first.
pub(super) fn pass_all(checks: impl IntoIterator<Item = Check>) -> Result<(), TokenFault> {
    let failed = checks.into_iter().find(|(_, passed)| !passed);
    failed.map_or(Ok(()), |(fault, _)| Err(fault))
}
