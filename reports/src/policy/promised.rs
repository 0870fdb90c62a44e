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

/// `auto.offset.reset`: where a consumer goes on whose position is nowhere in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// At the log's start.
    Earliest,
    /// At its end.
    Latest,
    /// Nowhere: the application is told.
    None,
    /// At the first record that is not older than that (KIP-1106).
    ByDuration,
}

impl Reset {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::None => "none",
            Self::ByDuration => "by_duration",
        }
    }

    /// Whether records that are there may be passed over by it.
    pub(super) fn jumps(self) -> bool {
        matches!(self, Self::Latest | Self::ByDuration)
    }
}

/// Kafka's default of `offsets.retention.minutes`: a week.
pub(crate) const OFFSETS_RETENTION_NS: u64 = 10_080 * 60 * 1_000_000_000;

/// What makes a finding of all that damage to stored data excuses.
pub(super) const NO_LOSS: &str = "expect.loss_allowed=false";

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
