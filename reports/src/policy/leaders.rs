//! When a partition's leader changed, where that is known: only then is lost what a leader alone had, since who follows
//! it goes on from its own log. Source: Kafka's documentation of `acks`; KIP-101.

use std::collections::BTreeMap;

use harrow_sim::run::Run;
use harrow_sim::truth::{Acknowledged, Election, PartitionTruth};

/// A leader was elected after another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderChange {
    /// When, in nanoseconds.
    pub elected_ns: u64,
    /// When a leader of before acknowledged its last record: until then it had not heard of the election, and what it
    /// said is gone as well. Not before the election.
    pub deposed_until_ns: u64,
}

impl LeaderChange {
    /// Whether it may have taken what was written since one time and missed at the other.
    pub(super) fn is_between(&self, since_ns: u64, at_ns: u64) -> bool {
        self.elected_ns <= at_ns && since_ns <= self.deposed_until_ns
    }
}

/// When leaders changed, by position of the partition in the history; a partition that nobody watched is not named.
pub(super) fn leader_changes(run: &Run) -> BTreeMap<u32, Vec<LeaderChange>> {
    let watched = run.history.partitions.len() == run.partitions.len();
    let partitions = (0_u32..).zip(&run.partitions).filter(|_| watched);
    partitions.map(|(position, truth)| (position, changes_of(truth))).collect()
}

fn changes_of(truth: &PartitionTruth) -> Vec<LeaderChange> {
    let change = |election: &Election| {
        let Election { at_ns: elected_ns, leader_epoch } = *election;
        let deposed = |it: &&Acknowledged| it.leader_epoch < leader_epoch;
        let last_ns = truth.acknowledged.iter().filter(deposed).map(|it| it.at_ns).max();
        let deposed_until_ns = last_ns.map_or(elected_ns, |last_ns| last_ns.max(elected_ns));
        LeaderChange { elected_ns, deposed_until_ns }
    };
    truth.elections.iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::types::LeaderEpoch;

    use super::*;

    #[test]
    fn a_change_lasts_until_the_leader_before_is_silent() {
        let ack = |at_ns, epoch| Acknowledged {
            at_ns,
            first: 0,
            last: 0,
            leader_epoch: LeaderEpoch(epoch),
            acks: 1,
            committed: true,
        };
        let elections = vec![Election { at_ns: 20, leader_epoch: LeaderEpoch(3) }];
        let acknowledged = vec![ack(5, 2), ack(27, 2), ack(40, 3)];
        let truth = PartitionTruth { elections, acknowledged, ..PartitionTruth::default() };
        let change = changes_of(&truth)[0];
        assert_eq!(change, LeaderChange { elected_ns: 20, deposed_until_ns: 27 });
        // written since, missed at -> explained
        let table = [((4, 19), false), ((4, 20), true), ((27, 50), true), ((28, 50), false)];
        for ((since_ns, at_ns), explained) in table {
            assert_eq!(change.is_between(since_ns, at_ns), explained, "{since_ns} to {at_ns}");
        }
    }
}
