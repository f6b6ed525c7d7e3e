//! Validates access tokens of Microsoft Entra ID and enforces policies.
//!
//! # Layout
//!
//! - [`authentication`]: from a request's header to the app that sent it.
//! - [`authorization`]: policies, their requirements and handlers.

pub mod authentication;
pub mod authorization;
