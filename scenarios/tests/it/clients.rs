//! Clients of other languages, where they are installed: a test says what it misses.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A script of `tests/clients`.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Says that a client is not there.
pub(crate) fn skipped(why: &str) {
    // Who does not see it misses no failure.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A folder or a program that somebody names by a variable.
pub(crate) fn named(variable: &str, what: &str) -> Option<OsString> {
    let found = env::var_os(variable);
    if found.is_none() {
        skipped(&format!("{variable} names no {what}"));
    }
    found
}

/// A Python that has a package, if there is one.
pub(crate) fn python_with(package: &str) -> Option<Command> {
    let python = env::var_os("HARROW_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut probe = Command::new(&python);
    probe.args(["-c", &format!("import {package}")]).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        skipped(&format!("no Python with `{package}`; name one by HARROW_TEST_PYTHON"));
        return None;
    }
    Some(Command::new(python))
}
