//! The settings of the program `authority-app`, which serves the stand-in for Microsoft Entra ID.

mod settings;

pub use settings::Settings;
