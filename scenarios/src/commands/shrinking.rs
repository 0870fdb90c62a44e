//! Shrinks a plan and tells about it: for `harrow shrink`, and for `--shrink` of a run or a sweep.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use harrow_broker_model::defect::Defect;
use harrow_reports::fingerprint::Fingerprint;
use harrow_reports::render::{Format, render};
use harrow_reports::report::Report;
use harrow_reports::verdict::Finding;
use harrow_sim::plan::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::console::{Console, Failure, mistake, progress_is_seen};
use super::files::OutDirectory;
use super::occupied::refuse_for_shrink;
use super::reading::quoted;
use super::seeds;
use super::shrunk_heading::Heading;
use crate::exit::ExitCode;
use crate::format::{parse, print_scenario};
use crate::pipeline::{COMMIT, RunIdentity, follow, run_and_judge};
use crate::plan_text::said;
use crate::planner;
use crate::shrink::{
    Budget, Change, FailingRun, Failure as Broken, Frequency, NoFailure, Parting, Size,
    nearest_passing, needed_defects, shrink,
};

/// What `run` and `sweep` take.
#[derive(Debug, Clone, Args)]
pub(super) struct ShrinkArgs {
    /// Find the smallest plan that still breaks the same, as `harrow shrink` does: of a sweep, for one run of each
    /// kind of failure.
    #[arg(long)]
    pub(super) shrink: bool,
    /// Search no longer than this for each: 60s, 5m, 2h.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "shrink",
        value_parser = seeds::duration, allow_hyphen_values = true)]
    pub(super) shrink_for: Duration,
}

/// A smaller plan counts if it fails under one of so many runtime seeds.
const SEEDS_TRIED: u32 = 4;

/// How often the smallest plan fails is told over so many runtime seeds.
const SEEDS_COUNTED: u32 = 20;

/// The scenario's salts are not the plan's: a seed under which it fails is looked for among so many.
const SCENARIO_SEEDS: u64 = 100;

/// So long the nearest passing plan is looked for, beyond the search.
const NEAREST_FOR: Duration = Duration::from_secs(20);

/// What it leaves.
const FILES: [&str; 4] = ["plan.json", "scenario.toml", "report.json", "shrunk.json"];

/// How to shrink.
pub(super) struct Shrinking<'a> {
    /// Threads.
    pub(super) jobs: usize,
    /// How long to search.
    pub(super) duration: Duration,
    /// Raised by Ctrl-C.
    pub(super) interrupted: &'a AtomicBool,
    /// Where to leave the result.
    pub(super) out: Option<PathBuf>,
    /// What the plan is called.
    pub(super) title: String,
}

/// What came out; `shrunk.json` and the JSON on stdout.
#[derive(Debug, Serialize)]
pub(super) struct ShrunkReport {
    schema: u32,
    kind: &'static str,
    commit: &'static str,
    title: String,
    pub(super) guarantee: String,
    pub(super) anomaly: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) before: Measured,
    pub(super) after: Measured,
    /// Plans judged, and how many of them were smaller and still failed.
    pub(super) judged: u64,
    pub(super) accepted: u64,
    /// Whether nothing more can be taken away; otherwise time ran out, or somebody stopped it.
    pub(super) complete: bool,
    pub(super) wall_ms: u64,
    /// Under how many of the runtime seeds that were tried it fails.
    pub(super) fails: Frequency,
    /// Of several bugs and weaknesses that are on, those without any one of which it does not fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    takes: Vec<Defect>,
    /// The scenario that says the same.
    pub(super) scenario: ScenarioText,
    /// The nearest plan that passes; absent if none was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<Passes>,
    report: Report,
    /// The plan itself, as plan.json has it.
    pub(super) plan: Plan,
}

/// How large a plan and its run are.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) size: Size,
    pub(super) events: u64,
    simulated_ms: u64,
}

/// A plan as a scenario.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ScenarioText {
    /// Whether the seed gives the very plan: not what a scenario cannot say of a single node.
    exact: bool,
    /// A seed with which it fails; absent if none of those tried does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u64>,
    /// Why no run can be made of it; absent if one can.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    pub(super) text: String,
}

/// The nearest plan that passes.
#[derive(Debug, Serialize)]
struct Passes {
    changes: Vec<Change>,
    /// The first facts that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    parting: Option<Parting>,
}

