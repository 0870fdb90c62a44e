//! What a run gives.

use std::collections::BTreeMap;

use harrow_broker_model::note::Note;
use harrow_broker_model::types::{NodeId, TopicId, TopicPartition};
use serde::{Deserialize, Serialize};

use crate::biography::{Follow, Moment};
use crate::history::History;
use crate::liveness::Goal;
use crate::timeline::Timeline;
use crate::truth::PartitionTruth;
use crate::violation::Violation;

/// Everything that is known about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// What clients asked and were told.
    pub history: History,
    /// Broken invariants, in order of time; the first of each anomaly and partition.
    pub violations: Vec<Violation>,
    /// Goals that were not met, and legally so, in order of the goals.
    pub unmet: Vec<UnmetGoal>,
    /// Faults as they were injected, in order of time.
    pub faults: Vec<InjectedFault>,
    /// How often each reach mark was met.
    pub reached: BTreeMap<String, u64>,
    /// Topic names by id, as committed.
    pub topics: BTreeMap<TopicId, String>,
    /// What was true of each partition at the end, in the history's order; empty if nobody watched.
    pub partitions: Vec<PartitionTruth>,
    /// What happened to each record that was followed, in the order of [`RunOptions::follow`].
    pub biographies: Vec<Vec<Moment>>,
    /// Rolling hash over every event and effect: equal for equal runs.
    pub digest: u64,
    /// Counts.
    pub stats: RunStats,
    /// Rows of the trace, if it was asked for.
    pub trace: Option<Vec<TraceRow>>,
    /// How the true state changed, if the trace was asked for.
    pub timeline: Option<Timeline>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything converged after the heal and the final reads are done.
    Quiesced,
    /// It did not, in the time given; what was still pending.
    TimeLimit {
        /// The first goal that was not met.
        goal: Goal,
        /// What it waited for.
        pending: String,
        /// Since when nothing had made progress, in milliseconds of true time.
        since_ms: u64,
        /// Why no rule can recover from this state, if that is so: then it is not a bug.
        unrecoverable: Option<String>,
    },
    /// An assertion of the model or the testbed failed.
    Panicked {
        /// Its message, with the place.
        message: String,
        /// The node that was being called, if one was.
        node: Option<NodeId>,
    },
}

/// A goal that no rule can meet for some part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetGoal {
    /// Which goal.
    pub goal: Goal,
    /// Where and why, in words.
    pub reason: String,
}

/// A fault as injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InjectedFault {
    /// The plan's step.
    pub step: u32,
    /// True time, in milliseconds.
    pub at_ms: u64,
    /// Kind, as in the plan.
    pub kind: String,
    /// Nodes that the targets stood for.
    pub nodes: Vec<NodeId>,
    /// What happened in words: `crash of broker 2 (leader-of orders-0)`.
    pub summary: String,
    /// Why it was held back or weakened, if it was: the atlas, or a target that nobody was.
    pub held_back: Option<String>,
    /// Whether unsynced data was lost.
    pub lossy: bool,
}

/// Counts of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunStats {
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// Events handled by nodes.
    pub events: u64,
    /// Messages delivered.
    pub messages: u64,
    /// Client operations that ended well.
    pub operations_ok: u64,
    /// Client operations that failed.
    pub operations_fail: u64,
    /// Client operations with unknown outcome.
    pub operations_unknown: u64,
    /// Records acknowledged to producers.
    pub records_acked: u64,
    /// Faults injected.
    pub faults: u64,
}

/// One line of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// Ordinal of the event.
    pub event: u64,
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// Node, if one is concerned.
    pub node: Option<NodeId>,
    /// Of what kind it is.
    pub kind: RowKind,
    /// What happened.
    pub text: String,
    /// The same for programs.
    pub detail: RowDetail,
    /// Rolling hash after it.
    pub digest: u64,
}

