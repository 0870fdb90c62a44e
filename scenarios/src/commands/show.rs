//! `harrow show`.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::console::{Console, Failure, mistake};
use crate::catalogue::{self, CATALOGUE};
use crate::exit::ExitCode;

/// Print a scenario of the catalogue as its file: to read it, or to write one's own from it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  harrow show leader-crash > my.toml\n  harrow run my.toml --seed 7"
)]
pub(super) struct Show {
    /// A name from `harrow list`.
    scenario: String,
}

#[derive(Serialize)]
struct Shown {
    name: &'static str,
    text: &'static str,
}

impl Show {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let catalogue::Entry { name, text } =
            catalogue::find(&self.scenario).ok_or_else(|| unknown(&self.scenario))?;
        if console.is_json() {
            console.json(&Shown { name, text })?;
        } else {
            console.stdout().write_all(text.as_bytes())?;
            console.stdout().flush()?;
        }
        Ok(ExitCode::Held)
    }
}

fn unknown(name: &str) -> Failure {
    let help = match catalogue::nearest_name(name) {
        Some(near) => format!("did you mean `{near}`? `harrow list` names all"),
        None => format!("`harrow list` names all {}", CATALOGUE.len()),
    };
    mistake(format!("there is no scenario `{name}`"), help).into()
}
