//! Compiles the crate again when a migration was added: the macro that embeds them sees only those it knows.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
