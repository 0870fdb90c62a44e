//! High watermarks of single replicas.
//!
//! Promise: a high watermark is never above the log end; a leader's never falls within an epoch and uptime; a
//! follower's is never above what is truly committed; and what it covers is what is committed, at followers and at who
//! begins to lead. After an election that lost records, what its leader made of the log is what is committed.
//! Source: `UnifiedLog.updateHighWatermark`; KIP-966 TLA+ specification, section 6.4.
//! Not verified: a follower's high watermark may fall, and a new leader's may start below the true one: both are legal.
//! Who has not heard of the epoch in which records were lost goes by what was committed before; what is below the start
//! of a log is gone, whatever it was.

use std::collections::BTreeMap;

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const REGRESS: Anomaly = Anomaly {
    name: "hw-regress-same-epoch",
    guarantee: Guarantee::Replication,
    meaning: "a leader's high watermark fell within one epoch",
};
const BEYOND_END: Anomaly = Anomaly {
    name: "hw-above-leo",
    guarantee: Guarantee::Replication,
    meaning: "a high watermark is above the log end",
};
const AHEAD: Anomaly = Anomaly {
    name: "high-watermark-ahead",
    guarantee: Guarantee::Visibility,
    meaning: "a replica's high watermark is above what is committed",
};

const DIFFERS: Anomaly = Anomaly {
    name: "high-watermark-differs",
    guarantee: Guarantee::Replication,
    meaning: "a replica's high watermark covers other records than those that are committed",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "high-watermark",
    promise: "a high watermark covers committed records of the own log only and a leader's never falls",
    source: "UnifiedLog.updateHighWatermark",
    leaves_out: "falls of a follower's, which are legal; replicas that have not heard of a loss",
    anomalies: &[REGRESS, BEYOND_END, AHEAD, DIFFERS],
};

/// Where leaders' high watermarks stand.
#[derive(Debug, Default)]
pub(super) struct HighWatermarks {
    led: BTreeMap<(TopicPartition, NodeId), (LeaderEpoch, Offset)>,
}

/// A move of a high watermark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    pub(super) partition: TopicPartition,
    pub(super) epoch: LeaderEpoch,
    pub(super) as_leader: bool,
    pub(super) to: Offset,
}

impl HighWatermarks {
    /// A high watermark moved. Returns whether it is within the log.
    pub(super) fn on_moved(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        moved: Move,
    ) -> bool {
        let Move { partition, epoch, as_leader, to } = moved;
        let Some(view) = context.view.partition(partition) else { return true };
        let end = view.replica(context.node).map_or(Offset::ZERO, |replica| replica.log.end());
        if to > end {
            findings.report(context, &BEYOND_END, partition, || {
                format!("node {}: high watermark {to}, log end {end}", context.node)
            });
            return false;
        }
        if as_leader {
            self.check_led(context, findings, moved);
        } else if to > view.committed.end() && !view.lost_since(epoch) {
            findings.report(context, &AHEAD, (partition, view.committed.end(), to.plus(-1)), || {
                let committed = view.committed.end();
                format!("follower {} in epoch {epoch}: high watermark {to}, committed end {committed}", context.node)
            });
        } else {
            check_covered(context, findings, partition, (epoch, to));
        }
        true
    }

    /// A process starts: its leaders' high watermarks start anew.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.led.retain(|(_, leader), _| *leader != node);
    }

    /// A node begins to lead, with its own high watermark. After a loss, what a replica has that lost something itself
    /// is what is committed as soon as it leads.
    pub(super) fn on_became_leader(
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (epoch, to): (LeaderEpoch, Offset),
    ) {
        let Some(view) = context.view.partition(partition) else { return };
        let lossy = view.replica(context.node).is_some_and(|replica| replica.lossy);
        if view.lost_in.is_none() || !lossy {
            check_covered(context, findings, partition, (epoch, to));
        }
    }

    fn check_led(&mut self, context: &Context<'_>, findings: &mut Findings, moved: Move) {
        let key = (moved.partition, context.node);
        let (epoch, before) = *self.led.entry(key).or_insert((moved.epoch, moved.to));
        if epoch == moved.epoch && moved.to < before {
            findings.report(context, &REGRESS, (moved.partition, moved.to, before), || {
                format!(
                    "leader {}: high watermark fell from {before} to {} in epoch {epoch}",
                    context.node, moved.to
                )
            });
        }
        self.led.insert(key, (moved.epoch, moved.to));
    }
}

/// Below a replica's high watermark, its log is the committed one.
fn check_covered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (epoch, to): (LeaderEpoch, Offset),
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(replica) = view.replica(context.node) else { return };
    if view.lost_since(epoch) {
        return;
    }
    let to = to.min(view.committed.end());
    if !replica.log.is_same_up_to(&view.committed, (replica.log_start_offset, to)) {
        let same = view.committed.common_end(&replica.log);
        findings.report(context, &DIFFERS, (partition, same, to.plus(-1)), || {
            format!(
                "node {} has high watermark {to}; its log is as committed up to {same} only",
                context.node
            )
        });
    }
}
