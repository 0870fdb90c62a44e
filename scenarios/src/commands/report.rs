//! `harrow report`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use harrow_reports::page::{Story, write_page};
use harrow_reports::report::{REPORT_SCHEMA, Report as RunReport};
use harrow_sim::plan::Plan;
use serde::Deserialize;
use serde_json::json;

use super::console::{Console, Failure, mistake};
use super::files::OutDirectory;
use super::hold::HeldTo;
use super::reading::{Changes, Prepared, STDIN, plan_file, quoted};
use super::run::{PAGE, while_running};
use super::seeds;
use crate::exit::ExitCode;
use crate::pipeline::{COMMIT, JudgedRun, RunIdentity, follow, run_and_judge_held_to};

/// Make the page that tells a run's story: report.html, one file for any browser, which needs no network.
///
/// Of a directory that `harrow run --out` has left, of a plan, or of a scenario with a seed: the run is made again,
/// with all that is drawn. The page has the verdict, a diagram of nodes and messages over time, what each replica had,
/// what each client asked, and what each node believed at any moment. A run that held has one, too. Exit codes: 0 the
/// page is written, whatever the verdict; 2 there is nothing to make it of, or it cannot be written.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow report runs/7\n  harrow report runs/7/plan.json --out story.html\n  \
    harrow report quick-failover --seed 2 --defect truncate-to-hw --out kip-101.html"
)]
pub(super) struct Report {
    /// A directory that `harrow run --out` has left, a plan.json, or a scenario: a name from `harrow list`, or a path
    /// to a .toml file.
    #[arg(value_name = "RUN-DIR|PLAN|SCENARIO")]
    target: String,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    held_to: HeldTo,
    /// Where the page goes; report.html in the directory of the run, or here, if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Report {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let target = Path::new(&self.target);
        let (out, name) = self.place(target.is_dir())?;
        let (plan, mut judged) = if target.is_dir() {
            self.of_directory(target)?
        } else if target.extension().is_some_and(|extension| extension == "json") {
            self.of_plan(target)?
        } else {
            self.of_scenario()?
        };
        follow(&plan, &mut judged.report);
        let story = Story { plan: &plan, run: &judged.run, report: &judged.report };
        out.write(&name, |file| write_page(story, file))?;
        let path = out.path(&name).display().to_string();
        if console.is_json() {
            let outcome = judged.report.outcome;
            let said = json!({ "schema": 1, "kind": "page", "page": path, "outcome": outcome });
            console.json(&said)?;
        } else {
            let (outcome, label) = (judged.report.outcome.name(), &judged.report.rules.label);
            writeln!(console.stdout(), "{outcome} {label}: the story is in {path}")?;
        }
        console.stdout().flush()?;
        Ok(ExitCode::Held)
    }

    /// The directory and the name of the page.
    fn place(&self, of_directory: bool) -> Result<(OutDirectory, String), Failure> {
        let usual =
            || if of_directory { Path::new(&self.target).join(PAGE) } else { PathBuf::from(PAGE) };
        let path = self.out.clone().unwrap_or_else(usual);
        let name = path.file_name().filter(|_| !path.is_dir()).and_then(|name| name.to_str());
        let Some(name) = name else {
            let message = format!("{} is no name of a file", path.display());
            return Err(mistake(message, "give `--out` a path such as runs/7/report.html").into());
        };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok((OutDirectory::open(directory.unwrap_or(Path::new(".")))?, name.to_owned()))
    }

    fn of_scenario(&self) -> Result<(Plan, JudgedRun), Failure> {
        if self.target == STDIN {
            let help = "write it to a file, so that the page's commands show the same again";
            return Err(mistake("a page is made of a scenario that has a name", help).into());
        }
        if self.target.contains('/') && !Path::new(&self.target).exists() {
            let help = "give a directory that `harrow run ... --out DIR` has left, a plan.json, or a scenario";
            return Err(mistake(format!("there is no {}", self.target), help).into());
        }
        let prepared = Prepared::read(&self.target, &self.changes)?.held_to(&self.held_to);
        let Some(seed) = self.seed else {
            let help =
                format!("add `--seed N`; `harrow sweep {}` finds one that fails", self.target);
            return Err(mistake("there is no seed to tell the story of", help).into());
        };
        let (plan, command) = (prepared.plan(seed), prepared.command(seed));
        let judged = while_running(|| prepared.judged(&plan, &command, true));
        Ok((plan, judged))
    }

    fn of_plan(&self, path: &Path) -> Result<(Plan, JudgedRun), Failure> {
        self.refuse_changes()?;
        let plan = plan_file(path)?;
        let path = path.display().to_string();
        let mut words = vec![format!("harrow replay {}", quoted(&path))];
        words.extend(self.held_to.flags());
        let replay = words.join(" ");
        let identity = RunIdentity { scenario: &plan.scenario, plan: Some(&path), replay: &replay };
        let judged = || run_and_judge_held_to(&plan, identity, true, &self.held_to.hold());
        let mut judged = while_running(judged);
        judged.report.coordinate.held_to = self.held_to.texts();
        Ok((plan, judged))
    }

    /// A directory says what its run was: it must be the same again.
    fn of_directory(&self, directory: &Path) -> Result<(Plan, JudgedRun), Failure> {
        self.refuse_changes()?;
        if !self.held_to.texts().is_empty() {
            let help = format!(
                "give {}, whose run may be held to more",
                directory.join("plan.json").display()
            );
            return Err(mistake("a directory has been judged already", help).into());
        }
        let (plan, known) = (directory.join("plan.json"), directory.join("report.json"));
        if let Some(path) = [&plan, &known].into_iter().find(|path| !path.is_file()) {
            let message = format!("failed to read {}: there is no such file", path.display());
            let help = "give a directory that `harrow run ... --out DIR` has left, or a plan.json";
            return Err(mistake(message, help).into());
        }
        let (plan, known) = (plan_file(&plan)?, report_file(&known)?);
        let at = &known.coordinate;
        let identity =
            RunIdentity { scenario: &at.scenario, plan: at.plan.as_deref(), replay: &at.replay };
        let hold = held_to(&at.held_to)?.hold();
        let mut judged = while_running(|| run_and_judge_held_to(&plan, identity, true, &hold));
        if judged.report.digest != known.digest {
            return Err(other_run(directory, &known, &judged.report));
        }
        judged.report.coordinate = known.coordinate;
        Ok((plan, judged))
    }

    fn refuse_changes(&self) -> Result<(), Failure> {
        if self.seed.is_none() && self.changes.is_empty() {
            return Ok(());
        }
        let help = "take `--seed`, `--defect`, `--kafka` and `--set` away, or edit the plan";
        Err(mistake("a plan has its seed, rules and settings in it", help).into())
    }
}

