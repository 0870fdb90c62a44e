//! Puts the commit into the binary: a coordinate is scenario, seed and commit.

use std::path::Path;
use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=HARROW_COMMIT={commit}");
    println!("cargo:rerun-if-changed=build.rs");
    // The reflog grows with every commit and checkout. A path that is not there would make every build a new one.
    let reflog =
        git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|path| Path::new(path).exists());
    if let Some(path) = reflog {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// What git says, if it is there and this is a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
