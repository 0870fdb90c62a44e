//! `harrow init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::console::{Console, Failure, mistake};
use super::reading::quoted;
use crate::exit::ExitCode;

/// What is written: a scenario that runs as it is, with a comment on each part.
const TEMPLATE: &str = include_str!("../../examples/new.toml");

/// Write a scenario of one's own to begin with: it runs as it is, and says what each part is for.
///
/// A file that is there is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow init my.toml\n  harrow run my.toml --seed 1")]
pub(super) struct Init {
    /// Where to; `-` is standard output.
    #[arg(default_value = "scenario.toml")]
    file: PathBuf,
}

impl Init {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        if self.file == Path::new("-") {
            console.stdout().write_all(TEMPLATE.as_bytes())?;
            console.stdout().flush()?;
            return Ok(ExitCode::Held);
        }
        write_new(&self.file).map_err(|error| unwritable(&self.file, &error))?;
        let path = self.file.display().to_string();
        if console.is_json() {
            console.json(&serde_json::json!({ "schema": 1, "kind": "init", "file": path }))?;
        } else {
            let path = quoted(&path);
            writeln!(console.stdout(), "wrote {path}; now: harrow run {path} --seed 1")?;
        }
        Ok(ExitCode::Held)
    }
}

fn write_new(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(TEMPLATE.as_bytes())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let help = if error.kind() == io::ErrorKind::AlreadyExists {
        "give another name: what is there is left alone"
    } else {
        "give a name that ends in .toml, in a directory that is there"
    };
    mistake(format!("failed to write {}: {error}", path.display()), help).into()
}
