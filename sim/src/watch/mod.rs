//! Online invariants over true state, one file each.
//!
//! [`Observer`] is what the world talks to: it hands each note to the invariants, which judge it by the state before
//! it, and then to the [`ClusterView`]. Monitors only read: a run is the same with and without them.
//!
//! What is promised, by the names that the sources use, and where it is checked:
//!
//! | promise | file |
//! |---|---|
//! | log matching; appends at the end; no offset is used twice | `log_matching` |
//! | true high watermark grows and never changes; commit rule; commits need `min.insync.replicas` | `commit_rule` |
//! | local high watermark within the log, monotone in an epoch | `high_watermark` |
//! | ISR as registered (`StrongIsr`) and as the leader believes (`WeakIsr`); who joins, who stays | `membership` |
//! | leader completeness; unclean elections | `election` |
//! | one leader an epoch; epochs grow; shape of ISR and ELR; fenced brokers; broker epochs | `leadership` |
//! | changes of the ISR come from the present leader, its version and live uptimes | `proposals` |
//! | no committed truncation | `truncation` |
//! | acknowledgements, duplicates' places, refusals | `ack_rule` |
//! | fetches and end offsets; a record stays what was read (`ConsistentRead`) | `read_rule` |
//! | votes, quorum epochs and commits; metadata is one sequence for all | `quorum` |
//! | votes and epochs are durable before they are shown; memory and disk agree | `quorum_disk` |
//! | reopened logs: nothing invented, nothing flushed lost; nothing committed lost everywhere | `recovery` |
//! | at the end: replicas agree below their high watermarks | `audit` |
//! | log starts | `log_start` |
//! | sequences and epochs of producers in the committed log | `sequence` |
//! | producers as a new leader knows them; producer ids | `producer_state` |
//! | transactions: states, decisions, markers, hanging records, fencing | `transactions` |
//! | last stable offset; `read_committed` | `stable_offset` |
//! | partitions of a group have one owner | `ownership` |
//! | whose fetches count for a leader | `following` |
//! | ends of epochs that are told; leader-epoch caches | `epoch_ends` |
//! | clean stops: durable, told once, and not taken for what they are not | `clean_stop` |
//! | brokers act on registrations in order, and not before their own | `standing` |
//! | batches refused for epoch or sequence | `refusal` |
//! | who lags leaves the ISR in time | `lag` |
//! | a leader of the quorum without followers resigns | `check_quorum` |
//! | nobody stands for election while a majority follows a leader of the quorum | `pre_vote` |
//! | brokers are unfenced when they are ready, and shut down when they ask | `fencing` |
//! | where consumers go that are out of range | `position` |
//!
//! Nowhere: snapshots of the metadata log, changes of the voter set, retention by time or size, compaction, offsets
//! committed by groups, since the model has none of them; that a broker is fenced before its next uptime registers,
//! since Kafka lets it register once its session is over.

mod ack_rule;
mod audit;
mod check_quorum;
mod clean_stop;
mod commit_rule;
mod dispatch;
mod election;
mod epoch_ends;
mod fencing;
mod finding;
mod follower_lag;
mod following;
mod high_watermark;
mod leadership;
mod log_matching;
mod log_start;
mod membership;
mod metadata_freshness;
mod ownership;
mod position;
mod pre_vote;
mod producer_state;
mod proposals;
mod quorum;
mod quorum_disk;
mod read_rule;
mod recovery;
mod refusal;
mod running_since;
mod sequence;
mod stable_offset;
mod transactions;
mod truncation;

use harrow_broker_model::note::{BatchSummary, Note};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

pub use finding::{Anomaly, Invariant};
pub(crate) use transactions::state_name as transaction_state;

use dispatch::Watch;
use finding::Context;

use crate::plan::Plan;
use crate::view::ClusterView;
use crate::violation::Violation;

/// Every invariant.
pub const INVARIANTS: [Invariant; 30] = [
    commit_rule::INVARIANT,
    log_matching::INVARIANT,
    election::INVARIANT,
    membership::INVARIANT,
    leadership::INVARIANT,
    high_watermark::INVARIANT,
    truncation::INVARIANT,
    ack_rule::INVARIANT,
    read_rule::INVARIANT,
    sequence::INVARIANT,
    quorum::INVARIANT,
    recovery::INVARIANT,
    audit::INVARIANT,
    log_start::INVARIANT,
    proposals::INVARIANT,
    quorum_disk::INVARIANT,
    producer_state::INVARIANT,
    transactions::INVARIANT,
    stable_offset::INVARIANT,
    ownership::INVARIANT,
    following::INVARIANT,
    epoch_ends::INVARIANT,
    clean_stop::INVARIANT,
    metadata_freshness::INVARIANT,
    refusal::INVARIANT,
    follower_lag::INVARIANT,
    check_quorum::INVARIANT,
    pre_vote::INVARIANT,
    fencing::INVARIANT,
    position::INVARIANT,
];

