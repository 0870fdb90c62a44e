//! What excuses internal violations: damage that the watch cannot see, done before the violation showed.
//!
//! The watch knows crashes, power losses, wipes, rot and elections exactly, and judges by them. What is weighed here is
//! what follows from a disk that lied, from damage that was read and believed, and from metadata that is gone.

use harrow_broker_model::types::TopicPartition;
use harrow_sim::history::asked_name;
use harrow_sim::plan::Plan;
use harrow_sim::run::{InjectedFault, Run};
use harrow_sim::violation::Violation;

use super::damage::{OF_DATA, place_of};
use super::promised::NO_LOSS;
use super::reason::Reason;
use super::terms::{OFFSETS_TOPIC, SHARE_STATE_TOPIC, TRANSACTIONS_TOPIC, Terms};

/// Internal anomalies that a damaged disk causes at its own node, and that nothing else excuses.
const OF_DISKS: [&str; 18] = [
    "hole-in-log",
    "replaced-value-kept",
    "recovery-lost-records",
    "recovery-lost-flushed",
    "recovery-out-of-bounds",
    "recovery-invented-records",
    "vote-not-durable",
    "snapshot-not-durable",
    "metadata-deleted-uncovered",
    "clean-stop-not-durable",
    "recovery-kept-damage",
    "epoch-cache-mismatch",
    "mirror-mismatch",
    "double-vote",
    "controller-epoch-regress",
    "controller-epoch-resumed",
    "log-start-regress",
    "deleted-records-return",
];

/// Records were deleted before retention let them go.
const TOO_SHORT: &str = "retained-too-short";

/// Internal anomalies that tell how many voters have something: one voter less breaks them.
const OF_VOTERS: [&str; 2] = ["committed-metadata-lost", "metadata-commit-not-durable"];

/// Internal anomalies that a coordinator causes which has forgotten what it had said, by the topic of its records.
const OF_COORDINATORS: [(&str, &[&str]); 3] = [
    (
        OFFSETS_TOPIC,
        &[
            "double-ownership",
            "active-group-deleted",
            "live-offset-expired",
            "member-epoch-regress",
            "answer-before-commit",
            "revocation-unacknowledged",
            "stale-commit-accepted",
            "ungiven-partition-taken",
            "rebalance-overdue",
            "deleted-offset-told",
            "foreign-commit-accepted",
        ],
    ),
    (
        TRANSACTIONS_TOPIC,
        &[
            "illegal-txn-transition",
            "fenced-producer-accepted",
            "marker-without-decision",
            "marker-wrong-txn",
            "torn-txn",
            "hanging-txn",
            "transaction-overdue",
            "decided-end-refused",
            // An epoch is given again, and what is sent in it looks like what was sent in it before.
            "ack-of-other-record",
        ],
    ),
    (SHARE_STATE_TOPIC, &["share-done-again", "share-loss", "share-zombie-write"]),
];

/// Whether an internal anomaly is about what a group's coordinator says, though it is about a partition, too.
pub(crate) fn is_of_groups(anomaly: &str) -> bool {
    let of_groups = OF_COORDINATORS.iter().filter(|(topic, _)| *topic == OFFSETS_TOPIC);
    of_groups.flat_map(|(_, anomalies)| *anomalies).any(|one| *one == anomaly)
}

/// Why an internal violation is legal.
pub fn excuse_violation(
    terms: &Terms,
    plan: &Plan,
    run: &Run,
    violation: &Violation,
) -> Option<Reason> {
    let (anomaly, at_ns) = (violation.anomaly.as_str(), violation.at_ns);
    if OF_DISKS.contains(&anomaly) {
        let node = violation.node;
        let mut corrupted = terms.corrupted.iter();
        let harmed = corrupted.any(|one| one.node == node.0 && one.at_ns <= at_ns);
        return harmed.then(|| {
            let text = format!("the disk of node {node} was made to lie or to rot");
            Reason::of("a node's disk was made to lie or to rot", text).unless(NO_LOSS)
        });
    }
    if anomaly == TOO_SHORT {
        return wrong_clock(run, at_ns);
    }
    if violation.partition == Some(TopicPartition::METADATA) {
        let of_one = OF_VOTERS.contains(&anomaly);
        let damage = if of_one { &terms.voter_damage } else { &terms.quorum_damage };
        let damage = damage.as_ref().filter(|damage| damage.at_ns <= at_ns);
        return damage.map(|damage| Reason::plain(damage.reason.clone()).unless(NO_LOSS));
    }
    terms
        .metadata_gone(at_ns)
        .or_else(|| terms.corrupt_logs(place_of(run, violation)?, at_ns))
        .or_else(|| lost_by_brokers(terms, plan, run, violation))
        .or_else(|| lost_by_coordinators(terms, violation))
}

/// Why records may have been deleted early: retention goes by wall clocks, of producers and of brokers.
fn wrong_clock(run: &Run, at_ns: u64) -> Option<Reason> {
    let set = |fault: &&InjectedFault| {
        let clock = matches!(fault.kind.as_str(), "step-clock" | "drift-clock");
        clock && fault.held_back.is_none() && fault.at_ms.saturating_mul(1_000_000) <= at_ns
    };
    let fault = run.faults.iter().find(set)?;
    let cause = "retention.ms goes by the clocks of producers and brokers, and one was set wrong";
    Some(Reason::of(cause, format!("{cause}: {}", fault.summary)))
}

fn lost_by_brokers(terms: &Terms, plan: &Plan, run: &Run, violation: &Violation) -> Option<Reason> {
    if !OF_DATA.contains(&violation.anomaly.as_str()) {
        return None;
    }
    let between = (0, violation.at_ns);
    let name = violation.partition.and_then(|partition| run.topics.get(&partition.topic))?;
    if terms.internal_topic(name).is_some() {
        return terms.forgetful_coordinator(name, between);
    }
    let name = asked_name(name);
    let topic = plan.topics.iter().find(|planned| planned.name == *name)?;
    terms.damage_reason(topic.min_insync_replicas, between)
}

/// What a coordinator says rests on the records of its topic: with these, it forgets.
fn lost_by_coordinators(terms: &Terms, violation: &Violation) -> Option<Reason> {
    let anomaly = violation.anomaly.as_str();
    let mut topics = OF_COORDINATORS.iter();
    let (topic, _) = topics.find(|(_, anomalies)| anomalies.contains(&anomaly))?;
    terms.forgetful_coordinator(topic, (0, violation.at_ns))
}
