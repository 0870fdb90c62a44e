//! One record batch: v2 bytes with the header parsed once.

use bytes::Bytes;

use crate::note::BatchSummary;
use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, RecordValue, Sequence, WallTime,
};

/// A batch that passed its checks: its bytes are whole and its checksum is right.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

/// The part of a batch that brokers read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchHeader {
    /// First offset; given by the leader.
    pub base_offset: Offset,
    /// Length of the whole batch in bytes.
    pub length: u32,
    /// Epoch of the leader that appended it; given by the leader.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything after the checksum itself.
    pub checksum: u32,
    /// Attribute bits: compression, timestamp type, transactional, control.
    pub attributes: i16,
    /// Last offset minus first.
    pub last_offset_delta: i32,
    /// Timestamp of the first record.
    pub base_timestamp: WallTime,
    /// Largest timestamp.
    pub max_timestamp: WallTime,
    /// Producer, or none.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// Number of records.
    pub record_count: i32,
}

/// A record read from a batch's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its offset.
    pub offset: Offset,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
}

/// Puts records together into a batch.
#[derive(Debug)]
pub struct RecordBatchBuilder {
    pub(crate) records: Vec<(Option<Bytes>, Option<Bytes>)>,
}

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Fewer bytes than the header or its length field say.
    #[error("read a batch of {wanted} bytes from {present}")]
    Truncated {
        /// Bytes needed.
        wanted: usize,
        /// Bytes there.
        present: usize,
    },
    /// The checksum is not that of the bytes.
    #[error("match checksum {stored:#010x} with computed {computed:#010x}")]
    Checksum {
        /// In the header.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A field has a value that it cannot have.
    #[error("accept {field} {value}")]
    Field {
        /// Which.
        field: &'static str,
        /// Its value.
        value: i64,
    },
}

impl RecordBatch {
    /// The header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes as they go to disk and over the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// First offset.
    pub fn base_offset(&self) -> Offset {
        self.header.base_offset
    }

    /// Last offset.
    pub fn last_offset(&self) -> Offset {
        self.header.base_offset.plus(i64::from(self.header.last_offset_delta))
    }

    /// The header as notes carry it.
    pub fn summary(&self) -> BatchSummary {
        BatchSummary {
            base_offset: self.header.base_offset,
            last_offset: self.last_offset(),
            leader_epoch: self.header.leader_epoch,
            checksum: self.header.checksum,
            producer_id: self.header.producer_id,
            producer_epoch: self.header.producer_epoch,
            base_sequence: self.header.base_sequence,
        }
    }

    /// The number that a producer of ours wrote into a value; `None` if it is not one.
    pub fn value_number(value: &Bytes) -> Option<RecordValue> {
        let head: [u8; 8] = value.get(..8)?.try_into().ok()?;
        Some(RecordValue(u64::from_be_bytes(head)))
    }
}
