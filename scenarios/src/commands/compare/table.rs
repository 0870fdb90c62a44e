//! What a comparison found.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use harrow_broker_model::defect::Defect;
use harrow_reports::verdict::Outcome;
use serde::Serialize;

use super::sides::{Harmed, Pair, Sides};
use crate::commands::ci::{Case, tell_github};
use crate::commands::console::{Console, Failure};
use crate::difference::{Parting, parting};
use crate::exit::ExitCode;
use crate::pipeline::COMMIT;
use crate::pool;
use crate::shrink::Change;

/// So many seeds that differ are told to people.
const SEEDS_TOLD: usize = 12;

/// So many settings that differ are told to people.
const SETTINGS_TOLD: usize = 3;

/// All seeds.
#[derive(Default)]
pub(super) struct Table {
    pairs: u64,
    counts: [Counts; 2],
    legal: [Harmed; 2],
    kinds: BTreeMap<String, Kind>,
    differences: Vec<Difference>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Counts {
    held: u64,
    violated: u64,
    inconclusive: u64,
}

/// Runs that fail in the same way.
#[derive(Debug, Clone, Serialize)]
struct Kind {
    fingerprint: String,
    text: String,
    guarantee: String,
    anomaly: String,
    /// How many runs of each side.
    runs: [u64; 2],
    /// The first seed of which one side alone has it; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// Entries of the catalogue that the failure takes with that seed: without any one of them it does not come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needed: Vec<Defect>,
    /// What else the other side has otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settings: Vec<Change>,
    /// The first facts that differ with that seed; `failing` is the side that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    parting: Option<Parting>,
    command: String,
    #[serde(skip)]
    side: usize,
}

/// A seed under which the sides differ.
#[derive(Debug, Clone, Serialize)]
struct Difference {
    seed: u64,
    outcomes: [Outcome; 2],
    fingerprints: [Vec<String>; 2],
    legal: [Harmed; 2],
    /// Whether only what is legally harmed differs.
    #[serde(skip)]
    ends_alike: bool,
}

#[derive(Serialize)]
struct Comparison<'a> {
    schema: u32,
    kind: &'static str,
    commit: &'static str,
    scenario: &'a str,
    seeds: u64,
    /// Whether Ctrl-C ended it before the last seed.
    interrupted: bool,
    /// What both are held to beside their promises; absent without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held_to: Vec<String>,
    sides: [Side<'a>; 2],
    fingerprints: Vec<&'a Kind>,
    differences: &'a [Difference],
}

#[derive(Serialize)]
struct Side<'a> {
    name: &'a str,
    #[serde(flatten)]
    counts: Counts,
    legal: Harmed,
}

impl Table {
    /// Seeds that both sides have run.
    pub(super) fn pairs(&self) -> u64 {
        self.pairs
    }

    pub(super) fn add(&mut self, pair: &Pair) {
        self.pairs += 1;
        for (counts, run) in self.counts.iter_mut().zip(&pair.runs) {
            match run.outcome {
                Outcome::Held => counts.held += 1,
                Outcome::Violated => counts.violated += 1,
                Outcome::Inconclusive => counts.inconclusive += 1,
            }
        }
        for side in [0, 1] {
            self.count(pair, side);
            self.legal[side].add(pair.runs[side].legal);
        }
        if !pair.is_same() {
            let ids = |side: usize| pair.runs[side].findings.keys().cloned().collect();
            self.differences.push(Difference {
                seed: pair.seed,
                outcomes: [pair.runs[0].outcome, pair.runs[1].outcome],
                fingerprints: [ids(0), ids(1)],
                legal: [pair.runs[0].legal, pair.runs[1].legal],
                ends_alike: pair.ends_alike(),
            });
        }
    }

    fn count(&mut self, pair: &Pair, side: usize) {
        let other = &pair.runs[1 - side].findings;
        for (id, finding) in &pair.runs[side].findings {
            let kind = self.kinds.entry(id.clone()).or_insert_with(|| Kind {
                fingerprint: id.clone(),
                text: finding.fingerprint.text.clone(),
                guarantee: finding.guarantee.clone(),
                anomaly: finding.anomaly.clone(),
                runs: [0, 0],
                seed: None,
                needed: Vec::new(),
                settings: Vec::new(),
                parting: None,
                command: String::new(),
                side,
            });
            kind.runs[side] += 1;
            if kind.seed.is_none() && !other.contains_key(id) {
                (kind.seed, kind.side) = (Some(pair.seed), side);
            }
        }
    }

