//! Runs of the catalogue that several tests look at: each is played once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use harrow_broker_model::defect::Defect;
use harrow_reports::judge::judge;
use harrow_reports::verdict::Verdict;
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;
use harrow_sim::plan::Plan;
use harrow_sim::run::{End, Run};

/// A run that was judged.
pub(crate) struct Played {
    pub(crate) plan: Plan,
    pub(crate) run: Run,
    pub(crate) verdict: Verdict,
}

impl Played {
    /// What was overdue when the run ended before its heal.
    pub(crate) fn overdue(&self) -> Option<&'static str> {
        match self.run.end {
            End::TimeLimit { goal, since_ms, .. } if since_ms < self.plan.heal_at_ms => {
                Some(goal.name())
            }
            End::Quiesced | End::TimeLimit { .. } | End::Panicked { .. } => None,
        }
    }
}

/// Scenario, seed, and the defects that are on.
type Key = (String, u64, Vec<&'static str>);

/// The seed of which each scenario is looked at whole: the first is among the digests of the corpus.
pub(crate) const WHOLE: u64 = 2;

static PLAYED: LazyLock<Mutex<BTreeMap<Key, Arc<OnceLock<Played>>>>> =
    LazyLock::new(Mutex::default);

/// A run of a scenario of the catalogue, with these defects. Who asks while another test plays it waits for that.
pub(crate) fn with_played<T>(
    scenario: &str,
    seed: u64,
    defects: impl IntoIterator<Item = Defect>,
    look: impl FnOnce(&Played) -> T,
) -> T {
    let defects: Vec<Defect> = defects.into_iter().collect();
    let names = defects.iter().map(|defect| defect.entry().name).collect();
    let key = (scenario.to_owned(), seed, names);
    let cell = Arc::clone(PLAYED.lock().expect("nobody panics with it").entry(key).or_default());
    look(cell.get_or_init(|| play(scenario, seed, defects)))
}

fn play(scenario: &str, seed: u64, defects: Vec<Defect>) -> Played {
    let entry = find(scenario).unwrap_or_else(|| panic!("there is no scenario {scenario}"));
    let (plan, run) = play_text((entry.name, entry.text), seed, defects);
    let verdict = judge(&plan, &run);
    Played { plan, run, verdict }
}

/// A run of a scenario by its text.
pub(crate) fn play_text(
    (scenario, text): (&str, &str),
    seed: u64,
    defects: impl IntoIterator<Item = Defect>,
) -> (Plan, Run) {
    let parsed = parse(scenario, text, &[])
        .unwrap_or_else(|error| panic!("{scenario}: {:?}", error.mistakes()));
    let mut plan = plan(&parsed, seed);
    plan.cluster.defects = defects.into_iter().collect();
    let run = run(&plan, false);
    (plan, run)
}
