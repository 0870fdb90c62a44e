//! Puts the commit into the binary: a coordinate is scenario, seed and commit.

use std::path::Path;
use std::process::Command;

/// What the binary is built from, beside this package.
const SOURCES: [&str; 9] = [
    "build.rs",
    "src",
    "catalogue",
    "../reports/src",
    "../sim/src",
    "../broker-model/src",
    "../Cargo.toml",
    "../Cargo.lock",
    "../.cargo/config.toml",
];

fn main() {
    println!("cargo:rustc-env=HARROW_COMMIT={}", commit());
    let level = std::env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo:rustc-env=HARROW_OPT_LEVEL={level}");
    // The reflog grows with every commit and checkout, the index with what is staged. A path that is not there would
    // make every build a new one.
    let told = ["logs/HEAD", "index"].map(|name| git(&["rev-parse", "--git-path", name]));
    let sources = SOURCES.map(|source| Some(source.to_owned()));
    for path in told.into_iter().chain(sources).flatten().filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// The commit, marked if the sources are not those of the commit: then it does not name the program.
fn commit() -> String {
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=no", "--"];
    let changed = git(&[&status[..], &SOURCES[..]].concat());
    if changed.is_some() { format!("{commit}-dirty") } else { commit }
}

/// What git says, if it is there, this is a repository, and there is something to say.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
