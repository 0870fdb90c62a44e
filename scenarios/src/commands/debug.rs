//! `harrow debug`.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use clap::Args;
use harrow_sim::plan::Plan;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use serde_json::json;

use super::console::{Console, Failure, mistake};
use super::reading::{Changes, Prepared, plan_file, plan_path, quoted};
use super::run::while_running;
use super::seeds;
use super::trace::time;
use crate::debug::{Debugger, Said, Slip};
use crate::exit::ExitCode;

/// Walk through a run, forward and back, look at nodes, partitions, messages and disks, and try it with another fault.
///
/// Commands are read from a prompt, or, one a line, from standard input that is no terminal; then each is shown before
/// what is said to it, and the first that cannot be done ends it with exit code 2. `help` lists them. Lines that begin
/// with # are left out. With --format json each answer is an object on a line. Looking changes nothing: the digest of
/// the run is that of `harrow run`. Exit codes: 0 the end, 2 a command that cannot be done.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow debug quick-failover --seed 9 --defect truncate-to-hw\n  \
    harrow debug runs/9 --at 6.08s\n  \
    printf \"until truncated\\npartition orders-0\\nbranch without 2\\n\" |\n    \
    harrow debug quick-failover --seed 6 --defect truncate-to-hw"
)]
pub(super) struct Debug {
    /// A plan.json, the directory it is in, or a scenario: a name from `harrow list`, or a path to a .toml file.
    #[arg(value_name = "PLAN|SCENARIO")]
    target: String,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    /// Begin at this time, such as 3.405s.
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true, conflicts_with = "event")]
    at: Option<u64>,
    /// Begin at this event, as trace.txt numbers them.
    #[arg(long, value_name = "N", value_parser = seeds::whole::<u64>, allow_hyphen_values = true)]
    event: Option<u64>,
}

impl Debug {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let (name, plan) = self.plan()?;
        let debugger = while_running(|| Debugger::new(name, plan));
        let mut debugger = debugger.map_err(|slip| of_slip("", &slip))?;
        let begin = match (self.at, self.event) {
            (Some(at_ns), _) => format!("at {at_ns}ns"),
            (None, Some(event)) => format!("event {event}"),
            (None, None) => "where".to_owned(),
        };
        let said = debugger.ask(&begin).map_err(|slip| of_slip(&begin, &slip))?;
        tell(console, &debugger, &begin, &said)?;
        if io::stdin().is_terminal() {
            interact(console, &mut debugger)
        } else {
            script(console, &mut debugger)
        }
    }

    fn plan(&self) -> Result<(String, Plan), Failure> {
        let path = Path::new(&self.target);
        let is_plan = path.extension().is_some_and(|extension| extension == "json");
        if path.is_dir() || is_plan {
            if self.seed.is_some() || !self.changes.is_empty() {
                let help =
                    "take `--seed`, `--defect`, `--kafka` and `--set` away, or edit the plan";
                return Err(mistake("a plan has its seed, rules and settings in it", help).into());
            }
            let path = plan_path(path);
            let name = quoted(&path.display().to_string());
            return Ok((name, plan_file(&path)?));
        }
        let prepared = Prepared::read(&self.target, &self.changes)?;
        let Some(seed) = self.seed else {
            let help =
                format!("add `--seed N`; `harrow sweep {}` finds one that fails", self.target);
            return Err(mistake("there is no seed to run it with", help).into());
        };
        Ok((prepared.title(seed), prepared.plan(seed)))
    }
}

/// From a prompt, until somebody has had enough.
fn interact(console: &mut Console, debugger: &mut Debugger) -> Result<ExitCode, Failure> {
    let broken =
        |error: ReadlineError| Failure::Harrow(format!("failed to read the terminal: {error}"));
    let mut editor = DefaultEditor::new().map_err(broken)?;
    loop {
        let line = match editor.readline(&debugger.prompt()) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::Held),
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                let slip = Slip::new("that is no UTF-8", "`help` lists the commands");
                let _ = console.fail(&of_slip("", &slip));
                continue;
            }
            Err(error) => return Err(broken(error)),
        };
        if is_nothing(&line) {
            continue;
        }
        // A line that is not remembered is only not offered again.
        let _ = editor.add_history_entry(&line);
        match debugger.ask(&line) {
            Ok(said) if said.quits => return Ok(ExitCode::Held),
            Ok(said) => tell(console, debugger, &line, &said)?,
            Err(slip) => drop(console.fail(&of_slip(&line, &slip))),
        }
    }
}

/// From a script: what cannot be done ends it.
fn script(console: &mut Console, debugger: &mut Debugger) -> Result<ExitCode, Failure> {
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| {
            mistake(format!("failed to read a command: {error}"), "write one a line")
        })?;
        if is_nothing(&line) {
            continue;
        }
        if !console.is_json() {
            writeln!(console.stdout(), "> {}", line.trim())?;
        }
        let said = debugger.ask(&line).map_err(|slip| of_slip(&line, &slip))?;
        if said.quits {
            break;
        }
        tell(console, debugger, &line, &said)?;
    }
    Ok(ExitCode::Held)
}

fn is_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn tell(
    console: &mut Console,
    debugger: &Debugger,
    line: &str,
    said: &Said,
) -> Result<(), Failure> {
    if console.is_json() {
        let here = debugger.here();
        return console.json(&json!({
            "schema": 1, "kind": "debug", "command": line.trim(), "digest": debugger.digest(),
            "at": { "row": here.row, "event": here.event, "at_ns": here.at_ns }, "said": said.value,
        }));
    }
    for line in &said.lines {
        writeln!(console.stdout(), "{line}")?;
    }
    Ok(console.stdout().flush()?)
}

fn of_slip(line: &str, slip: &Slip) -> Failure {
    let told = mistake(slip.message.clone(), slip.help.clone());
    match slip.offset {
        Some(offset) => told.at("command", line.trim(), offset).into(),
        None => told.into(),
    }
}
