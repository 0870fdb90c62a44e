//! Putting records together into a batch.

use bytes::Bytes;

use crate::record::header::{CHECKED_FROM, HEADER_LENGTH};
use crate::record::value::header_of;
use crate::record::{BatchHeader, RecordBatch, RecordView, varint};
use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, RecordValue, Sequence, WallTime,
};

/// Bytes of a small record besides its key and value, at most.
const RECORD_OVERHEAD: usize = 16;

/// Puts records together into a batch, uncompressed; only tombstones have a header.
#[derive(Debug, Clone)]
pub struct RecordBatchBuilder {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
    control: bool,
    transactional: bool,
    base_timestamp: WallTime,
    max_timestamp: WallTime,
    count: i32,
}

impl RecordBatchBuilder {
    /// An empty batch; the three are `NONE` for a producer that is not idempotent.
    pub fn new(
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        base_sequence: Sequence,
    ) -> Self {
        Self {
            bytes: vec![0; HEADER_LENGTH],
            producer_id,
            producer_epoch,
            base_sequence,
            control: false,
            transactional: false,
            base_timestamp: WallTime(0),
            max_timestamp: WallTime(0),
            count: 0,
        }
    }

    /// An empty batch for control records, which clients do not see. It has no sequence.
    pub fn new_control(producer_id: ProducerId, producer_epoch: ProducerEpoch) -> Self {
        Self { control: true, ..Self::new(producer_id, producer_epoch, Sequence::NONE) }
    }

    /// The same, as part of a transaction.
    #[must_use]
    pub fn in_transaction(self) -> Self {
        Self { transactional: true, ..self }
    }

    /// Makes room for so many records of about this size, so that adding them moves nothing.
    pub fn reserve(&mut self, records: usize, bytes_each: usize) {
        self.bytes.reserve_exact(records * (bytes_each + RECORD_OVERHEAD));
    }

    /// Adds a record.
    #[expect(clippy::needless_pass_by_value, reason = "callers have no further use for them")]
    pub fn push(&mut self, timestamp: WallTime, key: Option<Bytes>, value: Option<Bytes>) {
        self.push_copy(timestamp, key.as_deref(), value.as_deref());
    }

    /// Adds a record from borrowed parts.
    pub fn push_copy(&mut self, timestamp: WallTime, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.push_with_headers(timestamp, (key, value), &[0]);
    }

    /// Adds a record that deletes its key, with its number in a header.
    pub fn push_tombstone(&mut self, timestamp: WallTime, key: Option<&[u8]>, value: RecordValue) {
        self.push_with_headers(timestamp, (key, None), &header_of(value));
    }

    fn push_with_headers(
        &mut self,
        timestamp: WallTime,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &[u8],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);
        let view = RecordView {
            offset: Offset(i64::from(self.count)),
            key,
            value,
            timestamp_delta,
            headers,
        };
        write_record(&mut self.bytes, i64::from(self.count), &view);
        self.count += 1;
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch, at base offset 0 and without a leader epoch.
    ///
    /// # Panics
    /// If there is no record, or if the producer's numbers do not fit together.
    pub fn build(mut self) -> RecordBatch {
        assert!(self.count > 0, "batch built of no records");
        let mut header = self.header();
        if let Err(error) = header.check() {
            panic!("batch built of wrong parts: failed to {error}");
        }
        header.write(&mut self.bytes);
        header.checksum = crc32c::crc32c(&self.bytes[CHECKED_FROM..]);
        header.write(&mut self.bytes);
        RecordBatch::from_encoded(header, Bytes::from(self.bytes))
    }

    fn header(&self) -> BatchHeader {
        BatchHeader {
            base_offset: Offset::ZERO,
            length: u32::try_from(self.bytes.len()).expect("a batch is far below 4 GiB"),
            leader_epoch: LeaderEpoch::NONE,
            checksum: 0,
            attributes: BatchHeader::attributes_for(self.control, self.transactional),
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            record_count: self.count,
        }
    }
}

/// Writes a record at an offset delta, whatever the view says of its offset.
pub(super) fn write_record(out: &mut Vec<u8>, offset_delta: i64, record: &RecordView<'_>) {
    let RecordView { key, value, timestamp_delta, headers, .. } = *record;
    let length = 1
        + varint::length(timestamp_delta)
        + varint::length(offset_delta)
        + optional_length(key)
        + optional_length(value)
        + headers.len();
    out.reserve(length + 5);
    varint::write(out, length as i64);
    out.push(0); // No attributes.
    varint::write(out, timestamp_delta);
    varint::write(out, offset_delta);
    write_optional(out, key);
    write_optional(out, value);
    out.extend_from_slice(headers);
}