impl Shrinking<'_> {
    /// Shrinks, tells and leaves files; how the process ends.
    pub(super) fn shrink_and_tell(
        &self,
        console: &mut Console,
        plan: &Plan,
        wanted: Option<&str>,
    ) -> Result<ExitCode, Failure> {
        let out = self.out.as_deref().map(OutDirectory::open).transpose()?;
        if let Some(out) = &out {
            refuse_for_shrink(out, &self.title)?;
            out.probe_files(&FILES)?;
        }
        let smallest = match self.smallest(plan, wanted, out.as_ref()) {
            Ok(smallest) => smallest,
            Err(reason) => {
                out.into_iter().for_each(OutDirectory::unmake);
                return self.nothing(console, &reason);
            }
        };
        let left = out.as_ref().map_or(Ok(()), |out| leave_smaller(out, &smallest));
        if console.is_json() {
            console.json(&smallest)?;
        } else {
            self.tell(console, &smallest)?;
            if let Some(out) = out.filter(|_| left.is_ok()) {
                let place = quoted(&out.path("plan.json").display().to_string());
                writeln!(
                    console.stdout(),
                    "left plan.json, scenario.toml, report.json and shrunk.json there; \
                     again: harrow replay {place}, further: harrow shrink {place}"
                )?;
            }
        }
        console.stdout().flush()?;
        Ok(console.also(ExitCode::Violated, left))
    }

    /// There is nothing to shrink.
    fn nothing(&self, console: &mut Console, reason: &NoFailure) -> Result<ExitCode, Failure> {
        let code = match reason {
            NoFailure::Holds => ExitCode::Held,
            NoFailure::Inconclusive(_) => ExitCode::Inconclusive,
            NoFailure::NotDeterministic(..) => ExitCode::NotDeterministic,
            NoFailure::Other { .. } => {
                let help = "give one of these as `--fingerprint`, or none for the first finding";
                return Err(mistake(reason.to_string(), help).into());
            }
        };
        if console.is_json() {
            console.json(&serde_json::json!({
                "schema": 1, "kind": "not-shrunk", "title": self.title,
                "reason": reason.to_string(),
            }))?;
        } else {
            writeln!(console.stdout(), "{}: {reason}", self.title)?;
        }
        Ok(code)
    }

    /// The smallest plan, and all that is to be said about it.
    pub(super) fn smallest(
        &self,
        plan: &Plan,
        wanted: Option<&str>,
        out: Option<&OutDirectory>,
    ) -> Result<ShrunkReport, NoFailure> {
        let started = Instant::now();
        let (broken, failing_run) = Broken::of(plan, wanted)?;
        let more =
            || !self.interrupted.load(Ordering::Relaxed) && started.elapsed() < self.duration;
        let bar = Self::progress();
        let budget = Budget { jobs: self.jobs, seeds: SEEDS_TRIED, more: &more };
        let oracle = |plan: &Plan, seeds: u32| broken.seen(plan, seeds);
        let written = Cell::new(started);
        // What an earlier search has found stays until this one has ended with something smaller.
        let is_first = out.is_none_or(|out| earlier(out).is_none());
        let shrunk = shrink(plan, failing_run, &oracle, budget, &mut |at| {
            bar.set_message(format!("{}: {} ({} plans)", at.pass, Size::of(at.best), at.judged));
            let writes = at.improved && is_first;
            if writes && written.get().elapsed() > Duration::from_secs(1) {
                written.set(Instant::now());
                // What cannot be written now is told of when the result is.
                let _ = out.map(|out| leave_plan(out, at.best));
            }
        });
        // Who has stopped it waits for nothing that can be left out.
        let is_stopped = self.interrupted.load(Ordering::Relaxed);
        let scenario_seeds = if is_stopped { 1 } else { SCENARIO_SEEDS };
        let (scenario, smallest) = as_scenario(&shrunk.plan, &broken, scenario_seeds);
        let smallest = smallest.unwrap_or(shrunk.plan);
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let counted = if is_stopped { SEEDS_TRIED } else { SEEDS_COUNTED };
        let fails = broken.frequency(&smallest, counted, self.jobs);
        bar.finish_and_clear();
        let passes = self.passes(&smallest, &shrunk.failing_run);
        let several = smallest.cluster.defects.iter().count() > 1;
        let fails_so = |plan: &Plan| broken.seen(plan, 1).is_some();
        let takes =
            if several && !is_stopped { needed_defects(&smallest, &fails_so) } else { Vec::new() };
        let before = measured(plan, &self.report(plan));
        let report = self.report(&smallest);
        let finding = &broken.finding;
        let same = |it: &&Finding| it.fingerprint.id == finding.fingerprint.id;
        let seen = report.findings.iter().find(same).unwrap_or(finding);
        let why = Why { passes: passes.as_ref(), takes: &takes };
        let scenario = self.commented(&smallest, scenario, seen, (fails, why));
        Ok(ShrunkReport {
            schema: 1,
            kind: "shrunk",
            commit: COMMIT,
            title: self.title.clone(),
            guarantee: finding.guarantee.clone(),
            anomaly: finding.anomaly.clone(),
            fingerprint: finding.fingerprint.clone(),
            before,
            after: measured(&smallest, &report),
            judged: shrunk.judged,
            accepted: shrunk.accepted,
            complete: shrunk.complete,
            wall_ms,
            fails,
            takes,
            scenario,
            passes,
            report,
            plan: smallest,
        })
    }

    fn report(&self, plan: &Plan) -> Report {
        let replay = match &self.out {
            Some(out) => {
                format!("harrow replay {}", quoted(&out.join("plan.json").display().to_string()))
            }
            None => format!("harrow shrink {} --out DIR", self.title),
        };
        let identity = RunIdentity { scenario: &plan.scenario, plan: None, replay: &replay };
        let mut report = run_and_judge(plan, identity, false).report;
        follow(plan, &mut report);
        report
    }

    fn passes(&self, plan: &Plan, failing_run: &FailingRun) -> Option<Passes> {
        let started = Instant::now();
        let more = || !self.interrupted.load(Ordering::Relaxed) && started.elapsed() < NEAREST_FOR;
        let nearest = nearest_passing(plan, failing_run, &more)?;
        Some(Passes { changes: nearest.changes, parting: nearest.parting })
    }

    /// The scenario with what it is at its top.
    fn commented(
        &self,
        plan: &Plan,
        scenario: ScenarioText,
        finding: &Finding,
        (fails, why): (Frequency, Why<'_>),
    ) -> ScenarioText {
        let passes = why.passes.map(Passes::text);
        let heading = Heading {
            title: &self.title,
            plan,
            finding,
            fails,
            seed: scenario.seed,
            exact: scenario.exact,
            refused: scenario.refused.as_deref(),
            passes: passes.as_deref(),
            takes: why.takes,
        };
        let proves =
            format!("{}, which breaks {}, does not come back.", finding.anomaly, finding.guarantee);
        let text = printed(plan, &proves, &heading.comments()).unwrap_or(scenario.text);
        ScenarioText { text, ..scenario }
    }

    fn progress() -> ProgressBar {
        if !progress_is_seen() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        // A template that does not parse leaves the usual bar.
        match ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn tell(&self, console: &mut Console, report: &ShrunkReport) -> Result<(), Failure> {
        let styles = Console::styles();
        let (bad, strong) = (styles.report.bad, styles.strong);
        let ShrunkReport { before, after, judged, complete, wall_ms, fails, .. } = report;
        let stdout = console.stdout();
        writeln!(stdout, "{bad}shrunk{bad:#} {}: {}", self.title, report.anomaly)?;
        writeln!(stdout, "  from {}; {} events", before.size, before.events)?;
        writeln!(stdout, "  to   {strong}{}{strong:#}; {} events", after.size, after.events)?;
        let end = if *complete { "nothing more can go" } else { "stopped before its end" };
        let seconds = format!("{}.{}", wall_ms / 1_000, wall_ms % 1_000 / 100);
        writeln!(stdout, "  {judged} plans judged in {seconds} s, {end}")?;
        let Frequency { failed, seeds } = fails;
        writeln!(stdout, "  it fails under {failed} of {seeds} runtime seeds")?;
        if !report.takes.is_empty() {
            let names: Vec<&str> = report.takes.iter().map(|defect| defect.name()).collect();
            writeln!(stdout, "  of all that is on it takes {}", names.join(" and "))?;
        }
        writeln!(stdout)?;
        writeln!(stdout, "{}", report.scenario.text)?;
        if let Some(passes) = &report.passes {
            tell_passes(console, passes)?;
        }
        let replay = report.report.coordinate.replay.clone();
        let styles = Console::styles().report;
        render(&report.report, Format::Human { styles, replay: &replay }, console.stdout())?;
        Ok(())
    }
}

/// What tells why it fails.
struct Why<'a> {
    passes: Option<&'a Passes>,
    takes: &'a [Defect],
}

