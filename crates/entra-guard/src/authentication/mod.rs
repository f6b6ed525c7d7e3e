//! Authentication: from the `Authorization` header to a [`Caller`].
//!
//! # Layout
//!
//! A request passes through these in order, and each refuses with an [`AuthenticationError`]:
//! - `credential`: the header's syntax; finds the token.
//! - `token`: the token's syntax; the result is an `UnverifiedToken`.
//! - `claims`: the claims that are read; others are ignored. Those of an agent give an [`Agent`].
//! - `expectations`: whether the claims are for this API, now.
//! - [`Tenancy`]: the tenants that may have issued it.
//! - [`keys`]: the key that the token names, from Entra's key set.
//! - [`Authenticator`]: the signature; only after it there is a [`Caller`].
//! - `examination`: the same checks for an explanation, with all failures and not only the first.
//! - `verified`: the cache of verified tokens, which skip these steps.
//!
//! Dependency rule: nothing here imports other modules of this crate.

mod agent;
mod authenticator;
mod caller;
mod check;
mod claims;
mod credential;
mod error;
mod examination;
mod expectations;
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
pub mod test_token;

pub use agent::Agent;
pub use authenticator::Authenticator;
pub use caller::Caller;
pub use claims::Claims;
pub use error::{AuthenticationError, RequestFault, TokenFault};
pub(crate) use examination::Examination;
pub use expectations::Expectations;
pub use tenancy::{Tenancy, TenantIndependentEndpoint};
pub use verified::{VerifiedTokenSettings, VerifiedTokenStatus};