    /// Finds out what makes the difference, for the first seed of each kind that only one side has. Of those whose turn
    /// has not come when somebody stops it, only the command is known: false if there are such.
    pub(super) fn explain(&mut self, sides: &Sides, options: pool::Options<'_>) -> bool {
        let mut differ: Vec<(&mut Kind, u64)> =
            self.kinds.values_mut().filter_map(|kind| kind.seed.map(|seed| (kind, seed))).collect();
        for (kind, seed) in &mut differ {
            kind.command = sides.0[kind.side].1.command(*seed);
        }
        let asked: Vec<(usize, u64, String)> = differ
            .iter()
            .map(|(kind, seed)| (kind.side, *seed, kind.fingerprint.clone()))
            .collect();
        let mut told = differ.into_iter();
        pool::ordered(
            options,
            |index| {
                let (side, seed, fingerprint) = asked.get(usize::try_from(index).ok()?)?;
                let plans = sides.plans(*seed);
                Some((
                    sides.needed(*seed, *side, fingerprint, options.more)?,
                    sides.settings(*seed, *side),
                    parting(&plans[*side], &plans[1 - *side]),
                ))
            },
            |(needed, settings, parting)| {
                let Some((kind, _)) = told.next() else { return ControlFlow::Break(()) };
                (kind.needed, kind.settings, kind.parting) = (needed, settings, parting);
                ControlFlow::Continue(())
            },
        );
        told.next().is_none()
    }

    pub(super) fn tell(
        &self,
        console: &mut Console,
        scenario: &str,
        sides: &Sides,
        interrupted: bool,
    ) -> Result<ExitCode, Failure> {
        let mut kinds: Vec<&Kind> = self.kinds.values().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.runs.iter().sum::<u64>()));
        if console.is_json() {
            let side = |index: usize| Side {
                name: &sides.0[index].0,
                counts: self.counts[index],
                legal: self.legal[index],
            };
            console.json(&Comparison {
                schema: 1,
                kind: "comparison",
                commit: COMMIT,
                scenario,
                seeds: self.pairs,
                interrupted,
                held_to: sides.held_to(),
                sides: [side(0), side(1)],
                fingerprints: kinds,
                differences: &self.differences,
            })?;
        } else {
            self.show(console, scenario, sides, &kinds)?;
            if interrupted {
                writeln!(console.stdout(), "interrupted: of the later seeds nothing is known")?;
            }
            let differ = kinds.iter().filter(|kind| kind.seed.is_some());
            let cases: Vec<Case> = differ.map(|kind| kind.case(scenario, sides)).collect();
            let cut = if interrupted { ", interrupted" } else { "" };
            let end = format!(
                "{scenario}, {} seeds under both{cut}: {} kinds of failure that one side has alone",
                self.pairs,
                cases.len()
            );
            tell_github(console, &cases, &end)?;
        }
        console.stdout().flush()?;
        Ok(self.code(interrupted))
    }

    fn code(&self, interrupted: bool) -> ExitCode {
        if self.counts.iter().any(|counts| counts.violated > 0) {
            ExitCode::Violated
        } else if interrupted {
            ExitCode::Interrupted
        } else if self.pairs == 0 || self.counts.iter().any(|counts| counts.inconclusive > 0) {
            ExitCode::Inconclusive
        } else {
            ExitCode::Held
        }
    }

    fn show(
        &self,
        console: &mut Console,
        scenario: &str,
        sides: &Sides,
        kinds: &[&Kind],
    ) -> Result<(), Failure> {
        let stdout = console.stdout();
        let held_to = sides.held_to();
        let held_to = if held_to.is_empty() {
            String::new()
        } else {
            format!(", held to {}", held_to.join(", "))
        };
        writeln!(stdout, "{scenario}, {} seeds under both{held_to}", self.pairs)?;
        let width = sides.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let titles = ("held", "violated", "inconclusive");
        writeln!(stdout, "  {:width$}  {:>6}  {:>8}  {}", "", titles.0, titles.1, titles.2)?;
        for ((name, _), counts) in sides.0.iter().zip(self.counts) {
            let Counts { held, violated, inconclusive } = counts;
            writeln!(stdout, "  {name:width$}  {held:>6}  {violated:>8}  {inconclusive:>12}")?;
        }
        if self.legal.iter().any(|legal| *legal != Harmed::default()) {
            for ((name, _), legal) in sides.0.iter().zip(self.legal) {
                writeln!(stdout, "  {name:width$}  {}", legal.text())?;
            }
        }
        for kind in kinds {
            let [one, other] = kind.runs;
            let (anomaly, guarantee) = (&kind.anomaly, &kind.guarantee);
            writeln!(
                stdout,
                "\n{}  {one} runs against {other}  {anomaly} breaks {guarantee}",
                kind.fingerprint
            )?;
            kind.show(stdout, sides)?;
        }
        self.show_seeds(console)
    }

    fn show_seeds(&self, console: &mut Console) -> Result<(), Failure> {
        let stdout = console.stdout();
        if self.differences.is_empty() {
            writeln!(stdout, "\nall seeds end alike under both")?;
            return Ok(());
        }
        writeln!(stdout)?;
        let (legal, ends): (Vec<&Difference>, Vec<&Difference>) =
            self.differences.iter().partition(|one| one.ends_alike);
        if !ends.is_empty() {
            writeln!(stdout, "{} seeds end otherwise: {}", ends.len(), told(&ends))?;
        }
        if !legal.is_empty() {
            let what = "seeds differ only in what is legally lost, duplicated or reordered";
            writeln!(stdout, "{} {what}: {}", legal.len(), told(&legal))?;
        }
        Ok(())
    }
}

