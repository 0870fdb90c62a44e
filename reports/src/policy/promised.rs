//! What clients and topics asked for.

use harrow_broker_model::config::Acks;

/// What a producer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerTerms {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: u32,
}

/// What a topic promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionTerms {
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
}

/// `isolation.level` of consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Committed records only.
    ReadCommitted,
    /// Whatever is below the high watermark.
    ReadUncommitted,
}