impl Passes {
    fn text(&self) -> String {
        let mut texts: Vec<&str> = Vec::new();
        for change in &self.changes {
            if !texts.contains(&change.text.as_str()) {
                texts.push(&change.text);
            }
        }
        format!("it passes {}", texts.join(", and "))
    }
}

fn tell_passes(console: &mut Console, passes: &Passes) -> Result<(), Failure> {
    writeln!(console.stdout(), "{}", passes.text())?;
    if let Some(Parting { failing, passing }) = &passes.parting {
        let end = || "nothing more".to_owned();
        let (failing, passing) =
            (failing.clone().unwrap_or_else(end), passing.clone().unwrap_or_else(end));
        writeln!(console.stdout(), "  it fails after   {failing}\n  it passes after  {passing}")?;
    }
    writeln!(console.stdout())?;
    Ok(())
}

fn measured(plan: &Plan, report: &Report) -> Measured {
    let (events, simulated_ms) = (report.stats.events, report.stats.simulated_ms);
    Measured { size: Size::of(plan), events, simulated_ms }
}

fn printed(plan: &Plan, proves: &str, comments: &[String]) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let scenario = plan.scenario.trim_start_matches("shrunk-");
    let name: String = scenario.chars().filter(|c| plain(*c)).collect();
    print_scenario(plan, &format!("shrunk-{name}"), proves, comments).ok()
}

