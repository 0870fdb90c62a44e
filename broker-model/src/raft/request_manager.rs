//! Requests under way to other voters: at most one that matters on each connection, with its timeout and backoff.

use crate::node::Channel;
use crate::types::{CorrelationId, LeaderEpoch, NodeId, Time};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    PreVote,
    Vote,
    Begin,
    End,
    Fetch,
    FetchSnapshot,
}

/// A request that has not been answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct InFlight {
    pub(super) correlation_id: CorrelationId,
    pub(super) asked: RequestKind,
    /// The sender's epoch then: an answer counts in this epoch alone.
    pub(super) epoch: LeaderEpoch,
    pub(super) expires_at: Time,
    /// Whether the answer still counts; else only the timeout does, so that a stalled connection is given up.
    pub(super) awaited: bool,
}

/// One connection to another voter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionState {
    pub(super) in_flight: Option<InFlight>,
    /// Nothing is sent before this: the backoff after a failure.
    pub(super) not_before: Time,
}

impl ConnectionState {
    /// Whether the question is under way in this epoch already.
    pub(super) fn is_asking(&self, asked: RequestKind, epoch: LeaderEpoch) -> bool {
        self.in_flight
            .is_some_and(|sent| sent.awaited && sent.asked == asked && sent.epoch == epoch)
    }

    /// Whether an answer is waited for.
    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.is_some_and(|sent| sent.awaited)
    }

    /// The voter changed its role: what was asked before does not matter any more, and no backoff holds up what is to
    /// be asked now. Source: `RequestManager.resetAll`.
    pub(super) fn reset(&mut self, now: Time) {
        self.not_before = now;
        if let Some(sent) = &mut self.in_flight {
            sent.awaited = false;
        }
    }

    /// Notes a request. One that it replaces keeps its timeout, so that a stalled connection is given up in the end.
    pub(super) fn sent(&mut self, request: InFlight) {
        let expires_at = match self.in_flight {
            Some(replaced) => replaced.expires_at.min(request.expires_at),
            None => request.expires_at,
        };
        self.in_flight = Some(InFlight { expires_at, ..request });
    }

    /// The connection stands: what was sent on it has its time from now on.
    pub(super) fn connected(&mut self, expires_at: Time) {
        if let Some(sent) = &mut self.in_flight {
            sent.expires_at = expires_at;
        }
    }

    /// Takes out the request that this answers; `None` for an answer that nobody waits for any more.
    pub(super) fn answered(&mut self, correlation_id: CorrelationId) -> Option<InFlight> {
        let sent = self.in_flight.take_if(|sent| sent.correlation_id == correlation_id)?;
        sent.awaited.then_some(sent)
    }

    /// Drops what is under way and waits before the next try.
    pub(super) fn failed(&mut self, not_before: Time) {
        self.in_flight = None;
        self.not_before = not_before;
    }

    /// Whether the request under way has timed out.
    pub(super) fn has_expired(&self, now: Time) -> bool {
        self.in_flight.is_some_and(|sent| sent.expires_at <= now)
    }
}

/// Another voter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) node: NodeId,
    pub(super) fetch: ConnectionState,
    pub(super) quorum: ConnectionState,
}

impl Peer {
    pub(super) fn new(node: NodeId) -> Self {
        Self { node, fetch: ConnectionState::default(), quorum: ConnectionState::default() }
    }

    /// The lane of a channel; `None` for channels that voters do not open to each other.
    pub(super) fn connection(&mut self, channel: Channel) -> Option<&mut ConnectionState> {
        match channel {
            Channel::QuorumFetch => Some(&mut self.fetch),
            Channel::Quorum => Some(&mut self.quorum),
            Channel::ReplicaFetch
            | Channel::Heartbeat
            | Channel::Controller
            | Channel::Client
            | Channel::TransactionMarkers
            | Channel::TransactionVerification
            | Channel::ClientFetch
            | Channel::ClientCoordinator
            | Channel::ClientProducer
            | Channel::Application(_)
            | Channel::ShareState => None,
        }
    }
}
