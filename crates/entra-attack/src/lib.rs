//! Finds out whether an API validates the access tokens of Microsoft Entra ID correctly.
//!
//! Test tools hold no signing key, so they cannot send what is signed and wrong. The
//! [stand-in for Entra](entra_stand_in) does. An API under test trusts it, and gets hundreds of tokens that it must refuse,
//! odd ones that it must accept, key rollovers, an authority in trouble, expiring tokens, and a flood of unknown keys.
//!
//! In a test, for an API in Rust:
//!
//! ```no_run
//! # async fn example(authority: entra_stand_in::Authority) -> Result<(), Box<dyn std::error::Error>> {
//! use entra_attack::AssertApi;
//!
//! let tenant = authority.tenant().await?;
//! let api = tenant.application("orders")?.role("Orders.Read")?;
//! // Start the API with `tenant.id()` and `api.client_id()` as its settings, then:
//! tenant.assert_api("http://127.0.0.1:8080/orders", "Orders.Read").await;
//! # Ok(())
//! # }
//! ```
//!
//! For APIs in other languages, `authority-app attack` does the same from outside.
//!
//! # Layout
//!
//! - [`Attack`] is a run, and [`Report`] its outcome. `phases/` has what is sent, in order.
//! - `findings` is the table of mistakes with severity, rule and remedy; `rows` maps what is sent to them.
//! - `report/` has the forms of a report; [`Deviations`] what does not count.
//! - [`Admin`] speaks to the stand-in, `target` to the API. [`Settings`] says what the API must be told.

mod admin;
mod assert_api;
mod attack;
mod findings;
mod phases;
mod report;
mod route;
mod rows;
mod session;
mod settings;
mod table;
mod target;

pub use admin::{Admin, AdminError};
pub use assert_api::AssertApi;
pub use attack::{Attack, AttackError};
pub use findings::Severity;
pub use report::{Counts, Deviations, InvalidList, Outcome, Profile, Report, ReportedFinding, Row, Source};
pub use route::{InvalidDescription, InvalidRoute, Route, described_routes};
pub use session::Progress;
pub use settings::{Framework, Settings, UnknownFramework};
pub use table::table;
pub use target::TargetError;
