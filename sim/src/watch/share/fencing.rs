//! Whose writes a share coordinator takes.
//!
//! Promise: once a leader has read the state of a share-partition, nothing of an earlier leader is written after that.
//! Source: KIP-932, `ShareCoordinatorShard.readStateAndMaybeUpdateLeaderEpoch`; KAFKA-17796.
//! Goes by the order of records in `__share_group_state`, whenever they are stated as committed.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const ZOMBIE: Anomaly = Anomaly {
    name: "share-zombie-write",
    guarantee: Guarantee::Leadership,
    meaning: "a share coordinator has taken what a deposed leader wrote",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-fencing",
    promise: "nothing of an earlier leader is stored once a later one has read the share state",
    source: "KIP-932, KAFKA-17796",
    leaves_out: "reads that were never committed",
    anomalies: &[ZOMBIE],
};

/// Who has read, and behind which offset of the coordinator's log.
#[derive(Debug, Default)]
pub(super) struct Fencing {
    read: BTreeMap<(String, TopicPartition), (LeaderEpoch, Offset)>,
}

impl Fencing {
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        if let ShareNote::StateRead { group, partition, leader_epoch, at } = note {
            let key = (group.clone(), *partition);
            let known = self.read.entry(key).or_insert((*leader_epoch, *at));
            if *leader_epoch > known.0 {
                *known = (*leader_epoch, *at);
            }
        }
        if let ShareNote::StateWritten { group, partition, leader_epoch, at } = note {
            let read = self.read.get(&(group.clone(), *partition));
            let Some((epoch, since)) = read else { return };
            if leader_epoch < epoch && at > since {
                findings.report(context, &ZOMBIE, *partition, || {
                    format!(
                        "group {group}: the leader of epoch {leader_epoch} wrote at {at}, that of epoch {epoch} had \
                         read at {since}"
                    )
                });
            }
        }
    }
}
