//! Each historical bug is found in the scenario that the catalogue of defects names for it, by the anomaly that it
//! names, and the same seed holds without it; and no scenario cries wolf.

use harrow_broker_model::defect::Defect;
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_scenarios::catalogue::{CATALOGUE, find};
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;

fn verdict(scenario: &str, seed: u64, defects: impl IntoIterator<Item = Defect>) -> Verdict {
    let entry = find(scenario).expect("a name of the catalogue");
    let parsed = parse(entry.name, entry.text, &[])
        .unwrap_or_else(|error| panic!("{scenario}: {:?}", error.mistakes()));
    let mut plan = plan(&parsed, seed);
    plan.cluster.defects = defects.into_iter().collect();
    judge(&plan, &run(&plan, false))
}

#[test]
fn every_defect_is_found_by_its_anomaly() {
    for defect in Defect::all() {
        let entry = defect.entry();
        let found = verdict(entry.scenario, entry.seed, others(defect).chain([defect]));
        let place = format!("{} --seed {}", entry.scenario, entry.seed);
        assert_eq!(found.outcome, Outcome::Violated, "{defect}: {place}");
        let root = &found.findings[0];
        assert_eq!(
            (root.anomaly.as_str(), root.guarantee.as_str()),
            (entry.anomaly, entry.guarantee),
            "{defect}: {place}: {}",
            root.summary
        );
    }
}

/// Those that must be on with it.
fn others(defect: Defect) -> impl Iterator<Item = Defect> {
    let named = |name: &&str| Defect::from_name(name).expect("a name of the catalogue");
    defect.entry().with.iter().map(named)
}

#[test]
fn the_same_seeds_hold_without_the_defect() {
    for defect in Defect::all() {
        holds(defect.entry().scenario, defect.entry().seed);
    }
}

#[test]
fn what_shows_with_others_does_not_show_with_them_alone() {
    for defect in Defect::all().filter(|defect| !defect.entry().with.is_empty()) {
        let entry = defect.entry();
        let found = verdict(entry.scenario, entry.seed, others(defect));
        let roots: Vec<&str> = found.findings.iter().map(|root| root.anomaly.as_str()).collect();
        assert!(!roots.contains(&entry.anomaly), "{defect}: {roots:?}");
    }
}

/// Runs that had a finding which was the model's or the judge's fault.
#[test]
fn seeds_that_were_mended_hold() {
    let mended = [
        // What is committed together is told in the order of the log.
        ("group-administration", 1031),
        // A session that knows a topic by its name waits for what has it by now.
        ("delete-and-recreate", 1032),
        // Of an open transaction, deleted records hold no stable offset back.
        ("compacted-changelog", 1121),
        ("compacted-changelog", 1325),
        // Nothing comes back in a hole.
        ("compacted-changelog", 1241),
        // A tombstone of unknown outcome took a record's place, and went.
        ("compacted-changelog", 42),
        // A replica had deleted more than the leader.
        ("nearest-replica", 671),
        // A poll was more than a member could process in time.
        ("swarm-transactions", 823),
        // A commit lay on the way while another broker coordinated.
        ("swarm-groups", 1285),
    ];
    for (scenario, seed) in mended {
        holds(scenario, seed);
    }
}

#[test]
fn three_seeds_of_every_scenario_hold() {
    for entry in CATALOGUE {
        (1..=3).for_each(|seed| holds(entry.name, seed));
    }
}

/// A mark that is rare is asked of a sweep, not of each run.
fn holds(scenario: &str, seed: u64) {
    let verdict = verdict(scenario, seed, []);
    let findings: Vec<_> =
        verdict.findings.iter().map(|finding| (&finding.anomaly, &finding.summary)).collect();
    let outcome = verdict.outcome_apart_from_reach();
    assert_eq!(outcome, Outcome::Held, "{scenario} {seed}: {findings:?}");
}
