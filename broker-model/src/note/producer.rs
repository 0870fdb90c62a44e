//! Facts of producers: their ids, sequences and batches, at clients and as leaders know and answer them.

use serde::{Deserialize, Serialize};

use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition, WallTime,
};

/// A fact of producers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProducerNote {
    /// This replica knows of these producers from its own log: stated when the log was opened or cut and when the
    /// replica begins to lead. Source: `ProducerStateManager`.
    ProducersKnown {
        /// Of what.
        partition: TopicPartition,
        /// All of them, by id.
        producers: Vec<KnownProducer>,
    },
    /// A leader answered a produce with success.
    ProduceAcknowledged {
        /// Where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// First offset told.
        base_offset: Offset,
        /// Last offset told.
        last_offset: Offset,
        /// Checksum of the batch that the client sent.
        checksum: u32,
        /// As asked for: -1 is all.
        acks: i16,
        /// Whether the batch was recognised as one that is already there.
        duplicate: bool,
    },
    /// A leader refused a produce because too few replicas are in sync.
    NotEnoughReplicas {
        /// Where.
        partition: TopicPartition,
        /// Whether the records had been appended before.
        after_append: bool,
    },
    /// A leader refused a batch for its producer's epoch or sequence. Source: KIP-98, `ProducerAppendInfo`.
    SequenceRefused {
        /// Where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Whose.
        producer_id: ProducerId,
        /// In which of its epochs.
        producer_epoch: ProducerEpoch,
        /// Sequence of the first record.
        first_sequence: Sequence,
        /// Sequence of the last record.
        last_sequence: Sequence,
        /// Whether for the epoch; else for the sequence.
        fenced: bool,
    },
    /// A broker gave a producer id, or the next epoch of one, to a client. Source: KIP-98, KIP-360.
    ProducerIdGiven {
        /// Id.
        producer_id: ProducerId,
        /// Epoch; 0 with a fresh id.
        producer_epoch: ProducerEpoch,
    },
    /// A producer sent a batch again.
    BatchRetried {
        /// Topic-partition as text: clients know names only.
        partition: String,
        /// Error that caused it.
        error: String,
    },
    /// A producer gave up the sequence of a batch and took a new epoch.
    EpochBumped {
        /// Its id.
        producer_id: ProducerId,
        /// New epoch.
        producer_epoch: ProducerEpoch,
    },
    /// A replica forgot producers whose state was as old as `producer.id.expiration.ms`. Source:
    /// `ProducerStateManager.removeExpiredProducers`.
    ProducersExpired {
        /// Of what.
        partition: TopicPartition,
        /// Whom, by id.
        producers: Vec<ProducerId>,
        /// When, by the broker's wall clock.
        at: WallTime,
    },
}

/// A producer as a leader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KnownProducer {
    /// Id.
    pub producer_id: ProducerId,
    /// Newest epoch.
    pub producer_epoch: ProducerEpoch,
    /// Last sequence in it.
    pub last_sequence: Sequence,
}
