//! One record batch, and how bytes become one.

use bytes::{Buf, Bytes};

use crate::note::{BatchKind, BatchSummary};
use crate::record::BatchHeader;
use crate::record::error::BatchError;
use crate::record::header::{CHECKED_FROM, LEADER_EPOCH_AT, batch_length};
use crate::types::{LeaderEpoch, Offset};

/// A batch whose bytes are whole and whose header makes sense. Its checksum was right when it was
/// parsed, unless it came from a part of a log that is trusted without looking; see
/// [`Self::is_intact`].
#[derive(Debug, Clone)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
    /// Whether it was taken from a log without a look at its checksum.
    unchecked: bool,
}

impl PartialEq for RecordBatch {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header && self.bytes == other.bytes
    }
}

impl RecordBatch {
    /// Reads exactly one batch and checks everything but its body.
    pub fn parse(mut bytes: Bytes) -> Result<Self, BatchError> {
        let batch = Self::split_front(&mut bytes)?;
        if bytes.has_remaining() {
            return Err(BatchError::Field { field: "trailing bytes", value: bytes.len() as i64 });
        }
        Ok(batch)
    }

    /// Takes one batch off the front, checked; on an error nothing is taken.
    pub fn split_front(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let length = batch_length(bytes)?;
        let batch = Self::from_part(bytes.slice(..length), true)?;
        bytes.advance(length);
        Ok(batch)
    }

    /// As [`Self::split_front`], but the checksum is not looked at.
    pub(crate) fn split_front_trusted(bytes: &mut Bytes) -> Result<Self, BatchError> {
        let length = batch_length(bytes)?;
        let batch = Self::from_part(bytes.slice(..length), false)?;
        bytes.advance(length);
        Ok(batch)
    }

    /// Reads as many whole, valid batches as there are: the batches, how many bytes they take, and
    /// what stopped the reading if it was not the end.
    pub fn parse_all(mut bytes: Bytes) -> (Vec<Self>, usize, Option<BatchError>) {
        let total = bytes.len();
        let mut batches = Vec::new();
        while bytes.has_remaining() {
            match Self::split_front(&mut bytes) {
                Ok(batch) => batches.push(batch),
                Err(error) => return (batches, total - bytes.len(), Some(error)),
            }
        }
        (batches, total, None)
    }

    /// What has rotted has any fields: the checksum, if it is looked at, comes first. Source:
    /// `DefaultRecordBatch.ensureValid`.
    fn from_part(bytes: Bytes, checked: bool) -> Result<Self, BatchError> {
        let header = BatchHeader::read(&bytes)?;
        assert_eq!(header.length as usize, bytes.len(), "length of a part that is one batch");
        let batch = Self { header, bytes, unchecked: !checked };
        if checked {
            batch.check_checksum()?;
        }
        batch.header.check()?;
        Ok(batch)
    }

    /// A batch that was just encoded.
    pub(crate) fn from_encoded(header: BatchHeader, bytes: Bytes) -> Self {
        assert_eq!(header.length as usize, bytes.len(), "length of a batch that was encoded");
        Self { header, bytes, unchecked: false }
    }

    fn check_checksum(&self) -> Result<(), BatchError> {
        let stored = self.header.checksum;
        let computed = crc32c::crc32c(&self.bytes[CHECKED_FROM..]);
        if stored == computed { Ok(()) } else { Err(BatchError::Checksum { stored, computed }) }
    }

    /// Whether the checksum is that of the bytes. False only for a batch from a part of a log that
    /// was trusted when it was opened, and that had rotted.
    pub fn is_intact(&self) -> bool {
        !self.unchecked || self.check_checksum().is_ok()
    }

    /// The same records with the offset and epoch that a leader gives. Neither is covered by the
    /// checksum. Source: Kafka's `DefaultRecordBatch`.
    #[must_use]
    pub fn with_assignment(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        assert!(base_offset >= Offset::ZERO, "batch assigned to offset {base_offset}");
        assert!(leader_epoch >= LeaderEpoch::NONE, "batch assigned to epoch {leader_epoch}");
        let mut bytes = self.bytes.to_vec();
        bytes[..8].copy_from_slice(&base_offset.0.to_be_bytes());
        bytes[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.0.to_be_bytes());
        let header = BatchHeader { base_offset, leader_epoch, ..self.header };
        Self { header, bytes: Bytes::from(bytes), unchecked: self.unchecked }
    }

    /// The header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes as they go to disk and over the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes it takes on disk and on the wire.
    pub fn size(&self) -> u32 {
        self.header.length
    }

    /// First offset.
    pub fn base_offset(&self) -> Offset {
        self.header.base_offset
    }

    /// Last offset.
    pub fn last_offset(&self) -> Offset {
        self.header.base_offset.plus(i64::from(self.header.last_offset_delta))
    }

    /// First offset after it.
    pub fn next_offset(&self) -> Offset {
        self.header.next_offset()
    }

