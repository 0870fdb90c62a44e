//! `harrow run`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use harrow_broker_model::types::NodeId;
use harrow_reports::config::HistoryConfig;
use harrow_reports::history_file::write_history;
use harrow_reports::page::{Story, write_page};
use harrow_reports::render::{Format, render};
use harrow_reports::trace::{self, write_trace};
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::{ClientPlan, Plan};
use harrow_sim::run::TraceRow;
use indicatif::{ProgressBar, ProgressStyle};

use super::ci::{Case, CiArgs};
use super::console::{Console, Failure, progress_is_seen};
use super::files::OutDirectory;
use super::hold::HeldTo;
use super::interrupt::{end_on_interrupt, on_interrupt, saw_violation};
use super::occupied::refuse_for_run;
use super::reading::{Changes, Prepared, quoted};
use super::seeds;
use super::shrinking::{ShrinkArgs, Shrinking};
use super::target::TRACE;
use crate::exit::ExitCode;
use crate::format::print_promises;
use crate::pipeline::{COMMIT, JudgedRun, follow, quietly};

/// Run a scenario once.
///
/// Without --seed, one is drawn and printed. Exit codes: 0 held, 1 violated, 3 inconclusive.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow run leader-crash --seed 7\n  \
    harrow run quick-failover --seed 1 --defect truncate-to-hw --out runs/1\n  \
    harrow run my.toml --set heal.at_ms=20000 --format json")]
pub(super) struct Run {
    /// A name from `harrow list`, a path to a .toml file, or `-` for one on standard input.
    scenario: String,
    /// The seed: every choice follows from it.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    held_to: HeldTo,
    /// Leave plan.json, history.jsonl, history.toml, trace.txt, trace.jsonl, report.json and report.html in this
    /// directory. The very same run replaces what it has left there; another one is refused.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ci: CiArgs,
    #[command(flatten)]
    shrink: ShrinkArgs,
    /// With --shrink: worker threads of the search; as many as there are cores if not given.
    #[arg(long, value_name = "N", requires = "shrink", value_parser = seeds::threads,
        allow_hyphen_values = true)]
    jobs: Option<u16>,
}

/// The page of a run.
pub(super) const PAGE: &str = "report.html";

/// What a run leaves under `--out`.
pub(super) const FILES: [&str; 7] =
    ["plan.json", "history.jsonl", "history.toml", "trace.txt", TRACE, "report.json", PAGE];

/// What is said of a run that is interrupted.
const NOT_OVER: &str = "the run was not over, and a part tells nothing";

impl Run {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        end_on_interrupt(NOT_OVER)?;
        let prepared = Prepared::read(&self.scenario, &self.changes)?.held_to(&self.held_to);
        let out = self.out.as_deref().map(OutDirectory::open).transpose()?;
        let seed = self.seed.unwrap_or_else(seeds::drawn);
        if self.seed.is_none() && !console.is_json() {
            writeln!(console.stdout(), "seed {seed}")?;
        }
        let (plan, command) = (prepared.plan(seed), prepared.command(seed));
        let judged = |trace| while_running(|| prepared.judged(&plan, &command, trace));
        let left = Left { out: out.as_ref(), ci: &self.ci, held_to: &prepared.held_to };
        let code = show(console, &plan, &command, judged, left)?;
        if self.shrink.shrink && code == ExitCode::Violated {
            let shrinking = Shrinking {
                jobs: seeds::jobs(self.jobs),
                duration: self.shrink.shrink_for,
                interrupted: &*on_interrupt()?,
                out: self.out.as_ref().map(|out| out.join("shrunk")),
                title: prepared.title(seed),
                held_to: self.held_to.clone(),
                before: None,
            };
            // The verdict stands whatever becomes of the smaller plan.
            let shrunk = shrinking.shrink_and_tell(console, &plan, None);
            return Ok(console.also(code, shrunk.map(drop)));
        }
        Ok(code)
    }
}

/// Does what takes a while, and says so to whoever watches: a run is one call, whose end nobody knows.
pub(super) fn while_running<T>(run: impl FnOnce() -> T) -> T {
    // Without it Ctrl-C ends the process as ever, only without a word.
    let _ = end_on_interrupt(NOT_OVER);
    if !progress_is_seen() {
        return run();
    }
    let progress = ProgressBar::new_spinner().with_message("running");
    // A template that does not parse leaves the usual spinner.
    let progress = match ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        Ok(style) => progress.with_style(style),
        Err(_) => progress,
    };
    progress.enable_steady_tick(Duration::from_millis(200));
    let done = run();
    progress.finish_and_clear();
    done
}

/// Which files a run leaves.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    /// The directory of its own.
    pub(super) out: Option<&'a OutDirectory>,
    /// What CI services read.
    pub(super) ci: &'a CiArgs,
    /// What was held against it beside what was promised.
    pub(super) held_to: &'a HeldTo,
}

