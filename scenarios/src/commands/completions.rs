//! `harrow completions` and `harrow man`.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use super::console::{Console, Failure};
use crate::exit::ExitCode;

/// Print what a shell needs to complete `harrow`'s words.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    harrow completions bash > ~/.local/share/bash-completion/completions/harrow")]
pub(super) struct Completions {
    /// For which shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(
        &self,
        console: &mut Console,
        mut command: Command,
    ) -> Result<ExitCode, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "harrow", &mut text);
        console.stdout().write_all(&text)?;
        Ok(ExitCode::Held)
    }
}

/// Print the manual page, with one section for each subcommand.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow man > harrow.1; man ./harrow.1")]
pub(super) struct Man {}

impl Man {
    pub(super) fn execute(
        console: &mut Console,
        mut command: Command,
    ) -> Result<ExitCode, Failure> {
        command.build();
        let mut text = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut text)?;
        for subcommand in command.get_subcommands().filter(|one| one.get_name() != "help") {
            let page = clap_mangen::Man::new(subcommand.clone());
            writeln!(text, ".SH \"HARROW {}\"", subcommand.get_name().to_uppercase())?;
            page.render_description_section(&mut text)?;
            page.render_synopsis_section(&mut text)?;
            page.render_options_section(&mut text)?;
        }
        console.stdout().write_all(&text)?;
        Ok(ExitCode::Held)
    }
}
