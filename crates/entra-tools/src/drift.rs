//! Compares app registrations and service principals with what they should be.
//!
//! An API's app roles are compared with a manifest that its tenant exported; a directory of files with the manifests
//! and service principals that a tenant exported.

mod principal;
mod registration;

use std::fmt;

pub use principal::{ExportedPrincipal, InvalidPrincipal, principal_drift};
pub use registration::{app_role_drift, manifest_drift};

/// A difference between the expected and the actual state. `Display` writes one line that ends with the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    subject: String,
    expected: (&'static str, String),
    actual: (&'static str, String),
    remedy: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, expected: (expecting, expected), actual: (having, actual), remedy } = self;
        write!(f, "{subject}: {expecting} has {expected}, {having} has {actual}; {remedy}")
    }
}

/// The place to fix a difference.
#[derive(Clone, Copy)]
enum Fix<'a> {
    /// The tenant is at fault, since an API's code defines what its roles should be.
    InTenant,
    /// The expected value is in this file of a directory that describes the tenant.
    InFile(&'a str),
}

/// Collects differences.
struct Differences<'a> {
    fix: Fix<'a>,
    found: Vec<Difference>,
}

impl<'a> Differences<'a> {
    fn new(fix: Fix<'a>) -> Self {
        Self { fix, found: Vec::new() }
    }

    /// Adds a difference in a member's value, if there is one.
    fn compare(&mut self, subject: &str, member: &str, expected: &str, actual: &str) {
        if expected != actual {
            let value = self.fix.right(expected, actual);
            self.add(subject, expected, actual, &format!("set {member} to {value}"));
        }
    }

    /// Adds an item that only the expected state has.
    fn missing(&mut self, subject: &str, expected: &str, list: &str) {
        let remedy = self.fix.right("add it to", "remove it from");
        self.add(subject, expected, "none", &format!("{remedy} {list}"));
    }

    /// Adds an item that only the actual state has.
    fn extra(&mut self, subject: &str, actual: &str, list: &str) {
        let remedy = self.fix.right("remove it from", "add it to");
        self.add(subject, "none", actual, &format!("{remedy} {list}"));
    }

    fn add(&mut self, subject: &str, expected: &str, actual: &str, remedy: &str) {
        let (expecting, having, place) = match self.fix {
            Fix::InTenant => ("this API", "the manifest", String::new()),
            Fix::InFile(file) => ("the directory", "the export", format!(" in {file}, or change the tenant")),
        };
        self.found.push(Difference {
            subject: one_line(subject),
            expected: (expecting, one_line(expected)),
            actual: (having, one_line(actual)),
            remedy: one_line(&format!("{remedy}{place}")),
        });
    }
}

impl Fix<'_> {
    fn right<'t>(self, in_tenant: &'t str, in_file: &'t str) -> &'t str {
        match self {
            Self::InTenant => in_tenant,
            Self::InFile(_) => in_file,
        }
    }
}

/// Replaces line breaks and other control characters with spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
