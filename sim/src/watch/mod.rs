//! Online invariants over true state, one file each, in wings of the names of the families of facts.
//!
//! [`Observer`] is what the world talks to: it hands each note to the invariants, which judge it by the state before
//! it, and then to the [`ClusterView`]. Monitors only read: a run is the same with and without them.
//!
//! What is promised, by the names that the sources use, and where it is checked:
//!
//! | promise | file |
//! |---|---|
//! | log matching; appends at the end; no offset is used twice | `log/log_matching` |
//! | true high watermark grows, never changes; commit rule; `min.insync.replicas` | `replication/commit_rule` |
//! | local high watermark within the log, monotone in an epoch | `replication/high_watermark` |
//! | ISR as registered (`StrongIsr`) and as its leader believes (`WeakIsr`) | `replication/membership` |
//! | leader completeness; unclean elections | `controller/election` |
//! | one leader an epoch; epochs grow; shape of ISR and ELR; fenced brokers; broker epochs | `controller/leadership` |
//! | changes of the ISR come from the present leader, its version and live uptimes | `controller/proposals` |
//! | no committed truncation | `log/truncation` |
//! | acknowledgements, duplicates' places, refusals | `producer/ack_rule` |
//! | fetches and end offsets; a record stays what was read (`ConsistentRead`) | `consumer/read_rule` |
//! | votes, quorum epochs and commits; metadata is one sequence for all | `quorum/controller_quorum` |
//! | votes and epochs are durable before they are shown; memory and disk agree | `quorum/quorum_disk` |
//! | reopened logs: nothing invented, nothing flushed lost; recovery points; nothing committed gone | `log/recovery` |
//! | at the end: replicas agree below their high watermarks | `log/audit` |
//! | log starts | `log/log_start` |
//! | retention by time and size; what it lets go is gone in time | `log/retention`, `log/retention_due` |
//! | what the cleaner takes, and what it leaves | `log/compaction` |
//! | replicas that are given up, and logs that stay | `log/given_up` |
//! | how reassignments end | `controller/reassignment` |
//! | preferred leaders lead again in time | `controller/balance` |
//! | sequences and epochs of producers in the committed log | `producer/sequence` |
//! | producers as a new leader knows them; producer ids | `producer/producer_state` |
//! | transactions: states, decisions, markers, hanging records, fencing | `transaction/transactions` |
//! | last stable offset; `read_committed` | `transaction/stable_offset` |
//! | what was refused for now comes first | `exchange/passed_over` |
//! | an end that is asked for again | `transaction/repeated_ends` |
//! | a transaction has its whole timeout | `transaction/early_aborts` |
//! | each end takes a producer to its next epoch | `transaction/next_epoch` |
//! | who is heard of stays a member of its group | `group/sessions` |
//! | a join phase waits for who is missing alone, and begins for nobody who comes back | `group/joining` |
//! | who commits, and who does not; what goes with a group, and what expires | `group/{commits,deletion,expiration}` |
//! | partitions of a group have one owner, and are given up before they are given on | `group/{ownership,claims}` |
//! | a committed offset is told as it was committed | `group/told_offsets` |
//! | records of a share group: one holder, until its time is up; counted, done once, none passed over | `share` |
//! | what a member of it holds stays its own until then, and goes back after it | `share/{lock_kept,given_up}` |
//! | what a member of it is given: committed, and no more than it asked for | `share/{committed,fetch_size}` |
//! | whose fetches count for a leader | `replication/following` |
//! | whom a leader may propose for the ISR | `replication/candidates` |
//! | ends of epochs that are told; leader-epoch caches | `log/epoch_ends` |
//! | a follower cuts all that its leader does not have | `log/divergence` |
//! | clean stops: durable, told once, and not taken for what they are not | `broker/clean_stop` |
//! | what is in a log directory that failed is served no more | `broker/log_directories` |
//! | what is in one that is offline leads no more | `controller/log_directories` |
//! | brokers act on registrations in order, and not before their own | `broker/metadata_freshness` |
//! | batches refused for epoch or sequence | `producer/refusal` |
//! | a send ends within `delivery.timeout.ms` | `producer/delivery` |
//! | who lags leaves the ISR in time | `replication/follower_lag` |
//! | a leader of the quorum without followers resigns | `quorum/check_quorum` |
//! | nobody stands for election while a majority follows a leader of the quorum | `quorum/pre_vote` |
//! | brokers are unfenced when they are ready, and shut down when they ask | `broker/fencing` |
//! | who is not heard of for a session is fenced, and nobody else | `broker/sessions` |
//! | snapshots of the metadata are made in time | `quorum/snapshots_due` |
//! | who leads, and may, goes on | `controller/kept_lead` |
//! | where consumers go that are out of range | `consumer/position` |
//! | the first record of a time | `consumer/timed_offsets` |
//! | a commit for which nobody waits is sent once | `consumer/commits` |
//! | whom a leader sends consumers to | `consumer/read_replica` |
//! | nobody leaves the ISR who has not lagged for long enough | `replication/shrink` |
//! | where it is calm for those whom it takes: commits, expansions, log starts in time | `replication/overdue` |
//! | a leader that is alone commits at once | `replication/lone_leader` |
//! | a partition that somebody may lead is led; so is the quorum | `controller/overdue`, `quorum/overdue` |
//! | transactions end, and rebalances are over, in time | `transaction/overdue`, `group/overdue` |
//! | whoever names another epoch is refused where it asks | `exchange/request_fencing` |
//! | an answer counts only where it was asked for | `exchange/standing` |
//! | who has heard of a newer epoch does nothing more in an older one | `exchange/newest_epoch` |
//! | nor does a coordinator that has heard that it leads no more | `exchange/coordination` |
//! | the same of coordinators | `exchange/coordination` |
//! | a broker answers once what a produce or a fetch waits for is there | `exchange/answers` |
//! | a coordinator that is none any more answers who waits with it | `exchange/answers` |
//! | a consumer's question does not run out of time in calm | `consumer/answered_in_calm` |
//! | nobody is asked what nobody may ask | `exchange/valid_requests` |
//! | who is told that somebody coordinates no more asks who does | `exchange/lookups` |
//!
//! Nowhere: that a broker is fenced before its next uptime registers, since Kafka lets it register once its session is
//! over.

