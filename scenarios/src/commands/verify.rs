//! `harrow verify`.

use std::io::Write;

use clap::Args;
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, TraceRow};
use serde::Serialize;

use super::console::{Console, Failure};
use super::reading::{Changes, Prepared};
use super::run::line;
use super::seeds::SeedRange;
use crate::exit::ExitCode;
use crate::pipeline;

/// Run each seed twice and see that both runs are the same.
///
/// If they are not, both are run again with a trace, and the first event that differs is told. Whether guarantees hold
/// is not looked at. Exit codes: 0 all the same, 4 not deterministic.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow verify swarm --seeds 1..10")]
pub(super) struct Verify {
    /// A name from `harrow list`, or a path to a .toml file.
    scenario: String,
    /// Seeds A..B, both ends included.
    #[arg(long, value_name = "A..B", default_value = "1..5", value_parser = SeedRange::parse)]
    seeds: SeedRange,
    #[command(flatten)]
    changes: Changes,
}

#[derive(Serialize)]
struct Summary<'a> {
    schema: u32,
    scenario: &'a str,
    commit: &'static str,
    seeds: u64,
    deterministic: bool,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Difference {
    seed: u64,
    digests: [String; 2],
    /// The first rows that differ; absent if the runs with traces did not.
    first: Option<[String; 2]>,
    command: String,
}

impl Verify {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let prepared = Prepared::read(&self.scenario, &self.changes)?;
        let mut differences = Vec::new();
        for seed in self.seeds.first..=self.seeds.last {
            if let Some(difference) = Self::twice(&prepared, seed) {
                show(console, &difference)?;
                differences.push(difference);
            }
        }
        self.close(console, differences)
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
        differences: Vec<Difference>,
    ) -> Result<ExitCode, Failure> {
        let seeds = (self.seeds.last - self.seeds.first).saturating_add(1);
        let code = if differences.is_empty() { ExitCode::Held } else { ExitCode::NotDeterministic };
        if console.is_json() {
            let deterministic = differences.is_empty();
            let (scenario, commit) = (self.scenario.as_str(), pipeline::COMMIT);
            console.json(&Summary {
                schema: 1,
                scenario,
                commit,
                seeds,
                deterministic,
                differences,
            })?;
        } else if differences.is_empty() {
            writeln!(
                console.stdout(),
                "deterministic: {} seeds of {}, each twice",
                seeds,
                self.scenario
            )?;
        } else {
            let count = differences.len();
            writeln!(
                console.stdout(),
                "not deterministic: {count} of {seeds} seeds of {}",
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
