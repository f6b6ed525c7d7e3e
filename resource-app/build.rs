//! Compiles the crate again when a migration changes: the compiler does not see that `sqlx::migrate!` reads them.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
