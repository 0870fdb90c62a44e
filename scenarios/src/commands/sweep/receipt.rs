//! The receipt of a sweep, or of its shard: what it was to do, what it has done, and what came of each run. It is
//! written before the first run and after the last; the runs beside it are written one by one, so that a process that
//! was ended in between goes on where it was.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use harrow_reports::report::Report;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::commands::console::{Failure, mistake};
use crate::commands::files::OutDirectory;
use crate::commands::reading::{Asked, Prepared};
use crate::commands::seeds::{SeedRange, Shard};
use crate::pipeline::{COMMIT, hash_of};

use super::tally::Ended;
use super::work::Work;

/// The version of receipts.
const SCHEMA: u32 = 1;

/// What kind of file it is.
const KIND: &str = "receipt";

/// How names of receipts begin.
const RECEIPT: &str = "receipt-";

/// What a sweep, or a shard of one, was to do and has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    schema: u32,
    kind: String,
    /// Of the program; ends in `-dirty` if it was not built from a commit alone.
    pub(super) commit: String,
    /// The scenarios with what was changed in them.
    pub(super) scenarios: Vec<Asked>,
    /// A hash of what the scenarios say.
    pub(super) scenarios_digest: String,
    /// First and last seed.
    pub(super) seeds: [String; 2],
    /// Which of how many shards.
    pub(super) shard: [u64; 2],
    /// So many runs are this shard's.
    pub(super) planned: u64,
    /// So many are done.
    pub(super) done: u64,
    /// Whether its process closed it. One that was killed could not; nor has one that runs still.
    pub(super) ended: bool,
    /// Why its process ended before all was done, as it wrote down itself: `time`, `failures`, `interrupted` (by
    /// Ctrl-C or a termination signal).
    pub(super) cut: Option<String>,
    /// Runs by outcome.
    pub(super) outcomes: BTreeMap<String, u64>,
    /// A hash of scenario, seed, outcome and digest of each run, in order.
    pub(super) runs_digest: String,
    /// How long the last process took that worked on it.
    pub(super) wall_ms: u64,
}

impl Receipt {
    fn of(work: &Work) -> Self {
        let SeedRange { first, last, .. } = work.seeds;
        let Shard { index, count } = work.shard;
        Self {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            commit: COMMIT.to_owned(),
            scenarios: work.prepared.iter().map(Prepared::asked).collect(),
            scenarios_digest: scenarios_digest(&work.prepared),
            seeds: [first.to_string(), last.to_string()],
            shard: [index, count],
            planned: work.count(),
            done: 0,
            ended: false,
            cut: None,
            outcomes: BTreeMap::new(),
            runs_digest: String::new(),
            wall_ms: 0,
        }
    }

    /// What no sweep writes into its receipt, in words.
    fn check(&self) -> Result<(), String> {
        let Self { schema, kind, shard: [index, count], .. } = self;
        if *schema != SCHEMA {
            return Err(format!("it has schema {schema}, this harrow reads {SCHEMA}"));
        }
        if kind != KIND {
            return Err(format!("its kind is `{kind}`, that of receipts is `{KIND}`"));
        }
        if *index < 1 || index > count {
            return Err(format!("its shard is {index} of {count}; they are numbered from 1 on"));
        }
        if self.scenarios.is_empty() {
            return Err("it names no scenario".to_owned());
        }
        self.seed_range().map(|_| ())
    }

    /// The seeds of the sweep.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub(super) fn seed_range(&self) -> Result<SeedRange, String> {
        let [first, last] = &self.seeds;
        SeedRange::parse(&format!("{first}..{last}"))
            .map_err(|help| format!("its seeds are `{first}` to `{last}`: {help}"))
    }

    /// What two shards of one sweep have otherwise that should be the same, in words.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let told = |what: &str, one: &str, other: &str| Some(format!("{what} {one} and {other}"));
        if self.commit != other.commit {
            return told("commits", &self.commit, &other.commit);
        }
        let (one, two) = (&self.scenarios, &other.scenarios);
        if one != two {
            return match one.iter().zip(two).find(|(a, b)| a != b) {
                Some((a, b)) => told("scenarios", &format!("`{a}`"), &format!("`{b}`")),
                None => Some(format!("{} scenarios and {}", one.len(), two.len())),
            };
        }
        if self.scenarios_digest != other.scenarios_digest {
            return told("texts of scenarios", &self.scenarios_digest, &other.scenarios_digest);
        }
        if self.seeds != other.seeds {
            return told("seeds", &self.seeds.join(".."), &other.seeds.join(".."));
        }
        (self.shard[1] != other.shard[1])
            .then(|| format!("counts of shards {} and {}", self.shard[1], other.shard[1]))
    }

    /// The file with its runs, beside it.
    pub(super) fn runs_file(&self, directory: &Path) -> PathBuf {
        directory.join(format!("runs-{}-of-{}.jsonl", self.shard[0], self.shard[1]))
    }
}

