//! Every scenario is used: which rules each one is about, by the known bugs that break them. Each must make itself felt
//! there, or the scenario does not reach the rule.

use std::collections::BTreeSet;

use harrow_broker_model::defect::Defect;
use harrow_scenarios::catalogue::{CATALOGUE, find};
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;

/// Seeds of which one must take another course.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// What each scenario is about.
#[rustfmt::skip]
const SUBJECTS: &[(&str, &[&str])] = &[
    ("calm", &["first-batches-together", "no-pre-vote", "truncate-to-hw", "lost-wakeup"]),
    ("leader-crash", &["no-fetch-epoch-fencing", "truncate-to-hw", "derived-state-from-files"]),
    ("follower-crash", &["stale-partition-epoch", "isr-expand-only-hw", "no-hw-on-shrink"]),
    ("power-loss", &["derived-state-from-files", "isr-expand-only-hw", "unclean-election"]),
    ("partition-leader", &["no-fetch-epoch-fencing", "no-hw-on-shrink", "stale-partition-epoch"]),
    ("one-way-partition", &["hw-uses-proposed-isr", "no-fetch-epoch-fencing", "no-pre-vote"]),
    ("controller-failover", &["vote-not-persisted", "no-pre-vote", "hw-uses-proposed-isr"]),
    ("rolling-restart", &["marker-deletion-not-synced", "derived-state-from-files"]),
    ("slow-disk", &["no-pre-vote", "no-hw-on-shrink", "derived-state-from-files"]),
    ("clock-skew", &["lag-by-wall-clock"]),
    ("whole-cluster-outage", &["unclean-election", "derived-state-from-files"]),
    ("lost-response", &["no-dedup", "lost-wakeup", "session-misses-watermark"]),
    ("slow-follower", &["hw-uses-proposed-isr", "no-hw-on-shrink", "stale-partition-epoch"]),
    ("impatient-producers", &["expiry-unmarked", "isr-expand-only-hw", "unclean-election"]),
    ("unheard-producer", &["renumbers-in-flight", "unclean-election", "no-dedup"]),
    ("large-batches", &["first-batches-together", "truncate-to-hw", "lost-wakeup"]),
    ("stopped-and-struck", &["marker-deletion-not-synced", "derived-state-from-files"]),
    ("cut-and-struck", &["recovery-trusts-remainders", "derived-state-from-files"]),
    ("flush-race", &["recovery-keeps-gaps", "isr-expand-only-hw"]),
    ("forgotten-producers", &["derived-state-from-files", "no-dedup"]),
    ("unclean-trap", &["unclean-election", "no-hw-on-shrink"]),
    ("unclean-allowed", &["renumbers-in-flight", "hw-uses-proposed-isr", "no-hw-on-shrink"]),
    ("elr-off", &["isr-expand-only-hw", "unclean-election", "no-fetch-epoch-fencing"]),
    ("leader-balance", &["no-fetch-epoch-fencing", "marker-deletion-not-synced"]),
    ("quick-failover", &["truncate-to-hw", "isr-expand-only-hw"]),
    ("catch-up-race", &["isr-expand-only-hw", "equal-epoch-ends-proposal"]),
    ("isr-race", &["hw-uses-proposed-isr", "isr-expand-only-hw"]),
    ("zombie-follower", &["no-fetch-epoch-fencing", "equal-epoch-ends-proposal"]),
    ("refused-join", &["equal-epoch-ends-proposal", "hw-uses-proposed-isr"]),
    ("unheard-proposal", &["proposal-takes-newest-epochs", "cuts-not-synced"]),
    ("stalled-publisher", &["reelection-keeps-followers", "no-fetch-epoch-fencing"]),
    ("late-traffic", &["isr-expand-only-hw", "no-fetch-epoch-fencing", "unclean-election"]),
    ("lone-controller", &["counts-before-flush", "vote-not-persisted"]),
    ("vote-storm", &["no-pre-vote", "vote-not-persisted"]),
    ("minority-stays-dead", &["no-hw-on-shrink", "stale-partition-epoch"]),
    ("swarm", &["hw-uses-proposed-isr", "stale-partition-epoch", "no-hw-on-shrink"]),
    ("swarm-lossy", &["no-fetch-epoch-fencing", "truncate-to-hw", "no-hw-on-shrink"]),
];

fn digest(scenario: &str, seed: u64, defect: Option<Defect>) -> u64 {
    let entry = find(scenario).expect("a name of the catalogue");
    let parsed = parse(entry.name, entry.text, &[])
        .unwrap_or_else(|error| panic!("{scenario}: {:?}", error.mistakes()));
    let mut plan = plan(&parsed, seed);
    plan.cluster.defects = defect.into_iter().collect();
    run(&plan, false).digest
}

#[test]
fn each_rule_that_a_scenario_is_about_is_reached_there() {
    let mut unreached = Vec::new();
    for (scenario, defects) in SUBJECTS {
        let sound: Vec<u64> = SEEDS.map(|seed| digest(scenario, seed, None)).collect();
        for name in *defects {
            let defect = Defect::from_name(name);
            assert!(defect.is_some(), "{scenario}: there is no defect {name}");
            let mut runs = SEEDS.zip(&sound);
            if !runs.any(|(seed, sound)| digest(scenario, seed, defect) != *sound) {
                unreached.push(format!("{scenario}: {name}"));
            }
        }
    }
    assert!(unreached.is_empty(), "{unreached:?}");
}

#[test]
fn every_scenario_is_about_something() {
    let about: BTreeSet<&str> = SUBJECTS.iter().map(|(scenario, _)| *scenario).collect();
    let listed: BTreeSet<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let shown: BTreeSet<&str> = Defect::all().map(|defect| defect.entry().scenario).collect();
    let unused: Vec<&&str> =
        listed.difference(&about).filter(|name| !shown.contains(*name)).collect();
    assert!(unused.is_empty(), "no rule is said to be reached in {unused:?}");
    assert!(SUBJECTS.iter().all(|(_, defects)| !defects.is_empty()));
}
