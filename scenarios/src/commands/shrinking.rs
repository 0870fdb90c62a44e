//! Shrinks a plan and tells about it: for `harrow shrink`, and for `--shrink` of a run or a sweep.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use harrow_broker_model::defect::{Defect, Defects};
use harrow_reports::fingerprint::Fingerprint;
use harrow_reports::render::{Format, render};
use harrow_reports::report::Report;
use harrow_reports::verdict::Finding;
use harrow_sim::application::Applications;
use harrow_sim::plan::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::console::{Console, Failure, mistake, progress_is_seen};
use super::files::OutDirectory;
use super::hold::HeldTo;
use super::interrupt::saw_violation;
use super::occupied::refuse_for_shrink;
use super::reading::quoted;
use super::seeds;
use super::shrunk_heading::{Heading, own_defects, takes_text};
use super::shrunk_left::{Earlier, Measured, earlier};
use crate::difference::Parting;
use crate::exit::ExitCode;
use crate::format::{parse, print_scenario};
use crate::pipeline::{COMMIT, RunIdentity, fingerprint, follow, run_and_judge_held_to};
use crate::plan_text::said;
use crate::planner;
use crate::shrink::{
    Budget, Change, FailingRun, Failure as Broken, Frequency, Needed, NoFailure, Shrunk, Size,
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

/// How often the smallest plan fails is told over so many runtime seeds beside its own.
const SEEDS_COUNTED: u32 = 20;

/// The scenario's salts are not the plan's: a seed under which it fails is looked for among so many.
const SCENARIO_SEEDS: u64 = 100;

/// So long, at the most, it is counted how often the smallest plan fails; and so long the nearest passing one is
/// looked for. Neither takes longer than the search may.
const AFTER_FOR: Duration = Duration::from_secs(20);

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
    /// What it is held to beside what was promised.
    pub(super) held_to: HeldTo,
    /// What it was before an earlier search, from which this one goes on.
    pub(super) before: Option<Measured>,
}

/// What is broken, and how its plan fails.
type Failing = (Broken, FailingRun);

