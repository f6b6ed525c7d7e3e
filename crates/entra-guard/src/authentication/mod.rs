//! Who calls: from the `Authorization` header to a [`Caller`].
//!
//! # Layout
//!
//! A request passes through these in order, and each refuses with an [`AuthenticationError`]:
//! - `credential`: the header's syntax; finds the token.
//! - `token`: the token's own form; an `UnverifiedToken` is all it gives.
//! - `claims`: what of its claims is read at all; the others may be what they like.
//! - `expectations`: what the claims must be for a token to be meant for this API, now.
//! - [`Tenancy`]: the tenants that may have issued it.
//! - [`keys`]: the key that the token names, from the key set that Entra publishes.
//! - [`Authenticator`]: the signature; after it, and only after it, there is a [`Caller`].
//! - `explanation`: the same checks for a person, who learns of all that fail and not of the first alone.
//! - `verified`: who the tokens name that went through all of this before; they skip it.
//!
//! Dependency rule: nothing here imports anything else of this crate, so that the folder can be lifted out.

mod authenticator;
mod caller;
mod check;
mod claims;
mod credential;
mod error;
mod expectations;
mod explanation;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod keys;
mod object;
mod tenancy;
mod token;
mod verified;

#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod oddities;
#[cfg(test)]
mod paddings;
#[cfg(test)]
mod test_token;

pub use authenticator::Authenticator;
pub use caller::Caller;
pub use claims::Claims;
pub use error::{AuthenticationError, RequestFault, TokenFault};
pub use expectations::Expectations;
pub use explanation::{CheckOutcome, ExplainedCheck, Explanation};
pub use tenancy::{Tenancy, TenantIndependentEndpoint};
pub use verified::{VerifiedTokenSettings, VerifiedTokenStatus};
