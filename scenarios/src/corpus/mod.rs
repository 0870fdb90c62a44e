//! The corpus: small plans that must go on failing as they do, or that must hold since their bug is mended, and the
//! digests of runs that must not change unnoticed.
//!
//! A directory has `corpus.toml`, which lists plans, and a file for each: a scenario with nothing left to chance and a
//! seed, or a `plan.json`. Scenarios outlive changes of the plan's shape, since the planner makes the plan anew.
//! `digests.txt` has one line for each plan, and for each scenario of the catalogue if `catalogue = true` is said.

mod listing;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use harrow_broker_model::defect::{Defect, Defects};
use harrow_reports::judge::judge;
use harrow_reports::report::digest_name;
use harrow_reports::verdict::Finding;
use harrow_sim::plan::Plan;

use crate::catalogue::{CATALOGUE, Entry};
use crate::format::{ScenarioError, parse};
use crate::pipeline;
use crate::plan_text::{PlanTextError, read_plan, said};
use crate::planner;
use crate::shrink::without_defects;
use crate::whole_file::write_whole;

pub use listing::{Listed, Listing};

/// Why a corpus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file of it is not there, or cannot be read or written.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        message: String,
    },
    /// A file of it is none that it may have.
    #[error("{path}: {message}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// What a file says is wrong, and where.
    #[error("{}", said(.0))]
    Mistakes(#[from] ScenarioError),
}

impl CorpusError {
    fn of_content(path: PathBuf, message: impl Into<String>) -> Self {
        Self::Content { path, message: message.into() }
    }

    fn of_io(path: PathBuf, message: impl Into<String>) -> Self {
        Self::Io { path, message: message.into() }
    }
}

/// A corpus, read.
#[derive(Debug)]
pub struct Corpus {
    directory: PathBuf,
    /// What it lists.
    pub listing: Listing,
}

/// How a plan of the corpus ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The run's digest.
    pub digest: String,
    /// What is wrong, if it did not fail, or hold, as it must.
    pub complaint: Option<String>,
    /// The runtime seed under which it fails, if that is not its own any more.
    pub moved_to: Option<u64>,
}

const LISTING: &str = "corpus.toml";