mod broker;
mod calm;
mod consumer;
mod controller;
mod due;
mod exchange;
mod finding;
mod group;
mod log;
mod log_transactions;
mod producer;
mod quorum;
mod replication;
mod share;
mod shared;
mod timing;
mod transaction;
mod wings;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{BatchSummary, Note};
use harrow_broker_model::types::{
    ConnectionId, LeaderEpoch, LogDirectory, NodeId, Offset, TopicPartition,
};

pub use calm::LastingFaults;
pub use exchange::{CoordinatorDeed, CoordinatorKind};
pub use finding::{Anomaly, Invariant};
pub use log::ReplicaAudit;
pub use transaction::AskedEnd;
pub(crate) use transaction::state_name as transaction_state;

use finding::Context;
use log::LogOnDisk;
use wings::Wings;

use crate::plan::Plan;
use crate::view::ClusterView;
use crate::violation::Violation;

/// The invariants of each wing.
const INVARIANTS: [&[Invariant]; 11] = [
    log::INVARIANTS,
    replication::INVARIANTS,
    quorum::INVARIANTS,
    controller::INVARIANTS,
    broker::INVARIANTS,
    producer::INVARIANTS,
    consumer::INVARIANTS,
    group::INVARIANTS,
    transaction::INVARIANTS,
    exchange::INVARIANTS,
    share::INVARIANTS,
];

/// Every invariant, wing by wing.
pub fn invariants() -> impl Iterator<Item = &'static Invariant> {
    INVARIANTS.into_iter().flatten()
}

/// The true state and the invariants over it. All that happens is told to both: the director decides by the view, so a
/// run that is not watched must see just what a watched one does.
#[derive(Debug)]
pub struct Observer {
    view: ClusterView,
    /// Nothing, if nobody watches.
    wings: Option<Box<Wings>>,
}

impl Observer {
    /// Before anything runs.
    pub fn new(plan: &Plan) -> Self {
        Self { view: ClusterView::new(plan), wings: Some(Box::new(Wings::new(plan))) }
    }

