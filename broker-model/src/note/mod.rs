//! Typed facts, in the past tense, that a node states as they become true, in families.
//!
//! Trace rows, log lines, reach marks and the online invariants are made from them; the model itself never logs. The
//! host knows which node states a note and when. Whoever takes notes in matches the family here and the fact in a file
//! of the family's name, so that a new family is a new file in each of those places.

mod broker;
mod consumer;
mod controller;
mod exchange;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod share;
mod transaction;

use serde::{Deserialize, Serialize};

pub use broker::{BrokerNote, BrokerState};
pub use consumer::{AbortedTransaction, ConsumerNote, IsolationLevel};
pub use controller::{
    AcceptedProposal, ControllerNote, MetadataChange, PartitionRegistration, Reassignment,
    RegisteredAgain,
};
pub use exchange::{Api, ExchangeNote, Standing};
pub use group::{ClassicGroupState, Departure, GroupNote, Lateness};
pub use log::{
    AppendOrigin, BatchKind, BatchSummary, CleanedBatch, DeletionReason, KeyedRecord, LogNote,
    TruncateReason,
};
pub use producer::{KnownProducer, ProducerNote};
pub use quorum::{QuorumNote, QuorumRole};
pub use replication::{OutOfSyncReplica, ReplicationNote};
pub use share::{LockEnd, ShareNote};
pub use transaction::{TransactionNote, TransactionState};

/// A fact, by its family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Note {
    /// Facts of a replica's log.
    Log(LogNote),
    /// Facts of leaders and followers.
    Replication(ReplicationNote),
    /// Facts of the controller quorum.
    Quorum(QuorumNote),
    /// Facts of the active controller and of committed metadata.
    Controller(ControllerNote),
    /// Facts of a broker's life.
    Broker(BrokerNote),
    /// Facts of producers.
    Producer(ProducerNote),
    /// Facts of consumers.
    Consumer(ConsumerNote),
    /// Facts of consumer groups.
    Group(GroupNote),
    /// Facts of transactions.
    Transaction(TransactionNote),
    /// Facts of requests and answers.
    Exchange(ExchangeNote),
    /// Facts of share groups.
    Share(ShareNote),
}

impl From<BrokerNote> for Note {
    fn from(note: BrokerNote) -> Self {
        Self::Broker(note)
    }
}

impl From<ConsumerNote> for Note {
    fn from(note: ConsumerNote) -> Self {
        Self::Consumer(note)
    }
}

impl From<ControllerNote> for Note {
    fn from(note: ControllerNote) -> Self {
        Self::Controller(note)
    }
}

impl From<ExchangeNote> for Note {
    fn from(note: ExchangeNote) -> Self {
        Self::Exchange(note)
    }
}

impl From<GroupNote> for Note {
    fn from(note: GroupNote) -> Self {
        Self::Group(note)
    }
}

impl From<LogNote> for Note {
    fn from(note: LogNote) -> Self {
        Self::Log(note)
    }
}

impl From<ProducerNote> for Note {
    fn from(note: ProducerNote) -> Self {
        Self::Producer(note)
    }
}

impl From<QuorumNote> for Note {
    fn from(note: QuorumNote) -> Self {
        Self::Quorum(note)
    }
}

impl From<ReplicationNote> for Note {
    fn from(note: ReplicationNote) -> Self {
        Self::Replication(note)
    }
}

impl From<ShareNote> for Note {
    fn from(note: ShareNote) -> Self {
        Self::Share(note)
    }
}

impl From<TransactionNote> for Note {
    fn from(note: TransactionNote) -> Self {
        Self::Transaction(note)
    }
}