impl Corpus {
    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The scenarios of the catalogue whose digests it keeps.
    pub fn scenarios(&self) -> &'static [Entry] {
        if self.listing.catalogue { CATALOGUE } else { &[] }
    }

    /// Whether a directory has a listing, without which it is no corpus yet.
    pub fn is_there(directory: &Path) -> bool {
        directory.join(LISTING).is_file()
    }

    /// Plans in the directory that it does not list, by file name.
    pub fn unlisted(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_unlisted = |name: &String| {
            let plan = name.strip_suffix(".toml").or_else(|| name.strip_suffix(".json"));
            name != LISTING
                && plan.is_some_and(|plan| self.listing.plans.iter().all(|it| it.name != plan))
        };
        let mut unlisted: Vec<String> = names.filter(is_unlisted).collect();
        unlisted.sort();
        unlisted
    }

    /// Reads a directory. An empty one has no plans.
    pub fn read(directory: &Path) -> Result<Self, CorpusError> {
        let path = directory.join(LISTING);
        let listing = if path.exists() {
            listing::read(&path.display().to_string(), &text_of(&path)?)?
        } else {
            Listing::default()
        };
        Ok(Self { directory: directory.to_owned(), listing })
    }

    /// The plan of an entry.
    pub fn plan(&self, listed: &Listed) -> Result<Plan, CorpusError> {
        let path = self.directory.join(format!("{}.json", listed.name));
        let scenario = self.directory.join(format!("{}.toml", listed.name));
        match (path.exists(), scenario.exists()) {
            (true, false) => {
                let plan = plan_of(&path)?;
                let own = (plan.seed, plan.cluster.defects, plan.cluster.kafka);
                if own != (listed.seed, listed.defects, listed.kafka) {
                    let message = format!(
                        "it has another seed, other defects or another version than {LISTING} says"
                    );
                    return Err(CorpusError::of_content(path, message));
                }
                return Ok(plan);
            }
            (false, true) => {}
            (true, true) => {
                let message =
                    format!("it is there beside {}: one of them is the plan", scenario.display());
                return Err(CorpusError::of_content(path, message));
            }
            (false, false) => {
                let message = format!("it is not there, nor is {}", path.display());
                return Err(CorpusError::of_content(scenario, message));
            }
        }
        let text = text_of(&scenario)?;
        Self::scenario_plan(listed, &scenario, &text)
    }

    /// The plan that a scenario gives for an entry.
    pub fn scenario_plan(listed: &Listed, path: &Path, text: &str) -> Result<Plan, CorpusError> {
        let scenario = parse(&path.display().to_string(), text, &[])?;
        let mut plan = planner::plan(&scenario, listed.seed);
        plan.cluster.kafka = listed.kafka;
        plan.cluster.defects = listed.kafka.map_or(Defects::NONE, Defects::of_version);
        plan.cluster.defects.extend(listed.defects.iter());
        Ok(plan)
    }

    /// Adds a plan, or takes one in the place of another of that name, as its scenario.
    pub fn keep(&mut self, listed: Listed, scenario: &str) -> Result<(), CorpusError> {
        self.write(&format!("{}.toml", listed.name), scenario)?;
        self.drop_file(&format!("{}.json", listed.name))?;
        self.list(listed)
    }

    /// Adds a plan that no scenario gives.
    pub fn keep_plan(&mut self, listed: Listed, plan: &Plan) -> Result<(), CorpusError> {
        let text = serde_json::to_string_pretty(plan).expect("a plan is plain data");
        self.write(&format!("{}.json", listed.name), &(text + "\n"))?;
        self.drop_file(&format!("{}.toml", listed.name))?;
        self.list(listed)
    }

    fn drop_file(&self, name: &str) -> Result<(), CorpusError> {
        let path = self.directory.join(name);
        let gone = if path.exists() { fs::remove_file(&path) } else { Ok(()) };
        gone.map_err(|error| CorpusError::of_io(path, error.to_string()))
    }

    fn list(&mut self, listed: Listed) -> Result<(), CorpusError> {
        self.listing.plans.retain(|other| other.name != listed.name);
        self.listing.plans.push(listed);
        self.listing.plans.sort_by(|one, other| one.name.cmp(&other.name));
        let listing = toml::to_string(&self.listing).expect("a listing is plain data");
        self.write(LISTING, &listing)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), CorpusError> {
        let path = self.directory.join(name);
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| write_whole(&path, |file| file.write_all(text.as_bytes())));
        written.map_err(|error| CorpusError::of_io(path, format!("failed to write it: {error}")))
    }

    /// The digests that are kept, by name; none if there are none yet.
    pub fn digests(&self) -> Result<BTreeMap<String, String>, CorpusError> {
        let path = self.directory.join(DIGESTS);
        if !path.exists() {
            return Ok(BTreeMap::new());
        }
        let text = text_of(&path)?;
        kept_digests(&text).map_err(|message| CorpusError::of_content(path, message))
    }

    /// Keeps other digests.
    pub fn accept(&self, digests: &str) -> Result<(), CorpusError> {
        self.write(DIGESTS, digests)
    }
}

const DIGESTS: &str = "digests.txt";

/// A plan as JSON, brought to this version if it is an older one.
fn plan_of(path: &Path) -> Result<Plan, CorpusError> {
    let read = read_plan(&path.display().to_string(), &text_of(path)?);
    let wrong = |error: PlanTextError| {
        if let PlanTextError::Mistakes(mistakes) = error {
            return CorpusError::Mistakes(mistakes);
        }
        CorpusError::of_content(path.to_owned(), error.to_string())
    };
    Ok(read.map_err(wrong)?.plan)
}

fn text_of(path: &Path) -> Result<String, CorpusError> {
    let failed = |error: std::io::Error| {
        CorpusError::of_io(path.to_owned(), format!("failed to read it: {error}"))
    };
    fs::read_to_string(path).map_err(failed)
}

/// A plan of the corpus must fail under one of so many runtime seeds, its own first: a small plan needs luck with its
/// timing, and a change of the model may take that of one seed away and give it to another.
const SEEDS_MAX: u64 = 100;

/// A plan whose bug is mended must hold under its own seed and so many others.
const MENDED_SEEDS: u64 = 20;

/// Runs a plan of the corpus. The digest is that of its own seed.
pub fn try_plan(listed: &Listed, plan: &Plan) -> Tried {
    if listed.mended.is_some() { try_mended(listed, plan) } else { try_failing(listed, plan) }
}