/// The true state and the invariants over it.
#[derive(Debug)]
pub struct Observer {
    view: ClusterView,
    watch: Watch,
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
        Self { view: ClusterView::new(plan), watch: Watch::new(plan) }
    }

    /// Nodes state every fact that there is: what was not stated did not happen.
    pub fn expect_all_facts(&mut self) {
        self.view.expect_all_facts();
    }

    /// The cluster keeps no eligible leader replicas, as before KIP-966.
    #[must_use]
    pub fn without_eligible_replicas(mut self) -> Self {
        self.view.forget_eligible_replicas();
        self
    }

    /// The true state.
    pub fn view(&self) -> &ClusterView {
        &self.view
    }

    /// A process starts: before its first event.
    pub fn process_started(&mut self, _at_ns: u64, node: NodeId) {
        self.watch.process_started(node);
        self.view.process_started(node);
    }

    /// A process stands still from now on, paused or in a blocking sync, or goes on.
    pub fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        self.watch.process_blocked(at_ns, node, still);
    }

    /// An application is about to tell its consumer where to read: what it was given before says nothing about that.
    pub fn consumer_assigned(&mut self, node: NodeId) {
        self.watch.consumer_assigned(node);
    }

    /// A process ended: crash, power loss, wipe or halt. `lossy` if it may find less on its disk than it wrote.
    pub fn process_ended(&mut self, at_ns: u64, node: NodeId, lossy: bool) {
        self.watch.process_ended(at_ns, &self.view, node);
        self.view.process_ended(at_ns, node, lossy);
    }

    /// A node is about to handle a fetch of the metadata log that another one made in an epoch of the quorum.
    pub fn quorum_fetched(&mut self, at_ns: u64, at: NodeId, by: NodeId, epoch: LeaderEpoch) {
        self.watch.quorum_fetched(at_ns, at, by, epoch);
    }

    /// A node's disk was emptied, and with it what the node remembers across restarts.
    pub fn disk_wiped(&mut self, node: NodeId) {
        self.watch.disk_wiped(node);
    }

    /// A bit of one of a node's logs flipped: who opens it may find less than was written, or something else.
    pub fn log_rotted(&mut self, node: NodeId, partition: TopicPartition) {
        self.view.log_rotted(node, partition);
    }

    /// A node is about to lose power; of one of its logs, these batches are on the platter, in order.
    pub fn log_flushed(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        batches: &[BatchSummary],
    ) {
        self.watch.log_flushed(&self.view, node, partition, batches);
    }

    /// A node is about to state that something is on its disk, and the disk says whether it has all of that for good.
    pub fn disk_answers(&mut self, node: NodeId, durable: bool) {
        self.watch.disk_answers(node, durable);
    }

    /// A node is about to state that it opened a log: on its disk, sound batches go up to `end`, and the log is
    /// `whole` if
    /// there is nothing else.
    pub fn log_found(&mut self, node: NodeId, partition: TopicPartition, end: Offset, whole: bool) {
        self.watch.log_found(node, partition, end, whole);
    }

    /// A node stated a note. `event` is the ordinal of the event that it was handling.
    pub fn observe(&mut self, at_ns: u64, event: u64, node: NodeId, note: &Note) {
        let context = Context { at_ns, event, node, view: &self.view };
        self.watch.observe(&context, note);
        self.view.observe(at_ns, node, note);
    }

    /// At the end of a run: a live replica's own log is compared with the mirror, so that a missing or false note does
    /// not go unnoticed. `batches` are those from the log start on.
    pub fn audit_replica(
        &mut self,
        at_ns: u64,
        event: u64,
        audit: ReplicaAudit,
        batches: impl Iterator<Item = BatchSummary>,
    ) {
        let context = Context { at_ns, event, node: audit.node, view: &self.view };
        audit::on_audit(&context, &mut self.watch.findings, audit, batches);
    }

    /// Takes out what was found, in order of time: the first of each anomaly and partition.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        self.watch.findings.take()
    }
}
