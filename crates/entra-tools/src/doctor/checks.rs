//! The checks, each a function of the facts; later checks build on earlier ones.

mod authority;
mod credential;
mod resource;
mod token;

use super::facts::Facts;
use super::finding::Finding;
use super::report::Check;

/// Runs a check. Returns its finding, or a skipped finding as the error.
type Examine = fn(&Facts) -> Result<Finding, Finding>;

const CHECKS: [(&str, Examine); 12] = [
    ("credential", |facts| Ok(credential::readable(facts))),
    ("credential expiry", credential::expiry),
    ("authority", authority::reached),
    ("clock", authority::clock),
    ("token", token::acquired),
    ("token version", token::version),
    ("issuer", token::issuer),
    ("lifetime", token::lifetime),
    ("resource", |facts| Ok(resource::reached(facts))),
    ("audience", resource::audience),
    ("acceptance", resource::acceptance),
    ("roles", resource::roles),
];

pub(super) fn all(facts: &Facts) -> Vec<Check> {
    let examined = |&(name, examine): &(&'static str, Examine)| {
        Check::new(name, examine(facts).unwrap_or_else(|skipped| skipped))
    };
    CHECKS.iter().map(examined).collect()
}

#[cfg(test)]
mod tests;