/// It must hold, whatever the timing.
fn try_mended(listed: &Listed, plan: &Plan) -> Tried {
    let (digest, own) = findings(plan);
    let mut found = own.into_iter().next().map(|finding| (plan.seed, finding));
    for seed in 1..=MENDED_SEEDS {
        if found.is_some() {
            break;
        }
        let again = Plan { seed, ..plan.clone() };
        found = findings(&again).1.into_iter().next().map(|finding| (seed, finding));
    }
    let complaint = found.map(|(seed, it)| {
        let again = if as_it_must(listed, &it) { "breaks again" } else { "breaks otherwise" };
        let broken = broken((&it.anomaly, &it.guarantee), &it.fingerprint.id);
        format!("it is mended and must hold, but {again} under seed {seed}: {broken}")
    });
    Tried { digest, complaint, moved_to: None }
}

fn try_failing(listed: &Listed, plan: &Plan) -> Tried {
    let (digest, own) = findings(plan);
    let mut found = Vec::new();
    let others = (1..=SEEDS_MAX).map(Some);
    for moved_to in std::iter::once(None).chain(others) {
        let again = |seed| findings(&Plan { seed, ..plan.clone() }).1;
        let seen = moved_to.map_or_else(|| own.clone(), again);
        if seen.iter().any(|finding| as_it_must(listed, finding)) {
            let seed = moved_to.unwrap_or(plan.seed);
            let complaint = breaks_soundly(plan, seed)
                .or_else(|| breaks_without_one(listed, &Plan { seed, ..plan.clone() }));
            return Tried { digest, complaint, moved_to };
        }
        found.extend(seen);
    }
    let mut others: Vec<String> =
        found.iter().map(|it| broken((&it.anomaly, &it.guarantee), &it.fingerprint.id)).collect();
    others.sort();
    others.dedup();
    let wanted = broken((&listed.anomaly, &listed.guarantee), &listed.fingerprint);
    let complaint = if others.is_empty() {
        format!("it does not break anything any more; expected {wanted}")
    } else {
        format!("it fails otherwise: {}; expected {wanted}", others.join(", "))
    };
    Tried { digest, complaint: Some(complaint), moved_to: None }
}

/// What shows a defect must hold without any.
fn breaks_soundly(plan: &Plan, seed: u64) -> Option<String> {
    let sound = Plan { seed, ..without_defects(plan)? };
    let (_, found) = findings(&sound);
    let first = found.first()?;
    let broken = broken((&first.anomaly, &first.guarantee), &first.fingerprint.id);
    Some(format!("it breaks without its defects, too: {broken}"))
}

/// What shows several together must not fail just so without one of them.
fn breaks_without_one(listed: &Listed, plan: &Plan) -> Option<String> {
    let all = plan.cluster.defects;
    let is_needed = |defect: &Defect| {
        let mut without = plan.clone();
        without.cluster.defects = all.iter().filter(|it| it != defect).collect();
        !findings(&without).1.iter().any(|finding| as_it_must(listed, finding))
    };
    let needless = all.iter().filter(|_| all.iter().count() > 1).find(|it| !is_needed(it))?;
    Some(format!("it breaks just so without {needless}, too"))
}

fn broken((anomaly, guarantee): (&str, &str), fingerprint: &str) -> String {
    format!("{anomaly} of {guarantee} ({fingerprint})")
}

fn as_it_must(listed: &Listed, finding: &Finding) -> bool {
    finding.fingerprint.id == listed.fingerprint
        && (&finding.anomaly, &finding.guarantee) == (&listed.anomaly, &listed.guarantee)
}

fn findings(plan: &Plan) -> (String, Vec<Finding>) {
    let run = pipeline::run(plan, false);
    (digest_name(run.digest), judge(plan, &run).findings)
}

/// The digest of a scenario of the catalogue, for its first seed: its name there, and the digest.
pub fn catalogue_digest(entry: &Entry) -> (String, String) {
    let Entry { name, text, .. } = entry;
    let scenario = parse(name, text, &[]);
    let scenario = scenario.unwrap_or_else(|error| panic!("{name}: {:?}", error.mistakes()));
    let run = pipeline::run(&planner::plan(&scenario, 1), false);
    (format!("catalogue/{name} --seed 1"), digest_name(run.digest))
}

/// Digests as they are kept: one line each.
pub fn digests_text(digests: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Digests of runs. A line that changes says that the model behaves otherwise there: on purpose, run\n\
         # `harrow corpus --accept`.\n",
    );
    for (name, digest) in digests {
        let _ = writeln!(text, "{digest} {name}");
    }
    text
}

