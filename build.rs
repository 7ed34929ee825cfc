//! Tells cargo that the program contains the page: a file added to `src/web` is a reason to build again.

fn main() {
    println!("cargo::rerun-if-changed=src/web");
}