/// A hash of what scenarios say, their changes included.
pub(super) fn scenarios_digest(prepared: &[Prepared]) -> String {
    let texts: Vec<String> = prepared.iter().map(|one| format!("{:?}", one.scenario)).collect();
    hash_of(texts.join("\n").as_bytes())
}

/// Counts runs as a receipt has them.
#[derive(Default)]
pub(super) struct Counted {
    done: u64,
    outcomes: BTreeMap<String, u64>,
    hash: Xxh3,
}

impl Counted {
    pub(super) fn add(&mut self, report: &Report) {
        self.done += 1;
        let outcome = report.outcome_apart_from_reach().name();
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
        let at = &report.coordinate;
        let line = format!("{} {} {outcome} {}\n", at.scenario, at.seed, report.digest);
        self.hash.update(line.as_bytes());
    }

    /// Puts what was counted into a receipt.
    pub(super) fn write(&self, receipt: &mut Receipt) {
        receipt.done = self.done;
        receipt.outcomes.clone_from(&self.outcomes);
        receipt.runs_digest = format!("{:016x}", self.hash.digest());
    }

    /// Whether a receipt says what was counted.
    pub(super) fn is(&self, receipt: &Receipt) -> bool {
        let mut counted = receipt.clone();
        self.write(&mut counted);
        counted == *receipt
    }
}

/// Writes a receipt, if anybody wants one.
pub(super) struct ReceiptWriter {
    directory: Option<OutDirectory>,
    receipt: Receipt,
    runs: Option<File>,
    counted: Counted,
    /// The first failure to write; from then on nothing is written.
    failed: Result<(), Failure>,
}

impl ReceiptWriter {
    /// Begins a receipt, or goes on with the one that is there: then with the runs that are done already.
    pub(super) fn open(path: Option<&Path>, work: &Work) -> Result<(Self, Vec<Report>), Failure> {
        let mut writer = Self {
            directory: path.map(|path| OutDirectory::open_as("--receipt", path)).transpose()?,
            receipt: Receipt::of(work),
            runs: None,
            counted: Counted::default(),
            failed: Ok(()),
        };
        let Some(path) = path else { return Ok((writer, Vec::new())) };
        let runs_path = writer.receipt.runs_file(path);
        writer.known(path)?;
        let failed = |error: io::Error| -> Failure {
            let message = format!("failed to write {}: {error}", runs_path.display());
            mistake(message, "make room or give another `--receipt`").into()
        };
        let mut file = lock(&runs_path)?;
        // Another process may have had it until now.
        let there = writer.known(path)?;
        let done = if there.is_some() { whole_lines(&mut file) } else { Ok((Vec::new(), 0)) };
        let (done, whole) = done.map_err(failed)?;
        file.set_len(whole).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let damaged = |why: &str| -> Failure {
            let message = format!("damaged: {}: {why}", runs_path.display());
            mistake(message, "remove it with its receipt, and run the shard again").into()
        };
        for (index, report) in (0..).zip(&done) {
            work.check(index, report).map_err(|why| damaged(&why))?;
            writer.counted.add(report);
        }
        if there.is_some_and(|there| there.ended && !writer.counted.is(&there)) {
            return Err(damaged("the runs are not those that the receipt counts"));
        }
        writer.runs = Some(file);
        writer.leave()?;
        Ok((writer, done))
    }

    /// The receipt of this very work, if it is there; another one's is in the way.
    fn known(&self, path: &Path) -> Result<Option<Receipt>, Failure> {
        for (file, there) in receipts(path)? {
            let same_part = there.shard == self.receipt.shard;
            if let Some(difference) = there.difference(&self.receipt) {
                let message =
                    format!("the receipt {} is of another sweep: {difference}", file.display());
                return Err(
                    mistake(message, "give another `--receipt`, or remove what is there").into()
                );
            }
            if same_part {
                return Ok(Some(there));
            }
        }
        Ok(None)
    }