/// The digests that are new or others than those kept, as people are told them.
pub fn digest_changes(kept: &BTreeMap<String, String>, now: &[(String, String)]) -> Vec<String> {
    let change = |(name, digest): &(String, String)| match kept.get(name) {
        Some(before) if before == digest => None,
        Some(before) => Some(format!("{name}: {before} is now {digest}")),
        None => Some(format!("{name}: {digest} is new")),
    };
    now.iter().filter_map(change).collect()
}

/// The runs that a digest is kept of and that there are no more, as people are told them.
pub fn digests_gone(kept: &BTreeMap<String, String>, now: &[(String, String)]) -> Vec<String> {
    let is_gone = |name: &&String| now.iter().all(|(known, _)| known != *name);
    kept.keys().filter(is_gone).map(|name| format!("{name}: it is gone")).collect()
}

/// Digests by name; or what is wrong in which line.
fn kept_digests(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut kept = BTreeMap::new();
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#'));
    for (number, line) in lines {
        let is_digest =
            |it: &str| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some((digest, name)) = line.split_once(' ').filter(|(digest, _)| is_digest(digest))
        else {
            return Err(format!("line {number}: `{line}` is no digest of 16 digits and a name"));
        };
        if kept.insert(name.to_owned(), digest.to_owned()).is_some() {
            return Err(format!("line {number}: `{name}` has a digest already"));
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_digests_are_told_by_name() {
        let digests = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect()
        };
        let (one, two, three) = ("1111111111111111", "2222222222222222", "333333333333333a");
        let before = digests(&[("a --seed 1", one), ("b", two), ("c", three)]);
        let kept = kept_digests(&digests_text(&before)).expect("as it is written");
        assert_eq!(digest_changes(&kept, &before), Vec::<String>::new());
        assert_eq!(digests_gone(&kept, &before), Vec::<String>::new());
        let now = digests(&[("a --seed 1", one), ("b", three), ("d", two)]);
        let changes = [format!("b: {two} is now {three}"), format!("d: {two} is new")];
        assert_eq!(digest_changes(&kept, &now), changes);
        assert_eq!(digests_gone(&kept, &now), ["c: it is gone"]);
        for (text, wanted) in [
            ("# digests\n1234 a\n", "line 2: `1234 a` is no digest of 16 digits and a name"),
            ("z111111111111111 a\n", "line 1: `z111111111111111 a` is no digest"),
            ("1111111111111111\n", "line 1: `1111111111111111` is no digest"),
            ("1111111111111111 a\n1111111111111111 a\n", "line 2: `a` has a digest already"),
        ] {
            let error = kept_digests(text).expect_err("it is corrupt");
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn a_listing_is_read_as_it_is_written() {
        let directory = tempfile::TempDir::new().expect("a temporary directory");
        let mut corpus = Corpus::read(directory.path()).expect("an empty one");
        let listed = Listed {
            name: "one".to_owned(),
            seed: 3,
            defects: Defects::NONE,
            kafka: None,
            guarantee: "durability".to_owned(),
            anomaly: "lost-write".to_owned(),
            fingerprint: "00000000".to_owned(),
            mended: None,
        };
        let text = "name = \"one\"\nproves = \"It.\"\n[[topic]]\nname = \"orders\"\n[[load]]\n\
                    kind = \"producer\"\noperations = 1\n[heal]\nat_ms = 500\n";
        corpus.keep(listed.clone(), text).expect("it takes files");
        let again = Corpus::read(directory.path()).expect("a corpus");
        assert_eq!(again.listing, corpus.listing);
        let plan = again.plan(&listed).expect("a plan");
        let tried = try_plan(&listed, &plan);
        let complaint = tried.complaint.expect("nothing is broken");
        assert!(complaint.starts_with("it does not break anything any more"), "{complaint}");
        let mended = Listed { mended: Some("It was mended.".to_owned()), ..listed.clone() };
        assert_eq!(try_plan(&mended, &plan).complaint, None, "it holds");
        fs::write(directory.path().join("one.toml"), "name = 3").expect("it takes files");
        assert!(again.plan(&listed).is_err(), "a corrupt file is told");
        fs::write(directory.path().join(LISTING), "[[plan]]\nname = 3").expect("it takes files");
        assert!(Corpus::read(directory.path()).is_err(), "a corrupt listing is told");
    }
}