/// What requests and answers ask for or give, by Kafka's names, and `wire` for bytes of an application: all that
/// [`RowDetail::Message`] may have as `api`.
pub const APIS: [&str; 54] = [
    "add-offsets-to-txn",
    "add-partitions-to-txn",
    "add-raft-voter",
    "allocate-producer-ids",
    "alter-configs",
    "alter-partition",
    "alter-partition-reassignments",
    "assign-replicas-to-dirs",
    "begin-quorum-epoch",
    "broker-heartbeat",
    "broker-registration",
    "consumer-group-describe",
    "consumer-group-heartbeat",
    "create-partitions",
    "create-topics",
    "delete-groups",
    "delete-records",
    "delete-topics",
    "describe-groups",
    "describe-producers",
    "describe-transactions",
    "elect-leaders",
    "end-quorum-epoch",
    "end-txn",
    "fetch",
    "fetch-snapshot",
    "find-coordinator",
    "heartbeat",
    "incremental-alter-configs",
    "init-producer-id",
    "join-group",
    "leave-group",
    "list-groups",
    "list-offsets",
    "list-partition-reassignments",
    "list-transactions",
    "metadata",
    "offset-commit",
    "offset-delete",
    "offset-fetch",
    "offset-for-leader-epoch",
    "produce",
    "quorum-fetch",
    "remove-raft-voter",
    "replica-fetch",
    "replica-offsets",
    "share-fetch",
    "share-state",
    "sync-group",
    "txn-offset-commit",
    "unregister-broker",
    "vote",
    "wire",
    "write-txn-markers",
];

/// What a row of the trace says, for programs: its kind by name, and what belongs to that kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowDetail {
    /// A node states a fact, whose name is that of its variant.
    Fact(Box<Note>),
    /// A request or a response.
    Message {
        /// `request-sent` and its like.
        name: &'static str,
        /// What is asked for or answered, one of [`APIS`].
        api: &'static str,
    },
    /// Something is done to a file, or to all files of a log.
    File {
        /// `appended` and its like.
        name: &'static str,
        /// Which file, in words.
        file: String,
        /// Of which partition, if of one.
        partition: Option<TopicPartition>,
        /// So many bytes are written, or are left.
        bytes: Option<u64>,
    },
    /// A client's operation.
    Operation {
        /// `operation-invoked` or `operation-completed`.
        name: &'static str,
        /// Which, by its number in the run.
        operation: u64,
        /// Values of the records that are sent.
        records: Vec<u64>,
    },
    /// A fault, as it strikes.
    Fault {
        /// The nodes that it strikes; none if it was held back.
        nodes: Vec<NodeId>,
    },
    /// Anything else.
    Named {
        /// Its kind.
        name: &'static str,
    },
}

/// What a row of the trace tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A fault, a phase of the run, or the end of a process.
    World,
    /// A process: it starts, loses or gives up a connection, or ends itself.
    Process,
    /// A node states a fact.
    Fact,
    /// A node asks.
    RequestSent {
        /// Whom.
        to: NodeId,
        /// By which the answer is known.
        correlation_id: i32,
    },
    /// A node answers whoever is at the other end of the connection.
    ResponseSent {
        /// On which connection.
        connection: u64,
        /// Of the request.
        correlation_id: i32,
    },
    /// A node is asked.
    RequestReceived {
        /// By whom.
        from: NodeId,
        /// On which connection.
        connection: u64,
        /// By which the answer is known.
        correlation_id: i32,
    },
    /// A node is answered.
    ResponseReceived {
        /// By whom.
        from: NodeId,
        /// Of the request.
        correlation_id: i32,
    },
    /// A client's operation begins or ends.
    Operation,
    /// A file is written, cut or synced.
    Disk,
    /// A deadline passed, a connection was closed, an answer was matched to its request.
    Routine,
}

/// How a run is made, beyond its plan. None of it changes the digest but for an early stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Keep a row for every event and effect, and how the true state changed.
    pub record_trace: bool,
    /// Have the online invariants look on.
    pub watch: bool,
    /// Records whose lives are to be told.
    pub follow: Vec<Follow>,
}

impl Default for RunOptions {
    /// As in sweeps: watched, to the end, without a trace.
    fn default() -> Self {
        Self { record_trace: false, watch: true, follow: Vec::new() }
    }
}
