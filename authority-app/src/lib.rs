//! The program `authority-app`, which serves the stand-in for Microsoft Entra ID: its settings, and tools for its
//! directory.

mod settings;
pub mod tools;

pub use settings::Settings;