    /// The true state alone, with no invariant over it.
    pub(crate) fn without_invariants(plan: &Plan) -> Self {
        Self { view: ClusterView::new(plan), wings: None }
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
    pub fn process_started(&mut self, at_ns: u64, node: NodeId) {
        if let Some(wings) = &mut self.wings {
            wings.stirred(at_ns, node);
            wings.process_started(node);
        }
        self.view.process_started(node);
    }

    /// A fault began or ended: when all that is under way now has arrived, in nanoseconds of true time, and which
    /// faults last.
    pub fn disturbed(&mut self, settles_ns: u64, lasting: &LastingFaults) {
        if let Some(wings) = &mut self.wings {
            wings.disturbed(settles_ns, lasting);
        }
    }

    /// The connections of a node were reset: when all that is under way now has arrived, in nanoseconds of true time.
    pub fn connections_reset(&mut self, settles_ns: u64, node: NodeId) {
        if let Some(wings) = &mut self.wings {
            wings.stirred(settles_ns, node);
        }
    }

    /// A process stands still from now on, paused or in a blocking sync, or goes on.
    pub fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        if let Some(wings) = &mut self.wings {
            wings.process_blocked(at_ns, node, still);
        }
    }

    /// An application is about to tell its consumer where to read: what it was given before says nothing about that.
    pub fn consumer_assigned(&mut self, node: NodeId) {
        if let Some(wings) = &mut self.wings {
            wings.consumer_assigned(node);
        }
    }