/// The scenario that says the same, and the plan that it gives, if that fails, too, and is no larger: then it is the
/// result, and nothing of it is lost in the scenario.
fn as_scenario(plan: &Plan, broken: &Broken, seeds: u64) -> (ScenarioText, Option<Plan>) {
    let none = |text: String, refused: Option<String>| {
        (ScenarioText { exact: false, seed: None, refused, text }, None)
    };
    let Some(text) = printed(plan, "Nothing yet.", &[]) else { return none(String::new(), None) };
    let read = match parse("the shrunk scenario", &text, &[]) {
        Ok(read) => read,
        Err(error) => return none(text, Some(said(&error))),
    };
    let seeds = std::iter::once(plan.seed).chain(1..seeds);
    for seed in seeds {
        let mut again = planner::plan(&read, seed);
        again.cluster.kafka = plan.cluster.kafka;
        again.cluster.defects = plan.cluster.defects;
        if broken.seen(&again, 1).is_some() {
            let exact = Size::of(&again) <= Size::of(plan);
            let scenario = ScenarioText { exact, seed: Some(seed), refused: None, text };
            return (scenario, exact.then_some(again));
        }
    }
    none(text, None)
}

fn leave_plan(out: &OutDirectory, plan: &Plan) -> Result<(), Failure> {
    Ok(out.write("plan.json", |file| Ok(serde_json::to_writer_pretty(file, plan)?))?)
}

/// The fingerprint and the size of what a search has left there before.
fn earlier(out: &OutDirectory) -> Option<(String, Size)> {
    #[derive(Deserialize)]
    struct Earlier {
        fingerprint: Fingerprint,
        after: Size,
    }
    let text = fs::read(out.path("shrunk.json")).ok()?;
    let Earlier { fingerprint, after } = serde_json::from_slice(&text).ok()?;
    Some((fingerprint.id, after))
}

/// Leaves the result where nothing better of its kind is, and nothing of another.
fn leave_smaller(out: &OutDirectory, smallest: &ShrunkReport) -> Result<(), Failure> {
    let place = out.path("");
    match earlier(out) {
        Some((id, _)) if id != smallest.fingerprint.id => {
            let place = place.display();
            let message = format!(
                "failed to write to {place}: another finding, {id}, has left its files there"
            );
            Err(mistake(message, "give `--out` another directory, or remove this one").into())
        }
        Some((_, size)) if size < smallest.after.size => {
            let place = place.display();
            let message = format!(
                "failed to write to {place}: what an earlier search has left there is smaller, and stays"
            );
            let help =
                format!("`harrow shrink {place}` goes on from that; remove it to begin anew");
            Err(mistake(message, help).into())
        }
        Some(_) | None => leave(out, smallest),
    }
}

fn leave(out: &OutDirectory, report: &ShrunkReport) -> Result<(), Failure> {
    leave_plan(out, &report.plan)?;
    out.write("scenario.toml", |file| file.write_all(report.scenario.text.as_bytes()))?;
    // Two runs of one plan leave the same bytes.
    out.write("report.json", |file| render(&report.report.timeless(), Format::Json, file))?;
    out.write("shrunk.json", |file| Ok(serde_json::to_writer_pretty(file, report)?))?;
    Ok(())
}
