//! High watermarks of single replicas.
//!
//! Promise: a high watermark is never above the log end; a leader's never falls within an epoch and uptime; a
//! follower's is never above what is truly committed, as long as no election has lost records.
//! Source: `UnifiedLog.updateHighWatermark`; KIP-966 TLA+ specification, section 6.4.
//! Not verified: a follower's high watermark may fall, and a new leader's may start below the true one: both are legal.

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

pub(super) const INVARIANT: Invariant = Invariant {
    name: "high-watermark",
    promise: "a high watermark covers committed records of the own log only and a leader's never falls",
    source: "UnifiedLog.updateHighWatermark",
    leaves_out: "falls of a follower's, which are legal",
    anomalies: &[REGRESS, BEYOND_END, AHEAD],
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
        } else if to > view.committed.end() && view.lost_in.is_none() {
            findings.report(context, &AHEAD, (partition, view.committed.end(), to.plus(-1)), || {
                let committed = view.committed.end();
                format!("follower {} in epoch {epoch}: high watermark {to}, committed end {committed}", context.node)
            });
        }
        true
    }

    /// A process starts: its leaders' high watermarks start anew.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.led.retain(|(_, leader), _| *leader != node);
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
