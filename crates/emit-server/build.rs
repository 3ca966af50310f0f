//! The dashboard is built by Node into `dashboard/dist`, which is there, empty, in a fresh tree: Rust builds without it.
//! `./task build` builds both and is what a release is made with.

use std::path::Path;

fn main() {
    let dist = Path::new("../../dashboard/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release && !dist.join("index.html").is_file() {
        println!(
            "cargo:warning=without the dashboard, and the page at / says so; ./task dashboard builds it (Node 20)"
        );
    }
}
