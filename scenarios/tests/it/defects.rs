//! Each historical bug is found in the scenario that the catalogue of defects names for it, by the anomaly that it
//! names, and the same seed holds without it; and no scenario cries wolf.

use harrow_broker_model::defect::Defect;
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Outcome, Verdict};
use harrow_scenarios::catalogue::{CATALOGUE, find};

use super::played::{Played, WHOLE, play_text, with_played};

/// The topic is deleted, and created again soon after.
const CREATED_AGAIN: &str = r#"
[[fault]]
kind = "delete-topic"
name = "deletion"
target = "leader-of orders-0"
count = 1
at_ms = "1000..2000"

[[fault]]
kind = "create-topic"
after = "deletion"
delay_ms = "50..400"
target = "leader-of orders-0"

[heal]"#;

fn verdict_of(
    scenario: (&str, &str),
    seed: u64,
    defects: impl IntoIterator<Item = Defect>,
) -> Verdict {
    let (plan, run) = play_text(scenario, seed, defects);
    judge(&plan, &run)
}

#[test]
fn every_defect_is_found_by_its_anomaly() {
    for defect in Defect::all() {
        let entry = defect.entry();
        let with = others(defect).chain([defect]);
        with_played(entry.scenario, entry.seed, with, |Played { verdict, .. }| {
            let place = format!("{} --seed {}", entry.scenario, entry.seed);
            assert_eq!(verdict.outcome, Outcome::Violated, "{defect}: {place}");
            let root = &verdict.findings[0];
            assert_eq!(
                (root.anomaly.as_str(), root.guarantee.as_str()),
                (entry.anomaly, entry.guarantee),
                "{defect}: {place}: {}",
                root.summary
            );
        });
    }
}

/// Those that must be on with it.
pub(crate) fn others(defect: Defect) -> impl Iterator<Item = Defect> {
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
        with_played(entry.scenario, entry.seed, others(defect), |Played { verdict, .. }| {
            let mut roots = verdict.findings.iter().map(|root| root.anomaly.as_str());
            assert!(roots.all(|root| root != entry.anomaly), "{defect}: {:?}", verdict.findings);
        });
    }
}

/// Runs that had a finding which was the model's or the judge's fault.
#[test]
fn seeds_that_were_mended_hold() {
    let mended = [
        // A member asked again by another connection: the former question is answered to nobody.
        ("at-most-once", 51),
        // Commits of unknown outcome may have moved a group past the log's start, or not.
        ("metrics-collection", 1014),
        // What a slow link held when its fault ended was still on its way.
        ("swarm", 65009),
        // What is committed together is told in the order of the log.
        ("group-administration", 1031),
        // A session that knows a topic by its name waits for what has it by now.
        ("delete-and-recreate", 1032),
        // Of an open transaction, deleted records hold no stable offset back.
        ("compacted-changelog", 1121),
        ("compacted-changelog", 1325),
        // What a group had committed is gone with its topic, which a broker serves on that has not heard of it.
        ("recreated-and-resumed", 102),
        // A member commits by name where it stands, and has not heard that the topic is another one.
        ("recreated-and-resumed", 254),
        ("recreated-and-resumed", 495),
        // A follower that copies some records a second is not done within the bound, and comes nearer all the time.
        ("gone-joiner", 279),
        // Nothing comes back in a hole.
        ("compacted-changelog", 1241),
        // A tombstone of unknown outcome took a record's place, and went.
        ("compacted-changelog", 42),
        // A replica was away for longer than the marker of an aborted transaction stayed.
        ("compacted-changelog", 985),
        // A log start was told before it was on the disk.
        ("compacted-changelog", 196),
        // A replica had deleted more than the leader.
        ("nearest-replica", 671),
        // A poll was more than a member could process in time.
        ("swarm-transactions", 823),
        // A commit lay on the way while another broker coordinated.
        ("swarm-groups", 1285),
        // A disk was replaced when its fault ended, though others had lost theirs by then.
        ("log-directory-dies", 202),
        // A disk was replaced, so that the replicas on the broker's others were not eligible any more.
        ("log-directory-dies", 1292),
        ("log-directory-dies", 1563),
    ];
    for (scenario, seed) in mended {
        holds(scenario, seed);
    }
}

/// Members take what they were given under the name that a topic has, and carry commits from one to the other; what is
/// lost besides is told.
#[test]
fn a_group_goes_on_when_its_topic_is_created_again() {
    let late_member = find("late-member").expect("a name of the catalogue");
    let text = late_member.text.replacen("[heal]", CREATED_AGAIN, 1);
    let scenario = ("late-member", text.as_str());
    for seed in [8, 12, 18, 46, 140, 158, 195, 256] {
        let found = verdict_of(scenario, seed, []);
        assert_eq!(found.outcome, Outcome::Held, "{seed}: {:?}", found.findings);
    }
    let late_commit = Defect::from_name("late-commit-counts").expect("a name of the catalogue");
    let found = verdict_of(scenario, 150, [late_commit]);
    let roots: Vec<&str> = found.findings.iter().map(|root| root.anomaly.as_str()).collect();
    assert_eq!(roots, ["lost-commit"]);
}

#[test]
fn a_replica_that_begins_anew_keeps_where() {
    let scenario = ("begins-anew", include_str!("held/begins-anew.toml"));
    for seed in [17, 97, 135, 313, 1000] {
        let found = verdict_of(scenario, seed, []);
        assert_eq!(found.outcome, Outcome::Held, "{seed}: {:?}", found.findings);
    }
}

/// Offsets expire under pipelines of every promise, which begin again wherever their policy says.
#[test]
fn offsets_of_pipelines_may_expire() {
    let scenario = ("expiring-pipelines", include_str!("held/expiring-pipelines.toml"));
    for seed in [3, 42, 75, 82, 83, 116, 144, 278, 355] {
        let found = verdict_of(scenario, seed, []);
        assert_eq!(found.outcome, Outcome::Held, "{seed}: {:?}", found.findings);
    }
}

/// What a rule of the watch took for broken once, and is not: scenarios of readers, and a seed that showed it.
#[test]
fn what_was_found_in_vain_holds() {
    let rows = [
        ("slow-activation", include_str!("held/slow-activation.toml"), 2),
        ("stalled-heartbeats", include_str!("held/stalled-heartbeats.toml"), 16),
        ("static-upgrade", include_str!("held/static-upgrade.toml"), 1),
        ("initial-pause", include_str!("held/initial-pause.toml"), 1),
        ("static-lost-answer", include_str!("held/static-lost-answer.toml"), 2),
        ("stalled-deposed", include_str!("held/stalled-deposed.toml"), 14),
        ("converted-unwritten", include_str!("held/converted-unwritten.toml"), 6),
    ];
    for (name, text, seed) in rows {
        let found = verdict_of((name, text), seed, []);
        assert_eq!(found.outcome, Outcome::Held, "{name} {seed}: {:?}", found.findings);
    }
}

#[test]
fn every_scenario_holds() {
    for entry in CATALOGUE {
        holds(entry.name, WHOLE);
    }
}

/// A mark that is rare is asked of a sweep, not of each run.
fn holds(scenario: &str, seed: u64) {
    with_played(scenario, seed, [], |Played { verdict, .. }| {
        let findings: Vec<_> =
            verdict.findings.iter().map(|finding| (&finding.anomaly, &finding.summary)).collect();
        let outcome = verdict.outcome_apart_from_reach();
        assert_eq!(outcome, Outcome::Held, "{scenario} {seed}: {findings:?}");
    });
}
