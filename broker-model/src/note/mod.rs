//! Typed facts, in the past tense, that a node states as they become true, in families.
//!
//! Trace rows, log lines, reach marks and the online invariants are made from them; the model itself never logs. The
//! host knows which node states a note and when. Whoever takes notes in matches the family here and the fact in a file
//! of the family's name, so that a new family is a new file in each of those places.
//!
//! A fact's number is what a run's digest is made from, so it stays when facts are added: a new fact takes the next
//! free one of its family's hundred.

mod broker;
mod consumer;
mod controller;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod transaction;

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

pub use broker::{BrokerNote, BrokerState};
pub use consumer::{AbortedTransaction, ConsumerNote, IsolationLevel};
pub use controller::{AcceptedProposal, ControllerNote, MetadataChange, PartitionRegistration};
pub use group::GroupNote;
pub use log::{AppendOrigin, BatchKind, BatchSummary, LogNote, TruncateReason};
pub use producer::{KnownProducer, ProducerNote};
pub use quorum::{QuorumNote, QuorumRole};
pub use replication::ReplicationNote;
pub use transaction::{TransactionNote, TransactionState};

/// A fact, by its family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// Facts of a replica's log. New numbers: from 100.
    Log(LogNote),
    /// Facts of leaders and followers. New numbers: from 200.
    Replication(ReplicationNote),
    /// Facts of the controller quorum. New numbers: from 300.
    Quorum(QuorumNote),
    /// Facts of the active controller and of committed metadata. New numbers: from 400.
    Controller(ControllerNote),
    /// Facts of a broker's life. New numbers: from 500.
    Broker(BrokerNote),
    /// Facts of producers. New numbers: from 600.
    Producer(ProducerNote),
    /// Facts of consumers. New numbers: from 700.
    Consumer(ConsumerNote),
    /// Facts of consumer groups. New numbers: from 800.
    Group(GroupNote),
    /// Facts of transactions. New numbers: from 900.
    Transaction(TransactionNote),
}

impl Hash for Note {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Log(note) => note.hash(state),
            Self::Replication(note) => note.hash(state),
            Self::Quorum(note) => note.hash(state),
            Self::Controller(note) => note.hash(state),
            Self::Broker(note) => note.hash(state),
            Self::Producer(note) => note.hash(state),
            Self::Consumer(note) => note.hash(state),
            Self::Group(note) => note.hash(state),
            Self::Transaction(note) => note.hash(state),
        }
    }
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

impl From<TransactionNote> for Note {
    fn from(note: TransactionNote) -> Self {
        Self::Transaction(note)
    }
}