    /// A run has ended.
    pub(super) fn add(&mut self, report: &Report) {
        self.counted.add(report);
        let Some(runs) = self.runs.as_mut().filter(|_| self.failed.is_ok()) else { return };
        let written =
            serde_json::to_vec(&report.timeless()).map_err(io::Error::from).and_then(|mut line| {
                line.push(b'\n');
                runs.write_all(&line)
            });
        self.failed = written.map_err(|error| {
            let help = "make room; the same command goes on from there";
            mistake(format!("failed to write the runs of the receipt: {error}"), help).into()
        });
    }

    /// All runs have ended, or no more will be made.
    pub(super) fn close(mut self, ended: Ended) -> Result<(), Failure> {
        std::mem::replace(&mut self.failed, Ok(()))?;
        self.receipt.ended = true;
        self.receipt.wall_ms = u64::try_from(ended.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.counted.write(&mut self.receipt);
        let short = self.receipt.done < self.receipt.planned;
        let why = match (ended.interrupted, ended.left_undone > 0) {
            (true, _) => "interrupted",
            (false, true) => "failures",
            (false, false) => "time",
        };
        self.receipt.cut = short.then(|| why.to_owned());
        self.leave()
    }

    fn leave(&mut self) -> Result<(), Failure> {
        let Some(directory) = &self.directory else { return Ok(()) };
        self.counted.write(&mut self.receipt);
        let name = format!("{RECEIPT}{}-of-{}.json", self.receipt.shard[0], self.receipt.shard[1]);
        Ok(directory.write(&name, |file| Ok(serde_json::to_writer_pretty(file, &self.receipt)?))?)
    }
}

/// The file of the runs, for this process alone: the lines of two would not be those of one sweep.
fn lock(path: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| -> Failure {
        let message = format!("failed to write {}: {error}", path.display());
        mistake(message, "make room or give another `--receipt`").into()
    };
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = options.map_err(failed)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("another process writes {}", path.display());
            let help = "wait until it has ended: the same command goes on from there; or give another `--receipt`";
            Err(mistake(message, help).into())
        }
        // Where files have no locks, as over some networks, nobody can tell.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// The runs that are there whole, and how long they are; what a process was writing when it was ended comes after them.
fn whole_lines(file: &mut File) -> io::Result<(Vec<Report>, u64)> {
    let (mut done, mut whole) = (Vec::new(), 0_u64);
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let report = line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok()).flatten();
        let Some(report) = report else { break };
        done.push(report);
        whole += line.len() as u64;
        line.clear();
    }
    Ok((done, whole))
}

/// All receipts of a directory, by name.
pub(super) fn receipts(directory: &Path) -> Result<Vec<(PathBuf, Receipt)>, Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| -> Failure {
        let help = "give the directory that the shards had as `--receipt`; remove what is no receipt of them, with \
                    the runs of that name";
        mistake(format!("failed to read {}: {error}", path.display()), help).into()
    };
    let entries = fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        is_json && name.is_some_and(|name| name.starts_with(RECEIPT))
    });
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let receipt: Receipt =
            serde_json::from_slice(&text).map_err(|error| unreadable(&path, &error))?;
        receipt.check().map_err(|why| unreadable(&path, &why))?;
        all.push((path, receipt));
    }
    Ok(all)
}

/// The runs of a receipt, one after another. The file is not held open between them: a sweep may have more shards than
/// a process may have files.
pub(super) fn runs(path: &Path) -> impl Iterator<Item = Result<Report, Failure>> + use<> {
    let path = path.to_owned();
    let (mut offset, mut number) = (0, 0);
    std::iter::from_fn(move || {
        number += 1;
        let damaged = |error: &dyn std::fmt::Display| -> Failure {
            let help = "remove it with its receipt, and run its shard again";
            mistake(format!("damaged: {}:{number}: {error}", path.display()), help).into()
        };
        let line = match line_at(&path, offset) {
            Ok(line) if line.is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(damaged(&error))),
        };
        offset += line.len() as u64;
        Some(serde_json::from_str(&line).map_err(|error| damaged(&error)))
    })
}

/// The line that begins there; empty at the file's end.
fn line_at(path: &Path, offset: u64) -> io::Result<String> {
    let mut reader = BufReader::new(File::open(path)?);
    reader.seek(SeekFrom::Start(offset))?;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line)
}
