//! What a broker has under way for transactions: appends, requests, and who waits for them.

use std::collections::BTreeMap;

use crate::broker::connections::Caller;
use crate::config::ClusterConfig;
use crate::coordinator::transaction::{
    AddAsker, Added, MarkerRequest, TransactionConfig, TransactionCoordinator, WriteId,
};
use crate::log::VerificationGuard;
use crate::message::{ResponseBody, WriteTxnMarkersResponse};
use crate::node::{Channel, Deadline};
use crate::partition::ProduceTicket;
use crate::proto::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, ProduceRequest, TxnMarkersRequest,
    TxnOffsetCommitRequest,
};
use crate::types::{ConnectionId, CorrelationId, NodeId, Time, TopicPartition};

/// Transactions on a broker.
#[derive(Debug)]
pub(super) struct Transactions {
    pub(super) coordinator: TransactionCoordinator,
    /// Records and markers that wait for the high watermark.
    pub(super) appends: BTreeMap<ProduceTicket, Append>,
    /// Requests for markers that are not answered.
    pub(super) marker_batches: BTreeMap<u64, MarkerBatch>,
    /// Requests to other brokers.
    pub(super) outgoing: BTreeMap<(NodeId, CorrelationId), Outgoing>,
    /// Who asked this broker's coordinators for partitions.
    pub(super) adders: BTreeMap<AddAsker, Adder>,
    /// Requests for partitions that are not answered.
    pub(super) add_batches: BTreeMap<u64, AddBatch>,
    /// Requests whose transactions are being verified.
    pub(super) verifying: BTreeMap<ConnectionId, Verifying>,
    last_number: u64,
}

/// An append that waits.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) until: Time,
    pub(super) partition: TopicPartition,
    pub(super) owner: Owner,
}

/// Whose append it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    /// The coordinator's record.
    Record(WriteId),
    /// A marker: of which request, and its place in it.
    Marker(u64, (usize, usize)),
}

/// A request for markers that is not answered.
#[derive(Debug)]
pub(super) struct MarkerBatch {
    pub(super) from: MarkerSource,
    pub(super) response: WriteTxnMarkersResponse,
    pub(super) undecided: usize,
}

/// Who wants markers written.
#[derive(Debug, Clone)]
pub(super) enum MarkerSource {
    /// Another broker's coordinator.
    Remote(Caller),
    /// This broker's own.
    Own(MarkerRequest),
    /// An administrator, who asked so.
    Administrator(Caller, Box<TxnMarkersRequest>),
}

/// A request to another broker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing {
    pub(super) until: Time,
    pub(super) what: Asked,
}

/// What another broker is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// To write markers.
    Markers(MarkerRequest),
    /// Whether the partitions of a produce are in its transaction.
    Verification(ConnectionId),
}

/// Who asked a coordinator of this broker for partitions.
#[derive(Debug, Clone, Copy)]
pub(super) enum Adder {
    /// Somebody else: which request, and which of its transactions.
    Request(u64, usize),
    /// This broker, for a produce on this connection.
    Own(ConnectionId),
}

/// A request for partitions that is not answered.
#[derive(Debug)]
pub(super) struct AddBatch {
    pub(super) caller: Caller,
    /// The answer, for who asked: a client or a leader.
    pub(super) to_body: fn(Box<AddPartitionsToTxnResponse>) -> ResponseBody,
    pub(super) request: Box<AddPartitionsToTxnRequest>,
    pub(super) results: Vec<Added>,
    pub(super) undecided: usize,
}

/// A request whose transaction is being verified.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) caller: Caller,
    pub(super) request: Verifiable,
    pub(super) guards: BTreeMap<TopicPartition, VerificationGuard>,
}

/// What is appended only if the coordinator knows its transaction.
#[derive(Debug)]
pub(super) enum Verifiable {
    /// A producer's records.
    Produce(Box<ProduceRequest>),
    /// A group's offsets.
    Offsets(Box<TxnOffsetCommitRequest>),
}

impl Transactions {
    /// Whether the coordinator has nothing to be done.
    pub(super) fn is_idle(&self) -> bool {
        self.coordinator.is_idle()
    }
}

impl Asked {
    pub(super) fn channel(self) -> Channel {
        match self {
            Self::Markers(_) => Channel::TransactionMarkers,
            Self::Verification(_) => Channel::TransactionVerification,
        }
    }
}

impl Transactions {
    pub(super) fn new(config: &ClusterConfig, now: Time) -> Self {
        let coordinator = TransactionConfig {
            epoch_per_transaction: config.transaction_version >= 2,
            timeout_max_ms: config.transaction_max_timeout_ms,
            expiration_ms: config.transactional_id_expiration_ms,
            check_interval_ms: config.transaction_cleanup_interval_ms,
            defects: config.defects,
        };
        Self {
            coordinator: TransactionCoordinator::new(coordinator, now),
            appends: BTreeMap::new(),
            marker_batches: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            adders: BTreeMap::new(),
            add_batches: BTreeMap::new(),
            verifying: BTreeMap::new(),
            last_number: 0,
        }
    }

    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Whoever waits is waited for by something that is under way: an append by a request that is not answered, a
    /// question by a request or a produce, and a produce that is being verified by a question to somebody.
    pub(super) fn self_check(&self) {
        for (ticket, append) in &self.appends {
            let Owner::Marker(batch, _) = append.owner else { continue };
            let undecided = self.marker_batches.get(&batch).map_or(0, |known| known.undecided);
            assert!(undecided > 0, "{ticket:?} is a marker of {batch}, which waits for nothing");
        }
        for (asker, adder) in &self.adders {
            let Adder::Request(batch, at) = *adder else { continue };
            let known = self.add_batches.get(&batch);
            let waits = known.is_some_and(|it| it.undecided > 0 && at < it.results.len());
            assert!(waits, "{asker:?} is the {at}th of {batch}, which waits for nothing");
        }
        for connection in self.verifying.keys() {
            let elsewhere =
                |it: &Outgoing| matches!(it.what, Asked::Verification(of) if of == *connection);
            let here = |it: &Adder| matches!(it, Adder::Own(of) if of == connection);
            let asked = self.outgoing.values().any(elsewhere) || self.adders.values().any(here);
            assert!(asked, "what waits on {connection} is verified by nobody");
        }
    }

    /// What is not done, for a host that waits for rest.
    pub(super) fn unfinished(&self) -> usize {
        self.appends.len() + self.verifying.len() + self.coordinator.completing()
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let appends = self.appends.values().map(|append| append.until);
        let outgoing = self.outgoing.values().map(|outgoing| outgoing.until);
        let late = appends.chain(outgoing).min().filter(|at| *at < Time::MAX);
        let late = late.map(|at| Deadline { at, why: "a request for a transaction times out" });
        Deadline::earlier(late, self.coordinator.deadline())
    }
}
