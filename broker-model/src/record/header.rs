//! The header of a batch: 61 bytes at fixed places.

use crate::record::error::BatchError;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

/// Bytes of the header.
pub(crate) const HEADER_LENGTH: usize = 61;
/// Bytes before the part that the length field counts.
pub(crate) const LENGTH_PREFIX: usize = 12;
/// Where the leader epoch is.
pub(crate) const LEADER_EPOCH_AT: usize = 12;
/// Where the checksum is.
pub(crate) const CHECKSUM_AT: usize = 17;
/// The checksum covers everything from here on.
pub(crate) const CHECKED_FROM: usize = 21;

const MAGIC: i8 = 2;
const COMPRESSION_BITS: i16 = 0x07;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;

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
    /// Timestamp of the first record; in a batch that the cleaner was at, its delete horizon.
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

impl BatchHeader {
    /// First offset after the batch.
    pub fn next_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta) + 1)
    }

    /// Whether a producer with an id wrote it.
    pub fn has_producer(&self) -> bool {
        self.producer_id != ProducerId::NONE
    }

    /// Sequence of the last record; [`Sequence::NONE`] if the batch has no sequence.
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence == Sequence::NONE || !self.has_producer() {
            return Sequence::NONE;
        }
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// Whether it holds control records, which clients do not see.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// Whether it is part of a transaction, or ends one.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// From when on the cleaner may take the tombstones of the batch, or the marker that it is; none as long as it has
    /// not seen them. Source: `DefaultRecordBatch.deleteHorizonMs`, KIP-534.
    pub fn delete_horizon(&self) -> Option<WallTime> {
        (self.attributes & DELETE_HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    /// The header of what the cleaner leaves of a batch: `count` records, whose times are told from `base_timestamp`.
    pub(crate) fn cleaned(
        self,
        count: i32,
        (base_timestamp, max_timestamp): (WallTime, WallTime),
        has_horizon: bool,
    ) -> Self {
        let horizon = if has_horizon { DELETE_HORIZON_BIT } else { 0 };
        let attributes = self.attributes & !DELETE_HORIZON_BIT | horizon;
        Self { attributes, base_timestamp, max_timestamp, record_count: count, ..self }
    }

    /// Whether it has a record at each of its offsets: what a producer sends does. Source:
    /// `LogValidator.validateBatch`.
    pub fn is_whole(&self) -> bool {
        i64::from(self.record_count) == i64::from(self.last_offset_delta) + 1
    }

    /// Whether the body is compressed.
    pub(crate) fn is_compressed(&self) -> bool {
        self.attributes & COMPRESSION_BITS != 0
    }

    /// Attributes of an uncompressed batch.
    pub(crate) fn attributes_for(control: bool, transactional: bool) -> i16 {
        let control = if control { CONTROL_BIT } else { 0 };
        control | if transactional { TRANSACTIONAL_BIT } else { 0 }
    }

    /// Reads the fields. Anything is accepted that has the right length in front; see
    /// [`Self::check`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let length = batch_length(bytes)?;
        let header = bytes.first_chunk::<HEADER_LENGTH>();
        let header = header.expect("a batch's length is at least that of the header");
        let magic = i8::from_be_bytes(field(header, 16));
        if magic != MAGIC {
            return Err(BatchError::Field { field: "magic", value: i64::from(magic) });
        }
        Ok(Self {
            base_offset: Offset(i64::from_be_bytes(field(header, 0))),
            length: length as u32,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(field(header, LEADER_EPOCH_AT))),
            checksum: u32::from_be_bytes(field(header, CHECKSUM_AT)),
            attributes: i16::from_be_bytes(field(header, 21)),
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: WallTime(i64::from_be_bytes(field(header, 27))),
            max_timestamp: WallTime(i64::from_be_bytes(field(header, 35))),
            producer_id: ProducerId(i64::from_be_bytes(field(header, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(header, 51))),
            base_sequence: Sequence(i32::from_be_bytes(field(header, 53))),
            record_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// Appends the header's bytes.
    pub(crate) fn write(&self, out: &mut [u8]) {
        assert!(out.len() >= HEADER_LENGTH, "header written into {} bytes", out.len());
        let length_field = self.length as i32 - LENGTH_PREFIX as i32;
        out[0..8].copy_from_slice(&self.base_offset.0.to_be_bytes());
        out[8..12].copy_from_slice(&length_field.to_be_bytes());
        out[12..16].copy_from_slice(&self.leader_epoch.0.to_be_bytes());
        out[16] = MAGIC as u8;
        out[17..21].copy_from_slice(&self.checksum.to_be_bytes());
        out[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        out[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[27..35].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        out[35..43].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        out[43..51].copy_from_slice(&self.producer_id.0.to_be_bytes());
        out[51..53].copy_from_slice(&self.producer_epoch.0.to_be_bytes());
        out[53..57].copy_from_slice(&self.base_sequence.0.to_be_bytes());
        out[57..61].copy_from_slice(&self.record_count.to_be_bytes());
    }

    /// Whether the fields make sense together. The cleaner leaves fewer records than offsets.
    pub(crate) fn check(&self) -> Result<(), BatchError> {
        let delta = i64::from(self.last_offset_delta);
        let refuse = |field, value| Err(BatchError::Field { field, value });
        if self.base_offset.0 < 0 || self.base_offset.0 > i64::MAX - i64::from(i32::MAX) - 1 {
            return refuse("base offset", self.base_offset.0);
        }
        if self.leader_epoch < LeaderEpoch::NONE {
            return refuse("leader epoch", i64::from(self.leader_epoch.0));
        }
        if delta < 0 {
            return refuse("last offset delta", delta);
        }
        if self.record_count < 0 || i64::from(self.record_count) > delta + 1 {
            return refuse("record count", i64::from(self.record_count));
        }
        self.check_producer()
    }

    fn check_producer(&self) -> Result<(), BatchError> {
        let refuse = |field, value| Err(BatchError::Field { field, value });
        if self.producer_id < ProducerId::NONE {
            return refuse("producer id", self.producer_id.0);
        }
        // Without an id, nobody looks at epoch and sequence: clients such as kafkajs leave zeroes there. Source:
        // `LogValidator.validateBatch`.
        if !self.has_producer() {
            return Ok(());
        }
        if self.producer_epoch.0 < 0 {
            return refuse("producer epoch", i64::from(self.producer_epoch.0));
        }
        let numbered = !self.is_control();
        // Coordinators give no sequences to what a transaction commits through them.
        let none = self.base_sequence == Sequence::NONE && (!numbered || self.is_transactional());
        let sequence_fits = none || numbered && self.base_sequence.0 >= 0;
        if !sequence_fits {
            return refuse("base sequence", i64::from(self.base_sequence.0));
        }
        Ok(())
    }
}

/// Length of the batch at the front, from its length field; checked against what is there.
pub(crate) fn batch_length(bytes: &[u8]) -> Result<usize, BatchError> {
    let present = bytes.len();
    if present < HEADER_LENGTH {
        return Err(BatchError::Truncated { wanted: HEADER_LENGTH, present });
    }
    let stored = i32::from_be_bytes(field(bytes, 8));
    let length = i64::from(stored) + LENGTH_PREFIX as i64;
    if length < HEADER_LENGTH as i64 {
        return Err(BatchError::Field { field: "length", value: i64::from(stored) });
    }
    let length = length as usize;
    if length > present {
        return Err(BatchError::Truncated { wanted: length, present });
    }
    Ok(length)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has the length that was asked for")
}
