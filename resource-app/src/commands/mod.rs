//! What the program does beside serving, a file each.

mod explain;
mod manifest;
mod routes;

use std::io::{self, Write};

pub(crate) use explain::explain;
pub(crate) use manifest::manifest;
pub(crate) use routes::routes;

/// Prints what a command was asked for.
fn print(text: &str) -> io::Result<()> {
    // Not `print!`, which panics when the reader has gone.
    io::stdout().lock().write_all(text.as_bytes())
}