/// The first seeds, and how many more there are.
fn told(differences: &[&Difference]) -> String {
    let seeds: Vec<String> =
        differences.iter().take(SEEDS_TOLD).map(|one| one.seed.to_string()).collect();
    let more = differences.len().saturating_sub(SEEDS_TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", seeds.join(", "))
}

impl Kind {
    /// What CI services are told of one that one side has alone.
    fn case(&self, scenario: &str, sides: &Sides) -> Case {
        let [(one, _), (other, _)] = &sides.0;
        let Self { runs, anomaly, guarantee, needed, fingerprint, command, .. } = self;
        let mut summary = format!("{} runs {one} against {} {other}", runs[0], runs[1]);
        if !needed.is_empty() {
            let names: Vec<&str> = needed.iter().map(|defect| defect.name()).collect();
            summary.push_str("; it takes ");
            summary.push_str(&names.join(" and "));
        }
        let title = format!("{anomaly} breaks {guarantee}");
        let told = (title.as_str(), summary.as_str(), fingerprint.as_str());
        Case::of_difference((scenario, fingerprint), scenario, told, command)
    }

    /// Why only one side has it.
    fn show(&self, stdout: &mut impl Write, sides: &Sides) -> Result<(), Failure> {
        let Some(seed) = self.seed else { return Ok(()) };
        let name = &sides.0[self.side].0;
        writeln!(stdout, "  seed {seed} has it {name} alone")?;
        if !self.needed.is_empty() {
            let names: Vec<&str> = self.needed.iter().map(|defect| defect.name()).collect();
            writeln!(stdout, "  it takes {}", names.join(" and "))?;
        }
        for change in self.settings.iter().take(SETTINGS_TOLD) {
            let Change { place, from, to, .. } = change;
            let place = place.trim_start_matches('/').replace('/', ".");
            writeln!(stdout, "  {place} is {from} there and {to} otherwise")?;
        }
        if let Some(Parting { failing, passing, then }) = &self.parting {
            let end = || "nothing more".to_owned();
            let (failing, passing) =
                (failing.clone().unwrap_or_else(end), passing.clone().unwrap_or_else(end));
            writeln!(stdout, "  otherwise   {passing}\n  there       {failing}")?;
            for fact in then {
                writeln!(stdout, "  and then    {fact}")?;
            }
        }
        writeln!(stdout, "  {}", self.command)?;
        Ok(())
    }
}