/// A plan with only the bugs and weaknesses that it takes.
struct Reduced {
    plan: Plan,
    broken: Broken,
    failing_run: FailingRun,
    /// Plans judged to find out.
    judged: u64,
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
    /// What it is held to beside what was promised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held_to: Vec<String>,
    pub(super) before: Measured,
    pub(super) after: Measured,
    /// Plans judged, and how many of them were smaller and still failed.
    pub(super) judged: u64,
    pub(super) accepted: u64,
    /// Whether nothing more can be taken away; otherwise time ran out, or somebody stopped it.
    pub(super) complete: bool,
    pub(super) wall_ms: u64,
    /// Under how many of the other runtime seeds that were tried it fails.
    pub(super) fails: Frequency,
    /// Of several bugs and weaknesses that were on, those without any one of which it does not fail: the others are
    /// off in the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    takes: Vec<Defect>,
    /// Fingerprints of other findings of the whole plan, which are not in question here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
    /// The scenario that says the same.
    pub(super) scenario: ScenarioText,
    /// The nearest plan that passes; absent if none was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<Passes>,
    report: Report,
    /// The plan itself, as plan.json has it.
    pub(super) plan: Plan,
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
            refuse_for_shrink(out, &self.title, plan)?;
            out.probe_files(&FILES)?;
        }
        let bar = Self::progress();
        bar.set_message("running the whole plan");
        let broken = self.broken(plan, wanted);
        bar.finish_and_clear();
        let broken = match broken {
            Ok(broken) => broken,
            Err(reason) => {
                out.into_iter().for_each(OutDirectory::unmake);
                return self.nothing(console, &reason);
            }
        };
        if let Some(out) = &out {
            refuse_other_finding(out, &broken.0)?;
        }
        let mut smallest = self.smallest(plan, broken, out.as_ref());
        let is_better = out.as_ref().is_none_or(|out| is_better(out, &smallest));
        let left = match &out {
            Some(out) if is_better => leave(out, &smallest),
            Some(_) | None => Ok(()),
        };
        let out = out.filter(|_| left.is_ok());
        if !is_better || out.is_none() {
            smallest.report.coordinate.replay = self.command();
        }
        if console.is_json() {
            console.json(&smallest)?;
        } else {
            self.tell(console, &smallest)?;
            if let Some(out) = out {
                self.tell_left(console, &out, &smallest, is_better)?;
            }
            if wanted.is_none() && !smallest.others.is_empty() {
                let others = smallest.others.join(", ");
                writeln!(
                    console.stdout(),
                    "the plan has other findings, too: `--fingerprint` takes one of {others}"
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

    /// Where it was left, and how it is seen again.
    fn tell_left(
        &self,
        console: &mut Console,
        out: &OutDirectory,
        smallest: &ShrunkReport,
        is_better: bool,
    ) -> Result<(), Failure> {
        let place = |file: &str| quoted(&out.path(file).display().to_string());
        let plan = place("plan.json");
        if !is_better {
            let there = place("");
            writeln!(
                console.stdout(),
                "what an earlier search has left in {there} is smaller, and stays; `harrow shrink {plan}` goes on \
                 from that, and who removes it begins anew"
            )?;
            return Ok(());
        }
        let again = self.held_to.with_flags(&format!("harrow replay {plan}"));
        writeln!(
            console.stdout(),
            "left plan.json, scenario.toml, report.json and shrunk.json there; \
             again: {again}, further: harrow shrink {plan}"
        )?;
        if let Some(seed) = smallest.scenario.seed {
            let command = format!("harrow run {} --seed {seed}", place("scenario.toml"));
            let command = self.with_rules(&command, &smallest.plan);
            writeln!(console.stdout(), "as a scenario: {command}")?;
        }
        Ok(())
    }

    /// What is broken: the first finding, or the one of that fingerprint.
    pub(super) fn broken(&self, plan: &Plan, wanted: Option<&str>) -> Result<Failing, NoFailure> {
        let hold = self.held_to.hold();
        Broken::of_run_with(plan, wanted, &Applications::default(), &hold)
    }

    /// The plan with only those of several bugs and weaknesses that it takes: what is on beside them could break the
    /// same guarantee for another reason in a smaller one. Which they are is looked for in half of the time, at the
    /// most: all that are left then stay on.
    fn of_what_it_takes(&self, whole: &Plan, (mut broken, failing_run): Failing) -> Reduced {
        let on = whole.cluster.defects.iter().count();
        if on < 2 {
            return Reduced { plan: whole.clone(), broken, failing_run, judged: 0 };
        }
        let judged = Cell::new(0);
        let seen = |plan: &Plan| {
            judged.set(judged.get() + 1);
            broken.seen(plan, 1)
        };
        let more = self.while_there_is(self.duration / 2);
        let fails = |plan: &Plan| seen(plan).is_some();
        let Needed { defects, complete } = needed_defects(whole, &fails, &more);
        let mut plan = whole.clone();
        let mut reduced = None;
        if defects.len() < on {
            plan.cluster.kafka = None;
            plan.cluster.defects = defects.iter().copied().collect::<Defects>();
            reduced = seen(&plan);
        }
        let failing_run = reduced.unwrap_or(failing_run);
        broken.takes = if complete { defects } else { Vec::new() };
        Reduced { plan, broken, failing_run, judged: judged.get() }
    }

    /// The smallest plan, and all that is to be said about it.
    pub(super) fn smallest(
        &self,
        whole: &Plan,
        failing: Failing,
        out: Option<&OutDirectory>,
    ) -> ShrunkReport {
        saw_violation();
        let started = Instant::now();
        let bar = Self::progress();
        let (broken, shrunk) = self.searched(whole, failing, out, &bar);
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Who has stopped it waits for nothing that can be left out.
        bar.set_message("the scenario that says the same");
        let (scenario, smallest) = as_scenario(&shrunk.plan, &broken, &self.afterwards());
        let mut smallest = smallest.unwrap_or(shrunk.plan);
        smallest.scenario = shrunk_name(&smallest);
        smallest.drawn = Some(fingerprint(&smallest));
        bar.set_message("how often it fails");
        let fails = self.frequency(&smallest, &broken);
        bar.set_message("the nearest plan that passes");
        let passes = self.passes(&smallest, &shrunk.failing_run);
        bar.set_message("the story of both");
        let (first, report) = (self.report(whole), self.report(&smallest));
        bar.finish_and_clear();
        let before = self.before.unwrap_or_else(|| measured(whole, &first));
        let finding = &broken.finding;
        let same = |it: &&Finding| it.fingerprint.id == finding.fingerprint.id;
        let seen = report.findings.iter().find(same).unwrap_or(finding);
        let why = Explanation { passes: passes.as_ref(), takes: &broken.takes };
        let scenario = self.commented(&smallest, scenario, seen, (fails, why));
        ShrunkReport {
            schema: 1,
            kind: "shrunk",
            commit: COMMIT,
            title: self.title.clone(),
            guarantee: finding.guarantee.clone(),
            anomaly: finding.anomaly.clone(),
            fingerprint: finding.fingerprint.clone(),
            takes: broken.takes.clone(),
            held_to: self.held_to.texts(),
            before,
            after: measured(&smallest, &report),
            judged: shrunk.judged,
            accepted: shrunk.accepted,
            complete: shrunk.complete,
            wall_ms,
            fails,
            others: others(&first, &finding.fingerprint),
            scenario,
            passes,
            report,
            plan: smallest,
        }
    }

    /// The search itself: what is looked for in the end, and the smallest plan that was found.
    fn searched(
        &self,
        whole: &Plan,
        failing: Failing,
        out: Option<&OutDirectory>,
        bar: &ProgressBar,
    ) -> (Broken, Shrunk) {
        let more = self.while_there_is(self.duration);
        bar.set_message("which of the bugs and weaknesses that are on it takes");
        let reduced = self.of_what_it_takes(whole, failing);
        let Reduced { plan, broken, failing_run, judged } = reduced;
        let budget = Budget { jobs: self.jobs, seeds: SEEDS_TRIED, more: &more };
        let oracle = |plan: &Plan, seeds: u32| broken.seen(plan, seeds);
        // What an earlier search has found stays until this one has ended with something smaller.
        let out = out.filter(|out| earlier(out).is_none());
        let keep = |best: &Plan| {
            // What cannot be written now is told of when the result is.
            let _ = out.map(|out| leave_plan(out, best));
        };
        keep(&plan);
        let written = Cell::new(Instant::now());
        let mut shrunk = shrink(&plan, failing_run, &oracle, budget, &mut |at| {
            bar.set_message(format!("{}: {} ({} plans)", at.pass, Size::of(at.best), at.judged));
            if at.improved && written.get().elapsed() > Duration::from_secs(1) {
                written.set(Instant::now());
                keep(at.best);
            }
        });
        keep(&shrunk.plan);
        shrunk.judged += judged;
        (broken, shrunk)
    }

    /// Whether to go on, from now on for so long, and only until somebody stops it.
    fn while_there_is(&self, time: Duration) -> impl Fn() -> bool + Sync {
        let started = Instant::now();
        move || !self.interrupted.load(Ordering::Relaxed) && started.elapsed() < time
    }

    /// The same, for what is looked for once the search is over.
    fn afterwards(&self) -> impl Fn() -> bool + Sync {
        self.while_there_is(self.duration.min(AFTER_FOR))
    }

    fn frequency(&self, plan: &Plan, broken: &Broken) -> Frequency {
        broken.frequency(plan, SEEDS_COUNTED, self.jobs, &self.afterwards())
    }

    /// The command that searches again.
    fn command(&self) -> String {
        format!("harrow shrink {} --out DIR", self.title)
    }

    /// A command that runs a plan's scenario by the plan's rules, and holds it to the same.
    fn with_rules(&self, command: &str, plan: &Plan) -> String {
        let version = plan.cluster.kafka.map(|kafka| format!("--kafka {kafka}"));
        let others = own_defects(plan);
        let others = others.iter().map(|it| format!("--defect {it}"));
        let words = [command.to_owned()].into_iter().chain(version).chain(others);
        self.held_to.with_flags(&words.collect::<Vec<String>>().join(" "))
    }

    fn report(&self, plan: &Plan) -> Report {
        let replay = match &self.out {
            Some(out) => {
                let plan = quoted(&out.join("plan.json").display().to_string());
                self.held_to.with_flags(&format!("harrow replay {plan}"))
            }
            None => self.command(),
        };
        let identity = RunIdentity { scenario: &plan.scenario, plan: None, replay: &replay };
        let mut report = run_and_judge_held_to(plan, identity, false, &self.held_to.hold()).report;
        report.coordinate.held_to = self.held_to.texts();
        follow(plan, &mut report);
        report
    }

    fn passes(&self, plan: &Plan, failing_run: &FailingRun) -> Option<Passes> {
        let hold = self.held_to.hold();
        let nearest = nearest_passing(plan, failing_run, &hold, &self.afterwards())?;
        Some(Passes { changes: nearest.changes, parting: nearest.parting })
    }

    /// The scenario with what it is at its top.
    fn commented(
        &self,
        plan: &Plan,
        scenario: ScenarioText,
        finding: &Finding,
        (fails, why): (Frequency, Explanation<'_>),
    ) -> ScenarioText {
        let passes = why.passes.map(Passes::text);
        let run = |seed| format!("harrow run THIS.toml --seed {seed}");
        let command = scenario.seed.map(|seed| self.with_rules(&run(seed), plan));
        let heading = Heading {
            title: &self.title,
            plan,
            command: command.as_deref(),
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
        writeln!(stdout, "  it fails under {}", fails.text("its own runtime seed"))?;
        if let Some(takes) = takes_text(&report.plan, &report.takes) {
            writeln!(stdout, "  {takes}")?;
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
struct Explanation<'a> {
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
    if let Some(Parting { failing, passing, then }) = &passes.parting {
        let end = || "nothing more".to_owned();
        let (failing, passing) =
            (failing.clone().unwrap_or_else(end), passing.clone().unwrap_or_else(end));
        writeln!(console.stdout(), "  it passes after  {passing}\n  it fails after   {failing}")?;
        for fact in then {
            writeln!(console.stdout(), "  and then         {fact}")?;
        }
    }
    writeln!(console.stdout())?;
    Ok(())
}

fn measured(plan: &Plan, report: &Report) -> Measured {
    let (events, simulated_ms) = (report.stats.events, report.stats.simulated_ms);
    Measured { size: Size::of(plan), events, simulated_ms }
}

/// What a shrunk plan is called, that nobody takes it for a run of its scenario.
fn shrunk_name(plan: &Plan) -> String {
    let plain = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    let scenario = plan.scenario.trim_start_matches("shrunk-");
    format!("shrunk-{}", scenario.chars().filter(plain).collect::<String>())
}

fn printed(plan: &Plan, proves: &str, comments: &[String]) -> Option<String> {
    print_scenario(plan, &shrunk_name(plan), proves, comments).ok()
}

/// Fingerprints of the other findings of a run.
fn others(report: &Report, fingerprint: &Fingerprint) -> Vec<String> {
    let ids = report.findings.iter().map(|finding| &finding.fingerprint.id);
    let ids: BTreeSet<&String> = ids.filter(|id| **id != fingerprint.id).collect();
    ids.into_iter().cloned().collect()
}

/// The scenario that says the same, and the plan that it gives, if that fails, too, and is no larger: then it is the
/// result, and nothing of it is lost in the scenario.
fn as_scenario(
    plan: &Plan,
    broken: &Broken,
    more: &dyn Fn() -> bool,
) -> (ScenarioText, Option<Plan>) {
    let none = |text: String, refused: Option<String>| {
        (ScenarioText { exact: false, seed: None, refused, text }, None)
    };
    let Some(text) = printed(plan, "Nothing yet.", &[]) else { return none(String::new(), None) };
    let read = match parse("the shrunk scenario", &text, &[]) {
        Ok(read) => read,
        Err(error) => return none(text, Some(said(&error))),
    };
    // Its own is tried whoever has stopped it.
    let others = (1..SCENARIO_SEEDS).take_while(|_| more());
    for seed in std::iter::once(plan.seed).chain(others) {
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

/// Another finding has a directory of its own.
fn refuse_other_finding(out: &OutDirectory, broken: &Broken) -> Result<(), Failure> {
    let id = &broken.finding.fingerprint.id;
    let Some(Earlier { fingerprint, .. }) = earlier(out) else { return Ok(()) };
    if fingerprint.id == *id {
        return Ok(());
    }
    let place = out.path("");
    let (place, other) = (place.display(), fingerprint.id);
    let message = format!(
        "failed to write to {place}: another finding, {other}, has left its files there, and this is {id}"
    );
    Err(mistake(message, "give `--out` another directory, or remove this one").into())
}

/// Whether nothing smaller was left there before.
fn is_better(out: &OutDirectory, smallest: &ShrunkReport) -> bool {
    earlier(out).is_none_or(|earlier| earlier.after.size >= smallest.after.size)
}

fn leave(out: &OutDirectory, report: &ShrunkReport) -> Result<(), Failure> {
    let mut files = out.together();
    files.write("plan.json", |file| Ok(serde_json::to_writer_pretty(file, &report.plan)?))?;
    files.write("scenario.toml", |file| file.write_all(report.scenario.text.as_bytes()))?;
    // Two runs of one plan leave the same bytes.
    files.write("report.json", |file| render(&report.report.timeless(), Format::Json, file))?;
    files.write("shrunk.json", |file| Ok(serde_json::to_writer_pretty(file, report)?))?;
    Ok(files.place()?)
}
