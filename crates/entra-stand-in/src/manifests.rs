//! App registrations on their way to a real tenant and back: written out, created there, compared with it.

mod az;
mod drift;
mod shell;
mod written;

pub use drift::Difference;
