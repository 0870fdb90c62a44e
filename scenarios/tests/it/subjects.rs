//! Every scenario is used: which rules each one is about, by the known bugs that break them. Each must make itself felt
//! there, or the scenario does not reach the rule.

use std::collections::BTreeSet;

use harrow_broker_model::defect::Defect;
use harrow_scenarios::catalogue::CATALOGUE;

use super::played::with_played;

/// Seeds of which one must take another course.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=8;

/// What each scenario is about.
#[rustfmt::skip]
const SUBJECTS: &[(&str, &[&str])] = &[
    ("group-administration", &["commit-answered-at-append", "deletes-active-groups"]),
    ("work-queue", &["share-acquire-in-transition", "share-answered-before-stored"]),
    ("restless-consumers", &["commit-ignores-generation", "commit-answered-at-append"]),
    ("poison-record", &["commit-ignores-generation", "commit-answered-at-append"]),
    ("pattern-subscription", &["commit-answered-at-append"]),
    ("calm", &["first-batches-together", "no-pre-vote", "truncate-to-hw", "lost-wakeup"]),
    ("throttled-reassignment", &["throttles-in-sync", "throttle-delays-in-sync"]),
    ("leader-crash", &["no-hw-on-shrink", "truncate-to-hw", "derived-state-from-files"]),
    ("follower-crash", &["stale-partition-epoch", "commits-below-min-isr", "no-hw-on-shrink"]),
    ("power-loss", &["derived-state-from-files", "isr-expand-only-hw", "unclean-election"]),
    ("partition-leader", &["no-fetch-epoch-fencing", "no-hw-on-shrink", "stale-partition-epoch"]),
    ("one-way-partition", &["hw-uses-proposed-isr", "no-fetch-epoch-fencing", "no-pre-vote"]),
    ("controller-failover", &["vote-not-persisted", "no-pre-vote", "stale-partition-epoch"]),
    ("rolling-restart", &["marker-deletion-not-synced", "no-fetch-epoch-fencing"]),
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
    ("flush-race", &["recovery-keeps-gaps", "no-fetch-epoch-fencing"]),
    ("forgotten-producers", &["derived-state-from-files", "no-dedup"]),
    ("forgotten-transactions", &["expires-open-transactions", "markers-keep-nobody"]),
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
    ("late-traffic", &["stale-partition-epoch", "no-fetch-epoch-fencing", "unclean-election"]),
    ("late-proposal", &["hw-uses-proposed-isr", "no-fetch-epoch-fencing", "no-hw-on-shrink"]),
    ("lone-controller", &["counts-before-flush", "vote-not-persisted"]),
    ("vote-storm", &["no-pre-vote", "vote-not-persisted"]),
    ("voter-replacement", &["removed-leader-leads-on", "concurrent-voter-changes"]),
    ("minority-stays-dead", &["no-hw-on-shrink", "stale-partition-epoch"]),
    ("swarm", &["hw-uses-proposed-isr", "stale-partition-epoch", "no-hw-on-shrink"]),
    ("paused-coordinator", &["coordinator-not-unloaded", "txn-commit-ignores-generation"]),
    ("bank", &["commit-told-before-durable", "reads-past-stable-offset", "no-dedup"]),
    ("zombie-producer", &["commit-told-before-durable", "reads-past-stable-offset"]),
    ("slow-transactions", &["produce-unverified", "stable-at-marker"]),
    ("delayed-end-txn", &["commit-told-before-durable", "reads-past-stable-offset"]),
    ("exactly-once", &["txn-commit-ignores-generation", "commit-told-before-durable"]),
    ("at-least-once", &["commits-before-processing", "commit-ignores-generation"]),
    ("at-most-once", &["commit-ignores-generation", "commit-answered-at-append"]),
    ("swarm-transactions", &["txn-commit-ignores-generation", "reads-past-stable-offset"]),
    ("cooperative-rebalance", &["commit-ignores-generation", "commit-answered-at-append"]),
    ("next-gen-rebalance", &["assigns-before-revocation", "assigns-unreleased"]),
    ("late-member", &["assigns-before-revocation", "assigns-unreleased"]),
    ("slow-rebalance-listener", &["fenced-goes-on", "assigns-unreleased"]),
    ("delete-and-recreate", &["epochs-outlive-topics", "gone-topics-keep-epochs"]),
    ("settings-under-fire", &["elr-outlives-minimum", "unclean-election"]),
    ("grow-the-cluster", &["reassignment-ends-early", "drop-keeps-leader-epoch"]),
    ("log-directory-dies", &["appends-after-io-error", "offline-directory-stays-in-sync"]),
    ("disk-dies-while-down", &["unassigned-created-anew"]),
    ("protocol-upgrade", &["upgrade-forgets-holdings", "classic-member-not-told"]),
    (
        "upgrade-unanswered",
        &[
            "upgrade-frees-unrevoked",
            "upgrade-needs-generation",
            "downgrade-gives-targets",
        ],
    ),
    ("compacted-changelog", &["cleans-uncommitted", "tombstones-go-at-once", "cleaner-forgets-transactions"]),
    ("compaction-in-time", &["cleaner-ignores-max-lag"]),
    ("etl-pipeline", &["txn-commit-ignores-generation", "commit-told-before-durable"]),
    ("streaming-analytics", &["txn-commit-ignores-generation", "commit-told-before-durable"]),
    ("event-sourcing", &["commit-told-before-durable", "no-hw-on-shrink"]),
    ("log-aggregation", &["truncate-to-hw", "no-hw-on-shrink"]),
    ("metrics-collection", &["no-dedup", "renumbers-in-flight"]),
    ("decoupled-services", &["commits-before-processing", "commit-ignores-generation"]),
    ("fraud-detection", &["txn-commit-ignores-generation", "commit-told-before-durable"]),
    ("swarm-groups", &["commit-ignores-generation", "commit-answered-at-append"]),
    ("swarm-administration", &["drop-keeps-leader-epoch"]),
    ("swarm-requests", &["repeated-end-refused", "reads-past-stable-offset"]),
    ("swarm-lossy", &["no-fetch-epoch-fencing", "truncate-to-hw", "no-hw-on-shrink"]),
];

fn digest(scenario: &str, seed: u64, defect: Option<Defect>) -> u64 {
    with_played(scenario, seed, defect, |played| played.run.digest)
}

#[test]
fn each_rule_that_a_scenario_is_about_is_reached_there() {
    let mut unreached = Vec::new();
    for (scenario, defects) in SUBJECTS {
        for name in *defects {
            let defect = Defect::from_name(name);
            assert!(defect.is_some(), "{scenario}: there is no defect {name}");
            let is_felt = |seed| digest(scenario, seed, defect) != digest(scenario, seed, None);
            let mut seeds = SEEDS;
            if !seeds.any(is_felt) {
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
