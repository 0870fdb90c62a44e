//! How the true state changed in the course of a run: what a picture of it is drawn from.
//!
//! It is kept beside the trace and made from the view, which mirrors what nodes state: after each fact, what the node
//! that stated it now has is compared with what it had. A run without a trace keeps nothing and compares nothing.

use std::collections::BTreeMap;

use harrow_broker_model::note::{PartitionRegistration, QuorumRole};
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use crate::view::{ClusterView, PartitionView, ReplicaRole, ReplicaView};

/// All changes, each kind in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// Of replicas; the metadata log of each voter and broker is one, too.
    pub replicas: Vec<Change<(NodeId, TopicPartition), ReplicaState>>,
    /// Of what is registered of partitions.
    pub registrations: Vec<Change<TopicPartition, PartitionRegistration>>,
    /// Of what is committed: the true high watermark.
    pub committed: Vec<Change<TopicPartition, i64>>,
    /// Of the voters of the quorum.
    pub voters: Vec<Change<NodeId, VoterState>>,
    /// Of processes.
    pub processes: Vec<Change<NodeId, ProcessState>>,
}

/// Something is otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<Key, State> {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// Ordinal of the event.
    pub event: u64,
    /// Of what.
    pub of: Key,
    /// How it is from now on.
    pub state: State,
}

/// What a replica has and believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaState {
    /// The offset after its last record.
    pub log_end_offset: i64,
    /// Its own high watermark.
    pub high_watermark: i64,
    /// In which epoch it acts.
    pub leader_epoch: LeaderEpoch,
    /// What it does.
    pub role: ReplicaRole,
    /// The ISR as it believes, if it leads.
    pub isr: Vec<NodeId>,
}

/// What a voter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoterState {
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Its role in it.
    pub role: QuorumRole,
    /// The leader that it knows.
    pub leader: Option<NodeId>,
    /// Whether it acts as the active controller.
    pub active: bool,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It does.
    Up,
    /// It does not; its files are as it wrote them.
    Down,
    /// It does not, and may find less on its disk than it wrote.
    DownLossy,
}

/// Compares what is with what was.
#[derive(Debug, Default)]
pub(crate) struct TimelineRecorder {
    timeline: Timeline,
    replicas: BTreeMap<(NodeId, TopicPartition), ReplicaState>,
    registrations: BTreeMap<TopicPartition, PartitionRegistration>,
    committed: BTreeMap<TopicPartition, i64>,
    voters: BTreeMap<NodeId, VoterState>,
}

impl TimelineRecorder {
    /// A process starts or ends.
    pub(crate) fn process(
        &mut self,
        (at_ns, event): (u64, u64),
        node: NodeId,
        state: ProcessState,
    ) {
        self.timeline.processes.push(Change { at_ns, event, of: node, state });
    }

    /// A node has changed something, or somebody has changed something of it.
    pub(crate) fn look(&mut self, moment: (u64, u64), node: NodeId, view: &ClusterView) {
        self.look_at_replica(moment, node, view.metadata_log());
        for partition in view.partitions() {
            self.look_at_replica(moment, node, partition);
            self.look_at_partition(moment, partition);
        }
        if let Some(voter) = view.quorum().voter(node) {
            let state = VoterState {
                epoch: voter.epoch,
                role: voter.role,
                leader: voter.leader,
                active: voter.active_in.is_some(),
            };
            note_change(&mut self.voters, &mut self.timeline.voters, moment, (node, state));
        }
    }

    fn look_at_replica(&mut self, moment: (u64, u64), node: NodeId, partition: &PartitionView) {
        let Some(replica) = partition.replica(node) else { return };
        let (of, state) = ((node, partition.partition), state_of(replica));
        note_change(&mut self.replicas, &mut self.timeline.replicas, moment, (of, state));
    }

    fn look_at_partition(&mut self, moment: (u64, u64), view: &PartitionView) {
        let (of, timeline) = (view.partition, &mut self.timeline);
        if let Some(now) = &view.registration
            && self.registrations.get(&of) != Some(now)
        {
            let change = (of, now.clone());
            note_change(&mut self.registrations, &mut timeline.registrations, moment, change);
        }
        let end = view.committed.end().0;
        note_change(&mut self.committed, &mut timeline.committed, moment, (of, end));
    }

    /// All changes.
    pub(crate) fn finish(self) -> Timeline {
        self.timeline
    }
}

fn state_of(replica: &ReplicaView) -> ReplicaState {
    let leads = replica.role == ReplicaRole::Leader;
    ReplicaState {
        log_end_offset: replica.log.end().0,
        high_watermark: replica.high_watermark.0,
        leader_epoch: replica.leader_epoch,
        role: replica.role,
        isr: if leads { replica.isr.members.clone() } else { Vec::new() },
    }
}

fn note_change<Key: Ord + Copy, State: PartialEq + Clone>(
    known: &mut BTreeMap<Key, State>,
    changes: &mut Vec<Change<Key, State>>,
    (at_ns, event): (u64, u64),
    (of, state): (Key, State),
) {
    if known.get(&of) != Some(&state) {
        known.insert(of, state.clone());
        changes.push(Change { at_ns, event, of, state });
    }
}