/// Runs a plan, tells about it and leaves its files. A verdict is told even if its files cannot be written.
pub(super) fn show(
    console: &mut Console,
    plan: &Plan,
    replay: &str,
    judged: impl Fn(bool) -> JudgedRun,
    Left { out, ci, held_to }: Left<'_>,
) -> Result<ExitCode, Failure> {
    let mut ci = ci.open(console)?;
    if let Some(out) = out {
        refuse_for_run(out, plan)?;
        leave_plan(out, plan)?;
    }
    let mut judged = judged(out.is_some());
    follow(plan, &mut judged.report);
    if judged.report.outcome == Outcome::Violated {
        saw_violation();
    }
    let left = out.map_or(Ok(()), |out| leave(out, plan, &judged));
    let styles = Console::styles().report;
    let format = if console.is_json() { Format::Json } else { Format::Human { styles, replay } };
    render(&judged.report, format, console.stdout())?;
    if let Some(out) = out.filter(|_| !console.is_json() && left.is_ok()) {
        let plan = quoted(&out.path("plan.json").display().to_string());
        let again = held_to.with_flags(&format!("harrow replay {plan}"));
        let there = out.path("").display().to_string();
        let there = there.trim_end_matches('/');
        let files = FILES.join(", ");
        writeln!(console.stdout(), "left {files} in {there}; bit for bit: {again}")?;
    }
    console.stdout().flush()?;
    ci.add(console, true, || Case::of_run(&judged.report, false))?;
    let outcome = judged.report.outcome;
    let left = left.and(ci.close(outcome.name()));
    Ok(console.also(outcome.into(), left))
}

/// Writes what is known before the run.
fn leave_plan(out: &OutDirectory, plan: &Plan) -> Result<(), Failure> {
    Ok(out.write("plan.json", |file| Ok(serde_json::to_writer_pretty(file, plan)?))?)
}

/// Runs a plan once more, with a trace, and leaves all of its files.
pub(super) fn keep(
    out: &OutDirectory,
    plan: &Plan,
    judged: impl Fn(bool) -> JudgedRun,
) -> Result<(), Failure> {
    leave_plan(out, plan)?;
    let mut judged = quietly(|| judged(true));
    follow(plan, &mut judged.report);
    leave(out, plan, &judged)
}

/// Leaves all files of a run in a directory, for who is no command; the error says why it cannot.
pub(crate) fn leave_in(directory: &Path, plan: &Plan, judged: &JudgedRun) -> Result<(), String> {
    let told = |failure| match failure {
        Failure::Input(input) => input.to_string(),
        Failure::Unread => "nobody reads it any more".to_owned(),
        Failure::Harrow(message) => message,
    };
    let out = OutDirectory::open(directory).map_err(|mistake| mistake.to_string())?;
    leave_plan(&out, plan).and_then(|()| leave(&out, plan, judged)).map_err(told)
}

/// Writes what is known after the run.
fn leave(out: &OutDirectory, plan: &Plan, judged: &JudgedRun) -> Result<(), Failure> {
    let mut files = out.together();
    files.write("history.jsonl", |file| write_history(&judged.run.history, file))?;
    let config = print_promises(&HistoryConfig::of_run(plan, &judged.run));
    files.write("history.toml", |file| file.write_all(config.as_bytes()))?;
    let rows = judged.run.trace.as_deref().unwrap_or_default();
    files.write("trace.txt", |file| {
        file.write_all(legend(plan).as_bytes())?;
        rows.iter().try_for_each(|row| writeln!(file, "{}", line(row)))
    })?;
    let header = trace::header(plan, &judged.run, COMMIT);
    files.write(TRACE, |file| write_trace(&header, trace::events(plan, &judged.run), file))?;
    // Two runs of one plan leave the same bytes.
    let report = judged.report.timeless();
    files.write("report.json", |file| render(&report, Format::Json, file))?;
    let story = Story { plan, run: &judged.run, report: &judged.report };
    files.write(PAGE, |file| write_page(story, file))?;
    Ok(files.place()?)
}

/// What a trace begins with: what its columns are, and who its nodes are.
fn legend(plan: &Plan) -> String {
    let list = |nodes: &[NodeId]| {
        nodes.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ")
    };
    let client = |(process, client): (usize, &ClientPlan)| {
        let (what, node) = match client {
            ClientPlan::Producer { config, .. } => ("producer", config.node),
            ClientPlan::Consumer { config, .. } => ("consumer", config.node),
        };
        format!("{node} is client {process}, a {what}")
    };
    let mut clients: Vec<String> = plan.clients.iter().enumerate().map(client).collect();
    let applications = plan.applications.iter();
    clients.extend(applications.map(|it| format!("{} is application {}", it.node, it.name)));
    let Plan { scenario, seed, cluster, admin, fresh_producer, final_reader, .. } = plan;
    format!(
        "# {scenario} --seed {seed}. Columns: event, simulated time, node (- is nobody's), what happened.\n\
         # Nodes: brokers {}; controllers {}; clients: {}; after the heal, admin {}, producer {}, reader {}.\n\
         # A record's value is its client's number, as history and findings have it, times 2^32, plus\n\
         # its number there.\n",
        list(&cluster.brokers),
        list(&cluster.controllers),
        clients.join(", "),
        admin.node,
        fresh_producer.node,
        final_reader.node
    )
}

/// One row of a trace as text: event, simulated time, node, what happened.
pub(super) fn line(row: &TraceRow) -> String {
    let node = row.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
    let (seconds, micros) = (row.at_ns / 1_000_000_000, row.at_ns / 1_000 % 1_000_000);
    format!("{:>8} {seconds:>4}.{micros:06}s {node:>5}  {}", row.event, row.text)
}
