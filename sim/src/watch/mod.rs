//! Online invariants over true state.
//!
//! [`Observer`] is what the world talks to: it hands each note to the invariants, which judge it by the state before
//! it, and then to the [`ClusterView`].

use harrow_broker_model::note::{BatchSummary, Note};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::plan::Plan;
use crate::view::ClusterView;
use crate::violation::Violation;

/// The true state and the invariants over it.
#[derive(Debug)]
pub struct Observer {
    view: ClusterView,
    violations: Vec<Violation>,
}

/// What a replica itself says of its log at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaAudit {
    /// Whose.
    pub node: NodeId,
    /// Which partition; [`TopicPartition::METADATA`] at controllers.
    pub partition: TopicPartition,
    /// First offset that may be read.
    pub log_start_offset: Offset,
    /// Offset of the next record.
    pub log_end_offset: Offset,
    /// Its own high watermark.
    pub high_watermark: Offset,
}

impl Observer {
    /// Before anything runs.
    pub fn new(plan: &Plan) -> Self {
        Self {
            view: ClusterView::new(plan),
            violations: Vec::new(),
        }
    }

    /// The true state.
    pub fn view(&self) -> &ClusterView {
        &self.view
    }

    /// A process starts: before its first event.
    pub fn process_started(&mut self, _at_ns: u64, node: NodeId) {
        self.view.process_started(node);
    }

    /// A process ended: crash, power loss, wipe or halt. `lossy` if it may find less on its disk than it wrote.
    pub fn process_ended(&mut self, at_ns: u64, node: NodeId, lossy: bool) {
        self.view.process_ended(at_ns, node, lossy);
    }

    /// A node stated a note. `event` is the ordinal of the event that it was handling.
    pub fn observe(&mut self, at_ns: u64, _event: u64, node: NodeId, note: &Note) {
        self.view.observe(at_ns, node, note);
    }

    /// At the end of a run: a live replica's own log is compared with the mirror, so that a missing or false note does
    /// not go unnoticed.
    pub fn audit_replica(
        &mut self,
        _at_ns: u64,
        _audit: ReplicaAudit,
        _batches: impl Iterator<Item = BatchSummary>,
    ) {
    }

    /// Whether anything was found so far.
    pub fn has_violation(&self) -> bool {
        !self.violations.is_empty()
    }

    /// Takes out what was found, in order of time: the first of each anomaly and partition.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }
}