    /// A consumer's question for an end offset, asked at a time, has run out of time.
    pub fn timed_out(&mut self, at_ns: u64, event: u64, node: NodeId, asked_ns: u64) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.timed_out(&context, asked_ns);
        }
    }

    /// A producer tells what became of a record that its application gave it at a time.
    pub fn send_ended(&mut self, at_ns: u64, event: u64, node: NodeId, sent_ns: u64) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.send_ended(&context, sent_ns);
        }
    }

    /// A process ended: crash, power loss, wipe or halt. `lossy` if it may find less on its disk than it wrote.
    pub fn process_ended(&mut self, at_ns: u64, node: NodeId, lossy: bool) {
        if let Some(wings) = &mut self.wings {
            wings.stirred(at_ns, node);
            wings.process_ended(at_ns, &self.view, (node, lossy));
        }
        self.view.process_ended(at_ns, node, lossy);
    }

    /// A node is about to handle a fetch of the metadata log that another one made in an epoch of the quorum.
    pub fn quorum_fetched(&mut self, at_ns: u64, at: NodeId, by: NodeId, epoch: LeaderEpoch) {
        if let Some(wings) = &mut self.wings {
            wings.quorum_fetched(at_ns, at, by, epoch);
        }
    }

    /// A node is about to handle a request that came by a connection.
    pub fn asked(
        &mut self,
        at_ns: u64,
        event: u64,
        node: NodeId,
        request: (ConnectionId, &Request),
    ) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.asked(&context, request);
        }
    }

    /// A node answers a request that came by a connection.
    pub fn answered(
        &mut self,
        at_ns: u64,
        event: u64,
        node: NodeId,
        response: (ConnectionId, &Response),
    ) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.answered(&context, response);
        }
    }

    /// A node answers that it was asked what nobody may ask: which API, and by whom.
    pub fn asked_nonsense(
        &mut self,
        at_ns: u64,
        event: u64,
        node: NodeId,
        (api, by): (&'static str, NodeId),
    ) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.asked_nonsense(&context, api, by);
        }
    }

    /// A node refuses to end a transaction as a producer asks.
    pub fn end_refused(&mut self, at_ns: u64, event: u64, node: NodeId, asked: &AskedEnd) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.end_refused(&context, asked);
        }
    }

    /// A connection that a node accepted is gone, by either side: nobody waits on it any more.
    pub fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        if let Some(wings) = &mut self.wings {
            wings.connection_closed(node, connection);
        }
    }

    /// A node answers as a coordinator, or sends a marker as one.
    pub fn coordinator_acts(
        &mut self,
        at_ns: u64,
        event: u64,
        node: NodeId,
        deed: &CoordinatorDeed,
    ) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.coordinator_acts(&context, deed);
        }
    }

    /// A node's disk was emptied, and with it what the node remembers across restarts.
    pub fn disk_wiped(&mut self, node: NodeId) {
        if let Some(wings) = &mut self.wings {
            wings.disk_wiped(node);
        }
        self.view.disk_wiped(node);
    }

    /// A bit of one of a node's logs flipped: who opens it may find less than was written, or something else.
    pub fn log_rotted(&mut self, node: NodeId, partition: TopicPartition) {
        self.view.log_rotted(node, partition);
    }

    /// A log directory of a node failed while its process ran.
    pub fn log_directory_failed(&mut self, node: NodeId, directory: LogDirectory) {
        self.view.log_directory_failed(node, directory);
    }

    /// A log directory of a node works for its next process; `empty` if its disk was replaced.
    pub fn log_directory_repaired(&mut self, node: NodeId, directory: LogDirectory, empty: bool) {
        self.view.log_directory_repaired(node, directory, empty);
    }

    /// These nodes, and no others, are cut off, held still or on their way out: the atlas does not count on them.
    pub fn set_hindered(&mut self, nodes: &[NodeId]) {
        self.view.set_hindered(nodes);
    }

    /// A node is about to lose power; of one of its logs, these batches are on the disk, in order.
    pub fn log_flushed(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        batches: &[BatchSummary],
    ) {
        let Some(wings) = &mut self.wings else { return };
        let compacted = self.view.partition(partition).filter(|it| !it.compaction.is_empty());
        let written = compacted.map(|view| view.as_written(batches.iter().copied()));
        let batches = written.as_deref().unwrap_or(batches);
        wings.durable_logs().on_power_lost(&self.view, node, partition, batches);
    }

    /// A node is about to lose power; of one of its logs, everything below `recovery_point` is said to be on the disk,
    /// and of its segments, in order, there is what lies from one offset to another.
    pub fn log_claimed(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        recovery_point: Offset,
        segments: &[(Offset, Offset)],
    ) {
        let log = LogOnDisk { recovery_point, segments };
        if let Some(wings) = &mut self.wings {
            wings.durable_logs().on_claimed(&self.view, node, partition, log);
        }
    }

    /// A node is about to state that something is on its disk, and the disk says whether it has all of that for good.
    pub fn disk_answers(&mut self, node: NodeId, durable: bool) {
        if let Some(wings) = &mut self.wings {
            wings.disk_answers(node, durable);
        }
    }

    /// A node is about to state that it opened a log: on its disk, sound batches go up to `end`, and the log is
    /// `whole` if there is nothing else.
    pub fn log_found(&mut self, node: NodeId, partition: TopicPartition, end: Offset, whole: bool) {
        if let Some(wings) = &mut self.wings {
            wings.log_found(node, partition, end, whole);
        }
    }

    /// The same of a log of which offsets may be missing, if it is compacted.
    pub fn log_found_with_holes(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        (end, whole): (Offset, bool),
    ) {
        if self.view.is_compacted(partition) {
            self.log_found(node, partition, end, whole);
        }
    }

    /// A node stated a note. `event` is the ordinal of the event that it was handling.
    pub fn observe(&mut self, at_ns: u64, event: u64, node: NodeId, note: &Note) {
        let Some(written) = self.view.restore(node, note) else {
            return self.observe_written(at_ns, event, node, note);
        };
        for note in &written {
            self.observe_written(at_ns, event, node, note);
        }
    }

    fn observe_written(&mut self, at_ns: u64, event: u64, node: NodeId, note: &Note) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.observe(&context, note);
        }
        self.view.take(at_ns, node, note);
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
        if let Some(wings) = &mut self.wings {
            log::on_audit(&context, &mut wings.findings, audit, batches);
        }
    }

    /// At the end of a run: how far a live node's metadata is, and a hash of it.
    pub fn audit_metadata(
        &mut self,
        at_ns: u64,
        event: u64,
        node: NodeId,
        metadata: (Offset, u64),
    ) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            wings.audit_metadata(&context, metadata);
        }
    }

    /// At the end of a run: a live node's logs are those of its replicas.
    pub fn audit_strays(&mut self, at_ns: u64, event: u64, node: NodeId) {
        let context = Context { at_ns, event, node, view: &self.view };
        if let Some(wings) = &mut self.wings {
            log::on_audit_of_strays(&context, &mut wings.findings);
        }
    }

    /// Takes out what was found, in order of time: the first of each anomaly and partition.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        self.wings.as_mut().map(|wings| wings.findings.take()).unwrap_or_default()
    }
}
