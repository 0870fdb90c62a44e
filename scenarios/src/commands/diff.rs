//! `harrow diff`.

use std::io::Write;
use std::path::Path;

use clap::Args;
use harrow_broker_model::defect::{Defect, Version};
use harrow_sim::plan::Plan;
use serde_json::json;

use super::console::{Console, Failure, mistake};
use super::reading::{Changes, Prepared, defect, plan_file, plan_path, version};
use super::run::while_running;
use super::seeds;
use crate::difference::{Side, difference};
use crate::exit::ExitCode;

/// Run two plans, or one scenario in two ways, and tell where the runs part and what came of it.
///
/// Of a scenario, the second run is the first with what the --other options say: another seed, a defect, a version, a
/// setting. Told are the first event that differs, the first fact that differs, the same at each node, facts that only
/// one run has, and what each is judged to be. Facts are told by what is in them, not by when. Exit codes: 0 told,
/// whether they differ or not, 2 there is nothing to hold against each other.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow diff runs/7/plan.json edited.json\n  \
    harrow diff quick-failover --seed 9 --other-defect truncate-to-hw\n  \
    harrow diff leader-crash --seed 7 --other-seed 8\n  \
    harrow diff power-loss --seed 3 --kafka 3.9 --other-kafka 4.1")]
pub(super) struct Diff {
    /// A plan.json, the directory it is in, or a scenario.
    #[arg(value_name = "PLAN|SCENARIO")]
    one: String,
    /// Another plan.json, or the directory it is in.
    #[arg(value_name = "PLAN")]
    other: Option<String>,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    /// The seed of the other run; as the first one's if not given.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    other_seed: Option<u64>,
    /// Switch a known bug on in the other run alone; repeatable.
    #[arg(long = "other-defect", value_name = "NAME", value_parser = defect)]
    other_defects: Vec<Defect>,
    /// The other run is as this version of Kafka is.
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    other_kafka: Option<Version>,
    /// Lay a value over the scenario of the other run; repeatable.
    #[arg(long = "other-set", value_name = "PATH=VALUE")]
    other_set: Vec<String>,
}

impl Diff {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let [one, other] = self.plans()?;
        let side = |(name, plan): (String, Plan)| while_running(|| Side::of(name, plan));
        let found = difference(&side(one), &side(other));
        if console.is_json() {
            let mut object =
                serde_json::to_value(&found).map_err(|error| Failure::Harrow(error.to_string()))?;
            object["schema"] = json!(1);
            object["kind"] = json!("diff");
            console.json(&object)?;
            return Ok(ExitCode::Held);
        }
        for line in found.lines() {
            writeln!(console.stdout(), "{line}")?;
        }
        console.stdout().flush()?;
        Ok(ExitCode::Held)
    }

    fn plans(&self) -> Result<[(String, Plan); 2], Failure> {
        if is_plan(&self.one) {
            return self.of_plans();
        }
        if let Some(other) = &self.other {
            let help = "give two plans, or one scenario with `--seed N` and an `--other` option";
            let message = format!("{} is no plan to hold against {other}", self.one);
            return Err(mistake(message, help).into());
        }
        if !self.has_others() {
            let help = "add `--other-seed N`, `--other-defect NAME`, `--other-kafka VERSION` or \
                        `--other-set PATH=VALUE`";
            return Err(mistake("there is nothing to hold it against", help).into());
        }
        let Some(seed) = self.seed else {
            let help = format!("add `--seed N`, such as `{} --seed 7`", self.one);
            return Err(mistake("there is no seed to run it with", help).into());
        };
        let one = Prepared::read(&self.one, &self.changes)?;
        let changes = self.changes.with(&self.other_defects, self.other_kafka, &self.other_set);
        let other = Prepared::read(&self.one, &changes)?;
        let side = |of: &Prepared, seed| (of.title(seed), of.plan(seed));
        Ok([side(&one, seed), side(&other, self.other_seed.unwrap_or(seed))])
    }

    fn of_plans(&self) -> Result<[(String, Plan); 2], Failure> {
        let Some(other) = &self.other else {
            return Err(mistake("there is nothing to hold it against", "give a second plan").into());
        };
        if self.seed.is_some() || !self.changes.is_empty() || self.has_others() {
            let help =
                "take `--seed`, `--defect`, `--kafka`, `--set` and the `--other` options away";
            return Err(mistake("a plan has its seed, rules and settings in it", help).into());
        }
        let read = |name: &String| {
            let plan = plan_file(&plan_path(Path::new(name)))?;
            Ok::<_, Failure>((name.clone(), plan))
        };
        Ok([read(&self.one)?, read(other)?])
    }

    fn has_others(&self) -> bool {
        self.other_seed.is_some()
            || self.other_kafka.is_some()
            || !self.other_defects.is_empty()
            || !self.other_set.is_empty()
    }
}

fn is_plan(name: &str) -> bool {
    let path = Path::new(name);
    path.is_dir() || path.extension().is_some_and(|extension| extension == "json")
}
