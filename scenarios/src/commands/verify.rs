//! `harrow verify`.

use std::io::Write;
use std::sync::atomic::Ordering;

use clap::Args;
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, TraceRow};
use serde::Serialize;

use super::console::{Console, Failure};
use super::interrupt::on_interrupt;
use super::reading::{Changes, Prepared};
use super::run::line;
use super::seeds::SeedRange;
use crate::exit::ExitCode;
use crate::pipeline;

/// Run each seed twice and see that both runs are the same.
///
/// If they are not, both are run again with a trace, and the first event that differs is told. Whether guarantees hold
/// is not looked at. Exit codes: 0 all the same, 4 not deterministic, 130 interrupted: what was
/// compared so far is told.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow verify swarm --seeds 1..10")]
pub(super) struct Verify {
    /// A name from `harrow list`, or a path to a .toml file.
    scenario: String,
    /// Seeds A..B, both ends included.
    #[arg(long, value_name = "A..B", default_value = "1..5", value_parser = SeedRange::parse,
        allow_hyphen_values = true)]
    seeds: SeedRange,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Serialize)]
struct Summary<'a> {
    schema: u32,
    kind: &'static str,
    scenario: &'a str,
    commit: &'static str,
    seeds: u64,
    /// So many were compared.
    compared: u64,
    interrupted: bool,
    deterministic: bool,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    #[serde(with = "harrow_broker_model::wide")]
    seed: u64,
    digests: [String; 2],
    /// The first rows that differ; absent if the runs with traces did not.
    first: Option<[String; 2]>,
    command: String,
}

impl Verify {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let prepared = Prepared::read(&self.scenario, &self.changes)?;
        self.seeds.announce(console)?;
        let interrupted = on_interrupt()?;
        let (mut differences, mut compared) = (Vec::new(), 0_u64);
        for seed in self.seeds.first..=self.seeds.last {
            if interrupted.load(Ordering::Relaxed) {
                break;
            }
            if let Some(difference) = Self::twice(&prepared, seed) {
                show(console, &difference)?;
                differences.push(difference);
            }
            compared += 1;
        }
        self.close(console, compared, differences)
    }

    fn twice(prepared: &Prepared, seed: u64) -> Option<Difference> {
        let plan = prepared.plan(seed);
        let runs = [pipeline::run(&plan, false), pipeline::run(&plan, false)];
        if runs[0] == runs[1] {
            return None;
        }
        Some(Difference {
            seed,
            digests: [digest(&runs[0]), digest(&runs[1])],
            first: first_difference(&plan),
            command: prepared.command(seed),
        })
    }

    fn close(
        &self,
        console: &mut Console,
        compared: u64,
        differences: Vec<Difference>,
    ) -> Result<ExitCode, Failure> {
        let seeds = (self.seeds.last - self.seeds.first).saturating_add(1);
        // One that ended when all had been compared was not interrupted.
        let cut = compared < seeds;
        let code = match (differences.is_empty(), cut) {
            (false, _) => ExitCode::NotDeterministic,
            (true, true) => ExitCode::Interrupted,
            (true, false) => ExitCode::Held,
        };
        let of = if cut { format!(" of {seeds}") } else { String::new() };
        let end = if cut { ", interrupted" } else { "" };
        if console.is_json() {
            let deterministic = differences.is_empty();
            let (scenario, commit) = (self.scenario.as_str(), pipeline::COMMIT);
            console.json(&Summary {
                schema: 1,
                kind: "verify",
                scenario,
                commit,
                seeds,
                compared,
                interrupted: cut,
                deterministic,
                differences,
            })?;
        } else if differences.is_empty() {
            writeln!(
                console.stdout(),
                "deterministic: {compared}{of} seeds of {}, each twice{end}",
                self.scenario
            )?;
        } else {
            let count = differences.len();
            writeln!(
                console.stdout(),
                "not deterministic: {count} of {compared} seeds of {}{end}",
                self.scenario
            )?;
        }
        Ok(code)
    }
}

fn digest(run: &Run) -> String {
    format!("{:016x}", run.digest)
}

/// Runs the plan twice more, with traces.
fn first_difference(plan: &Plan) -> Option<[String; 2]> {
    let [first, second] =
        [(); 2].map(|()| pipeline::run(plan, true).trace.unwrap_or_default().into_iter());
    let end = |row: Option<TraceRow>| {
        row.map_or_else(
            || "(the run had ended)".to_owned(),
            |row| format!("{} (digest {:016x})", line(&row), row.digest),
        )
    };
    let (mut first, mut second) = (first, second);
    loop {
        match (first.next(), second.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some([end(one), end(other)]),
        }
    }
}

fn show(console: &mut Console, difference: &Difference) -> Result<(), Failure> {
    if console.is_json() {
        return Ok(());
    }
    let Difference { seed, digests: [one, other], first, command } = difference;
    writeln!(console.stdout(), "seed {seed}: two runs differ, digests {one} and {other}")?;
    match first {
        Some([one, other]) => writeln!(console.stdout(), "  first   {one}\n  second  {other}")?,
        None => writeln!(console.stdout(), "  the same two runs with a trace do not differ")?,
    }
    writeln!(console.stdout(), "  {command}")?;
    Ok(())
}