/// What a report says of its version, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
}

fn report_file(path: &Path) -> Result<RunReport, Failure> {
    let shown = path.display();
    let broken = |error: &dyn std::fmt::Display| {
        let help = "give the directory's plan.json, whose run is judged anew";
        mistake(format!("failed to read the report {shown}: {error}"), help)
    };
    let text = fs::read_to_string(path).map_err(|error| broken(&error))?;
    let Versioned { schema } = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    if schema != REPORT_SCHEMA {
        let why = format!("it has schema {schema}, this harrow reads {REPORT_SCHEMA}");
        return Err(broken(&why).into());
    }
    Ok(serde_json::from_str(&text).map_err(|error| broken(&error))?)
}

/// What a run was held to, as its report has it.
fn held_to(texts: &[String]) -> Result<HeldTo, Failure> {
    HeldTo::of(texts).map_err(|error| {
        let help = "give the directory's plan.json, and `--hold` with what this harrow knows";
        mistake(format!("the run was held to something else: {error}"), help).into()
    })
}

fn other_run(directory: &Path, known: &RunReport, now: &RunReport) -> Failure {
    let commit = &known.coordinate.commit;
    let message = format!(
        "the run in {} is not the same here: its digest is {}, that of its plan {} (it is of commit {commit}, this \
         harrow of {COMMIT})",
        directory.display(),
        known.digest,
        now.digest
    );
    let plan = directory.join("plan.json");
    let made = if commit == COMMIT {
        "its plan was edited, or another one put in its place"
    } else {
        "take the harrow that made it"
    };
    let help = format!("{made}; give {}, as which it is run anew", plan.display());
    mistake(message, help).into()
}
