//! `harrow check`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use harrow_reports::check::Options;
use harrow_reports::config::HistoryConfig;
use harrow_reports::history_file::{
    HistoryError, HistoryObserver, Recorded, Shown, read_history, read_history_watched,
};
use harrow_reports::history_report::{HistoryCoordinate, HistoryReport};
use harrow_reports::judge::judge_recorded;
use harrow_reports::policy::{Hold, Terms, excuse};
use harrow_reports::render::render_history;
use harrow_sim::history::History;
use indicatif::{ProgressBar, ProgressStyle};

use super::ci::{Case, CiArgs};
use super::console::{Console, Failure, Mistake, mistake, progress_is_seen};
use super::hold::HeldTo;
use super::interrupt::end_on_interrupt;
use super::reading::quoted;
use crate::exit::ExitCode;
use crate::format::{nearest, parse_promises, print_promises};
use crate::pipeline::COMMIT;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Judge a recorded history of clients, from any system.
///
/// The history is one JSON object a line, as reports/HISTORY.md documents it and as every run leaves it under --out.
/// Without --config, the strongest promises of Kafka are held against it: acks=all, idempotence, `read_committed`,
/// assigned partitions, no unclean leader election, no retention, no compaction.
///
/// Exit codes: 0 held, 1 violated, 2 the file is no history (told by its line), 3 inconclusive (told why), 130
/// interrupted, and so not judged.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow check history.jsonl\n  \
    zcat history.jsonl.gz | harrow check - --config promises.toml --format json\n  \
    harrow run leader-crash --seed 7 --out runs/7\n  \
    harrow check runs/7/history.jsonl --config runs/7/history.toml\n  \
    harrow check --print-config > promises.toml")]
pub(super) struct Check {
    /// A history; `-` reads it from standard input.
    #[arg(required_unless_present = "print_config")]
    history: Option<PathBuf>,
    /// What the clients were promised, and what was done to the cluster, as TOML with Kafka's names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    held_to: HeldTo,
    #[command(flatten)]
    ci: CiArgs,
    /// Judge while reading, and stop at the first violation that the lines so far decide.
    #[arg(long)]
    fail_fast: bool,
    /// Print the configuration in force, with what each line means, and judge nothing.
    #[arg(long, conflicts_with = "fail_fast")]
    print_config: bool,
}

impl Check {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let config = self.config.as_deref().map(config_file).transpose()?.unwrap_or_default();
        let path = self.history.as_deref().filter(|_| !self.print_config);
        let Some(path) = path else {
            if console.is_json() {
                let help = "leave `--format json` out: it is a file for `--config`";
                return Err(mistake("a configuration is printed as TOML", help).into());
            }
            console.stdout().write_all(print_promises(&config).as_bytes())?;
            return Ok(ExitCode::Held);
        };
        if self.config.is_none() {
            note_config_beside(path);
        }
        let mut ci = self.ci.open(console)?;
        end_on_interrupt("the history is not judged, since not all of it was read")?;
        let started = Instant::now();
        let recorded = self.read(&config, path)?;
        note_strangers(&config, &recorded);
        let (terms, options) =
            (self.terms(&config, &recorded.history), config.options(&recorded.history));
        let verdict = judge_recorded(&recorded, &terms, &options);
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let coordinate = HistoryCoordinate {
            history: path.display().to_string(),
            config: self.config.as_ref().map(|path| path.display().to_string()),
            held_to: self.held_to.texts(),
            commit: COMMIT.to_owned(),
        };
        let report = HistoryReport::new(coordinate, verdict, &recorded, wall_ms);
        if console.is_json() {
            console.json(&report)?;
        } else {
            render_history(&report, &Console::styles().report, console.stdout())?;
            console.stdout().flush()?;
        }
        ci.add(console, true, || Case::of_history(&report, &self.command(path)))?;
        let left = ci.close(report.outcome.name());
        Ok(console.also(report.outcome.into(), left))
    }

    /// What judges it again.
    fn command(&self, path: &Path) -> String {
        let mut words = vec![format!("harrow check {}", quoted(&path.display().to_string()))];
        let config = self.config.as_ref().map(|path| path.display().to_string());
        words.extend(config.map(|path| format!("--config {}", quoted(&path))));
        words.extend(self.held_to.flags());
        words.join(" ")
    }

    /// Reads the history; with `--fail-fast`, up to the first anomaly that the configuration does not excuse.
    fn read(&self, config: &HistoryConfig, path: &Path) -> Result<Recorded, Mistake> {
        if !self.fail_fast {
            return history_file(path, None);
        }
        let (terms, hold) = (self.terms(config, &History::default()), self.held_to.hold());
        history_file(path, Some(&mut FailFast { config, hold, terms, partition_count: 0 }))
    }

    fn terms(&self, config: &HistoryConfig, history: &History) -> Terms {
        let mut terms = config.terms(history);
        terms.strengthen(&self.held_to.hold());
        terms
    }
}