    /// Epoch of the leader that appended it.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.header.leader_epoch
    }

    /// Whether it holds control records, which clients do not see.
    pub fn is_control(&self) -> bool {
        self.header.is_control()
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
            kind: self.kind(),
            max_timestamp: self.header.max_timestamp,
        }
    }

    /// What kind of records it holds. Only a control batch's body is looked at.
    pub fn kind(&self) -> BatchKind {
        if self.is_control() {
            self.control_kind().unwrap_or(BatchKind::Control)
        } else if self.header.is_transactional() {
            BatchKind::Transactional
        } else {
            BatchKind::Plain
        }
    }

    /// Which marker it is, if it is one. The key of a control record is a version and a type, of two bytes each.
    /// Source: Kafka's `ControlRecordType`.
    fn control_kind(&self) -> Option<BatchKind> {
        let mut first = None;
        let kind = |key: &[u8]| match key {
            [_, _, 0, 0, ..] => Some(BatchKind::AbortMarker),
            [_, _, 0, 1, ..] => Some(BatchKind::CommitMarker),
            _ => None,
        };
        self.for_each_record(|record| {
            first.get_or_insert(record.key.and_then(kind));
        })
        .ok()?;
        first?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

    fn batch(records: usize) -> RecordBatch {
        let mut builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(1), Sequence(3));
        for index in 0..records {
            let value = Bytes::from(vec![index as u8; 20]);
            builder.push(WallTime(1_000 + index as i64), None, Some(value));
        }
        builder.build()
    }

    #[test]
    fn a_batch_parses_to_itself() {
        let batch = batch(3);
        assert_eq!(RecordBatch::parse(batch.bytes().clone()), Ok(batch.clone()));
        assert_eq!(batch.size() as usize, batch.bytes().len());
        assert!(!batch.is_control() && batch.is_intact());
    }

    #[test]
    fn assignment_keeps_the_checksum() {
        let assigned = batch(3).with_assignment(Offset(40), LeaderEpoch(6));
        assert_eq!(RecordBatch::parse(assigned.bytes().clone()), Ok(assigned.clone()));
        assert_eq!((assigned.base_offset(), assigned.last_offset()), (Offset(40), Offset(42)));
        assert_eq!(assigned.leader_epoch(), LeaderEpoch(6));
        assert_eq!(assigned.header().checksum, batch(3).header().checksum);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let whole = batch(2).bytes().clone();
        for length in 0..whole.len() {
            let cut = RecordBatch::parse(whole.slice(..length));
            assert!(matches!(cut, Err(BatchError::Truncated { .. })), "cut at {length}: {cut:?}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let damaged = RecordBatch::parse(Bytes::from(bytes));
            // Offset and epoch are the leader's to give, so the checksum leaves them out.
            let unchecked = bit / 8 < 8 || (12..16).contains(&(bit / 8));
            assert!(damaged.is_err() || unchecked, "bit {bit} passed");
        }
    }

    #[test]
    fn markers_are_told_by_their_key() {
        let control = |key: Option<&'static [u8]>| {
            let mut builder = RecordBatchBuilder::new_control(ProducerId(7), ProducerEpoch(1));
            builder.push(WallTime(1), key.map(Bytes::from_static), Some(Bytes::from_static(b"v")));
            builder.build().summary().kind
        };
        assert_eq!(control(Some(&[0, 0, 0, 0])), BatchKind::AbortMarker);
        assert_eq!(control(Some(&[0, 0, 0, 1])), BatchKind::CommitMarker);
        assert_eq!(control(Some(&[0, 0, 0, 2])), BatchKind::Control);
        assert_eq!(control(Some(&[0])), BatchKind::Control);
        assert_eq!(control(None), BatchKind::Control);
        assert_eq!(batch(1).kind(), BatchKind::Plain);
        let mut bytes = batch(1).bytes().to_vec();
        bytes[CHECKED_FROM + 1] |= 0x10;
        let checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        bytes[CHECKED_FROM - 4..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
        let parsed = RecordBatch::parse(Bytes::from(bytes)).expect("only an attribute is other");
        assert_eq!(parsed.kind(), BatchKind::Transactional);
    }

    #[test]
    fn trailing_bytes_are_not_one_batch() {
        let mut bytes = batch(1).bytes().to_vec();
        bytes.push(0);
        let expected = BatchError::Field { field: "trailing bytes", value: 1 };
        assert_eq!(RecordBatch::parse(Bytes::from(bytes)), Err(expected));
    }

    #[test]
    fn a_torn_tail_ends_the_reading() {
        let (first, second) = (batch(1), batch(2));
        let mut bytes = first.bytes().to_vec();
        bytes.extend_from_slice(&second.bytes()[..70]);
        let (batches, valid, error) = RecordBatch::parse_all(Bytes::from(bytes));
        assert_eq!((batches.as_slice(), valid), (&[first.clone()][..], first.bytes().len()));
        assert!(matches!(error, Some(BatchError::Truncated { present: 70, .. })), "{error:?}");
    }

    #[test]
    fn nothing_is_taken_from_bytes_that_are_not_a_batch() {
        let mut bytes = Bytes::from_static(&[0; 80]);
        assert!(RecordBatch::split_front(&mut bytes).is_err());
        assert_eq!(bytes.len(), 80);
        assert_eq!(RecordBatch::parse_all(Bytes::new()), (Vec::new(), 0, None));
    }
}
