//! What several wings of the watch go by: facts of one family by which others are judged.

use std::collections::BTreeMap;

use harrow_broker_model::note::{ControllerNote, Note, QuorumNote};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::calm::Calm;
use super::timing::RunningSince;
use crate::plan::Plan;

/// What several wings go by.
#[derive(Debug)]
pub(super) struct Shared {
    /// Since when nothing stands in the way.
    pub(super) calm: Calm,
    /// Since when each process goes on.
    pub(super) running_since: RunningSince,
    /// Where a leader's high watermark has risen to with this note, if the commit rule allows it.
    pub(super) committed: Option<(TopicPartition, Offset)>,
    /// The offset that the node had applied before this note, which applies the next one.
    pub(super) applied_before: Option<Offset>,
    /// The metadata offset that each running node applied last.
    applied: BTreeMap<NodeId, Offset>,
    /// What each node's disk answered last.
    durable: BTreeMap<NodeId, bool>,
}

impl Shared {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            calm: Calm::new(plan),
            running_since: RunningSince::default(),
            committed: None,
            applied_before: None,
            applied: BTreeMap::new(),
            durable: BTreeMap::new(),
        }
    }

    /// A process starts: it reads the metadata log anew.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.applied.remove(&node);
    }

    /// A node is about to state something that the wings will judge.
    #[inline]
    pub(super) fn on_note(&mut self, node: NodeId, note: &Note) {
        self.committed = None;
        if let Note::Controller(ControllerNote::MetadataApplied { offset, .. }) = note {
            self.applied_before = self.applied.insert(node, *offset);
        } else if let Note::Quorum(QuorumNote::SnapshotLoaded { snapshot, .. }) = note {
            self.applied.insert(node, snapshot.end_offset.plus(-1));
        }
    }

    /// What the node's disk says of what the node is about to state: whether all of it would survive a power loss.
    pub(super) fn on_disk_answer(&mut self, node: NodeId, durable: bool) {
        self.durable.insert(node, durable);
    }

    /// The last metadata offset that a running node has applied.
    pub(super) fn applied_by(&self, node: NodeId) -> Option<Offset> {
        self.applied.get(&node).copied()
    }

    /// What the disk said last. Without a word from it, the node is believed.
    pub(super) fn is_durable(&self, node: NodeId) -> bool {
        self.durable.get(&node).copied().unwrap_or(true)
    }
}
