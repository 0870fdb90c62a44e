//! The binary, run as a person runs it.

use std::ffi::OsStr;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// What the binary said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }

    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// Wrong usage: code 2, nothing on stdout, these parts on stderr.
    #[track_caller]
    pub(crate) fn refuses_with(&self, parts: &[&str]) {
        assert_eq!(self.code, 2, "{}{}", self.stdout, self.stderr);
        assert!(self.stdout.is_empty(), "{}", self.stdout);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` in\n{}", self.stderr);
        }
    }
}

/// The binary with these arguments in a directory, and nothing of the environment that changes what it says.
pub(crate) fn command<S: AsRef<OsStr>>(directory: &Path, arguments: &[S]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("harrow"));
    command.current_dir(directory).args(arguments);
    for name in [
        "RUST_LOG",
        "NO_COLOR",
        "GITHUB_STEP_SUMMARY",
        "HARROW_SEED",
        "HARROW_SHARD",
        "HARROW_SHARDS",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the binary starts");
    Said {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("stdout is text"),
        stderr: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

pub(crate) fn harrow(arguments: &[&str]) -> Said {
    harrow_in(Path::new("."), arguments)
}

pub(crate) fn harrow_in(directory: &Path, arguments: &[&str]) -> Said {
    said(&mut command(directory, arguments))
}
