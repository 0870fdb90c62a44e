//! Keeps what `harrow shrink --out` has left: to go on failing, or to hold since its bug is mended.

use std::fs;
use std::io::Write;
use std::path::Path;

use harrow_reports::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::commands::console::{Console, Failure, Mistake, mistake};
use crate::commands::reading::quoted;
use crate::corpus::{Corpus, Listed, try_plan};
use crate::exit::ExitCode;
use crate::pipeline::is_edited;
use crate::plan_text::read_plan;

/// What to keep.
pub(super) struct Keeping<'a> {
    /// What `harrow shrink --out` has left.
    pub(super) shrunk: &'a Path,
    /// Under which name.
    pub(super) name: &'a str,
    /// What was mended, if it was: then the plan must hold.
    pub(super) mended: Option<&'a str>,
}

/// Of `shrunk.json`, what a corpus lists.
#[derive(Deserialize)]
struct Shrunk {
    guarantee: String,
    anomaly: String,
    fingerprint: Fingerprint,
    #[serde(default)]
    held_to: Vec<String>,
    scenario: ScenarioSeed,
}

#[derive(Deserialize)]
struct ScenarioSeed {
    /// With which the scenario fails; none if it does not.
    seed: Option<u64>,
}

/// What is told of it.
#[derive(Serialize)]
struct Kept {
    schema: u32,
    kind: &'static str,
    plan: Listed,
}

impl Keeping<'_> {
    /// Keeps it, if it fails or holds as it must.
    pub(super) fn keep(
        &self,
        console: &mut Console,
        mut corpus: Corpus,
    ) -> Result<ExitCode, Failure> {
        // A bug that is mended since was kept as one that goes on failing before.
        let same = corpus.listing.plans.iter().find(|listed| listed.name == self.name);
        if same.is_some_and(|listed| self.mended.is_none() || listed.mended.is_some()) {
            let message = format!("the corpus has a plan `{}` already", self.name);
            return Err(mistake(message, "give another `--name`, or take that one out").into());
        }
        let (path, text) = self.file("shrunk.json")?;
        let shrunk: Shrunk = serde_json::from_str(&text).map_err(|error| {
            let message = format!("{path}: it is no result of `harrow shrink`: {error}");
            mistake(message, "give the directory that `harrow shrink --out` has left")
        })?;
        if !shrunk.held_to.is_empty() {
            let message = format!("{path}: it was held to {}", shrunk.held_to.join(", "));
            let help =
                "the plans of a corpus are held to what they promise: shrink one without `--hold`";
            return Err(mistake(message, help).into());
        }
        let (path, text) = self.file("plan.json")?;
        let plan = read_plan(&path, &text).map_err(|error| {
            mistake(format!("{path}: {error}"), "shrink it again with this harrow")
        })?;
        let plan = plan.plan;
        // What a person has made of the plan is in no scenario.
        let scenario_seed = shrunk.scenario.seed.filter(|_| !is_edited(&plan));
        let listed = Listed {
            name: self.name.to_owned(),
            seed: scenario_seed.unwrap_or(plan.seed),
            defects: plan.cluster.defects,
            kafka: plan.cluster.kafka,
            guarantee: shrunk.guarantee,
            anomaly: shrunk.anomaly,
            fingerprint: shrunk.fingerprint.id,
            mended: self.mended.map(str::to_owned),
        };
        let scenario = scenario_seed.map(|_| self.file("scenario.toml")).transpose()?;
        let plan = match &scenario {
            Some((path, text)) => Corpus::scenario_plan(&listed, Path::new(path), text)?,
            None => plan,
        };
        if let Some(complaint) = try_plan(&listed, &plan).complaint {
            let help =
                "a plan is kept as it is today: failing as it did, or with `--mended` holding";
            return Err(mistake(format!("{}: {complaint}", self.name), help).into());
        }
        match scenario {
            Some((_, text)) => corpus.keep(listed.clone(), &text)?,
            None => corpus.keep_plan(listed.clone(), &plan)?,
        }
        if is_edited(&plan) && shrunk.scenario.seed.is_some() && !console.is_json() {
            let says = "the plan is not as it was found: it is kept as it is, and not its scenario";
            writeln!(console.stdout(), "{}: {says}", self.name)?;
        }
        self.tell(console, &corpus, listed)?;
        Ok(ExitCode::Held)
    }

    fn tell(&self, console: &mut Console, corpus: &Corpus, listed: Listed) -> Result<(), Failure> {
        if console.is_json() {
            return console.json(&Kept { schema: 1, kind: "corpus-kept", plan: listed });
        }
        let must = if self.mended.is_some() { "hold" } else { "go on failing" };
        let directory = quoted(&corpus.directory().display().to_string());
        let accept = format!("`harrow corpus {directory} --accept` keeps its digest");
        writeln!(console.stdout(), "{}: kept, and must {must}; {accept}", self.name)?;
        Ok(())
    }

    /// A file of what was left: where it is, and what it says.
    fn file(&self, name: &str) -> Result<(String, String), Mistake> {
        let path = self.shrunk.join(name);
        let text = fs::read_to_string(&path).map_err(|error| {
            let message = format!("failed to read {}: {error}", path.display());
            mistake(message, "give the directory that `harrow shrink --out` has left")
        })?;
        Ok((path.display().to_string(), text))
    }
}