/// Stops at the first anomaly that the configuration does not excuse.
struct FailFast<'a> {
    config: &'a HistoryConfig,
    hold: Hold,
    /// What it says of the partitions that were known when an anomaly was shown last.
    terms: Terms,
    partition_count: usize,
}

impl HistoryObserver for FailFast<'_> {
    fn knows_logs(&self) -> bool {
        self.config.knows_logs()
    }

    fn options(&self, partitions: Vec<String>) -> Options {
        self.config.options(&History::new(partitions))
    }

    fn show(&mut self, shown: &Shown<'_>) -> bool {
        if shown.partition_count > self.partition_count {
            self.partition_count = shown.partition_count;
            self.terms = self.config.terms(&History::new((shown.partitions)()));
            self.terms.strengthen(&self.hold);
        }
        excuse(&self.terms, shown.history, shown.occurrence).is_none()
    }
}

/// Reads a configuration.
fn config_file(path: &Path) -> Result<HistoryConfig, Failure> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let help = "give a TOML file; `harrow check --print-config` prints one to begin with";
        mistake(format!("failed to read the configuration {shown}: {error}"), help)
    })?;
    Ok(parse_promises(&shown, &text)?)
}

/// Reads a history from a path, or from standard input.
fn history_file(
    path: &Path,
    observer: Option<&mut dyn HistoryObserver>,
) -> Result<Recorded, Mistake> {
    let shown = path.display().to_string();
    let unreadable = |error: &io::Error| {
        let help = "give a history.jsonl, or `-` for standard input";
        mistake(format!("failed to read the history {shown}: {error}"), help)
    };
    let recorded = if shown == "-" {
        read_by(watched(io::stdin().lock(), None), observer)
    } else {
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
        read_by(watched(file, Some(bytes)), observer)
    };
    recorded.map_err(|error| match &error {
        HistoryError::Read { source, .. } => unreadable(source),
        HistoryError::Syntax { .. } | HistoryError::Content { .. } => no_history(&shown, &error),
    })
}

fn read_by(
    reader: impl BufRead,
    observer: Option<&mut dyn HistoryObserver>,
) -> Result<Recorded, HistoryError> {
    match observer {
        Some(observer) => read_history_watched(reader, observer),
        None => read_history(reader),
    }
}

/// A reader with a progress bar on stderr, if somebody watches it and its end is known.
fn watched(reader: impl Read, bytes: Option<u64>) -> impl BufRead {
    let seen = bytes.filter(|_| progress_is_seen());
    let progress = seen.map_or_else(ProgressBar::hidden, ProgressBar::new);
    // A template that does not parse leaves the usual bar.
    let progress = match ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) => progress.with_style(style),
        Err(_) => progress,
    };
    BufReader::with_capacity(BUFFER_BYTES, progress.wrap_read(reader))
}

fn no_history(shown: &str, error: &HistoryError) -> Mistake {
    let column = error.column().map_or(String::new(), |column| format!(":{column}"));
    let message = format!("{shown}:{}{column}: {}", error.line(), error.problem());
    mistake(message, "reports/HISTORY.md documents the format, with an example to copy")
}

/// A run leaves its configuration beside its history; who forgets it holds the strongest promises against weaker ones.
fn note_config_beside(history: &Path) {
    let beside = history.with_extension("toml");
    if beside.is_file() {
        let shown = beside.display();
        // Nothing is left to do if even stderr is gone: the verdict stands without the note.
        let _ = writeln!(
            io::stderr(),
            "note: {shown} lies beside the history and is not used; give it by --config if it says \
             what was promised"
        );
    }
}

/// Names in the configuration that the history does not have are likely slips; the verdict does not depend on them.
fn note_strangers(config: &HistoryConfig, recorded: &Recorded) {
    let processes: BTreeSet<u32> = recorded.history.rows().iter().map(|row| row.process).collect();
    for number in config.producers.keys().filter(|number| !processes.contains(number)) {
        // Nothing is left to do if even stderr is gone: the verdict stands without the note.
        let _ = writeln!(
            io::stderr(),
            "note: the history has no process {number}, which the configuration names"
        );
    }
    let partitions = &recorded.history.partitions;
    let has_topic = |topic: &str| {
        partitions.iter().any(|partition| {
            let rest = partition.strip_prefix(topic);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    // Clients do not name those of coordinators.
    let is_internal = |topic: &str| topic.starts_with("__");
    let topics = config.topics.keys().filter(|topic| !has_topic(topic) && !is_internal(topic));
    let dropped = config.faults.dropped.iter().flatten().map(|range| &range.partition);
    let named = config.partitions.keys().chain(dropped);
    let strangers = named.filter(|name| !partitions.contains(name)).chain(topics);
    for name in strangers {
        let near = nearest(name, partitions.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        // Nothing is left to do if even stderr is gone: the verdict stands without the note.
        let _ = writeln!(
            io::stderr(),
            "note: the history does not name `{name}` of the configuration{near}"
        );
    }
}