fn write_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            varint::write(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => varint::write(out, -1),
    }
}

fn optional_length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::length(bytes.len() as i64) + bytes.len())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::{
        self as wire, Compression, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::record::Record;

    type Part = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

    fn build(base_sequence: i32, parts: &[Part]) -> RecordBatch {
        let mut builder =
            RecordBatchBuilder::new(ProducerId(9), ProducerEpoch(2), Sequence(base_sequence));
        for (timestamp, key, value) in parts {
            let key = key.clone().map(Bytes::from);
            builder.push(WallTime(*timestamp), key, value.clone().map(Bytes::from));
        }
        assert_eq!(builder.len(), parts.len());
        builder.build()
    }

    fn wire_record(index: usize, base_sequence: i32, part: &Part) -> wire::Record {
        wire::Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 9,
            producer_epoch: 2,
            timestamp_type: TimestampType::Creation,
            offset: index as i64,
            sequence: base_sequence.wrapping_add(index as i32),
            timestamp: part.0,
            key: part.1.clone().map(Bytes::from),
            value: part.2.clone().map(Bytes::from),
            headers: <_>::default(),
        }
    }

    fn wire_encode(base_sequence: i32, parts: &[Part]) -> Bytes {
        let records: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| wire_record(index, base_sequence, part))
            .collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut bytes = bytes::BytesMut::new();
        RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("records are plain");
        bytes.freeze()
    }

    fn part() -> impl Strategy<Value = Part> {
        let optional = || prop::option::of(prop::collection::vec(any::<u8>(), 0..200));
        // The wire crate takes the smallest timestamp as base, Kafka and we the first; see below.
        (Just(1_700_000_000_000_i64), optional(), optional())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_are_those_of_the_wire_crate(
            parts in prop::collection::vec(part(), 1..70),
            base_sequence in 0..1_000_i32,
        ) {
            let ours = build(base_sequence, &parts);
            prop_assert_eq!(ours.bytes(), &wire_encode(base_sequence, &parts));
        }

        #[test]
        fn the_wire_crate_reads_ours(
            mut parts in prop::collection::vec(part(), 1..20),
            times in prop::collection::vec(-5_000_i64..5_000, 20),
        ) {
            for (part, time) in parts.iter_mut().zip(times) {
                part.0 += time;
            }
            let ours = build(5, &parts);
            let mut bytes = ours.bytes().clone();
            let set = RecordBatchDecoder::decode(&mut bytes).expect("ours is Kafka's format");
            let expected: Vec<_> =
                parts.iter().enumerate().map(|(i, part)| wire_record(i, 5, part)).collect();
            prop_assert_eq!(set.records, expected);
        }

        #[test]
        fn we_read_the_wire_crate(parts in prop::collection::vec(part(), 1..20)) {
            let batch = RecordBatch::parse(wire_encode(3, &parts)).expect("it is Kafka's format");
            let batch = batch.with_assignment(Offset(100), LeaderEpoch(4));
            let records = batch.records().expect("bodies of the wire crate are plain");
            for (index, (record, part)) in records.iter().zip(&parts).enumerate() {
                let expected = Record {
                    offset: Offset(100 + index as i64),
                    key: part.1.clone().map(Bytes::from),
                    value: part.2.clone().map(Bytes::from),
                };
                prop_assert_eq!(record, &expected);
            }
        }
    }

    #[test]
    fn a_control_batch_is_one() {
        let mut builder = RecordBatchBuilder::new_control(ProducerId::NONE, ProducerEpoch::NONE);
        assert!(builder.is_empty());
        builder.push(WallTime(5), None, Some(Bytes::from_static(b"leader")));
        let batch = builder.build();
        assert!(batch.is_control());
        assert_eq!(RecordBatch::parse(batch.bytes().clone()), Ok(batch));
    }

    #[test]
    fn a_sequence_wraps_inside_a_batch() {
        let batch = build(i32::MAX - 1, &[(0, None, None), (0, None, None), (0, None, None)]);
        assert_eq!(batch.header().last_sequence(), Sequence(0));
    }

    #[test]
    #[should_panic(expected = "no records")]
    fn an_empty_batch_is_not_built() {
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE).build();
    }
}
