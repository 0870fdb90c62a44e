//! Values that can be traced to the write they came from, and that show when they were damaged.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::record::{RecordBatch, RecordView};
use crate::types::RecordValue;

/// Bytes of the number at the front of a value.
const NUMBER_LENGTH: usize = 8;
/// Bytes that are repeated behind it.
const FILLING_LENGTH: usize = 8;

impl RecordBatch {
    /// A record's value of `length` bytes, at least 8: the number, then filling that follows from
    /// it.
    pub fn encode_value(value: RecordValue, length: u32) -> Bytes {
        let mut bytes = Vec::with_capacity(length as usize);
        Self::write_value(&mut bytes, value, length);
        Bytes::from(bytes)
    }

    /// Replaces what is there by a record's value, as of [`Self::encode_value`].
    pub fn write_value(bytes: &mut Vec<u8>, value: RecordValue, length: u32) {
        let length = length as usize;
        assert!(length >= NUMBER_LENGTH, "value of {length} bytes cannot hold its number");
        bytes.clear();
        bytes.extend_from_slice(&value.0.to_be_bytes());
        let filling = filling_of(value);
        for _ in 0..(length - NUMBER_LENGTH) / filling.len() {
            bytes.extend_from_slice(&filling);
        }
        bytes.extend_from_slice(&filling[..length - bytes.len()]);
    }

    /// The number of a record of ours: its value's, or of a tombstone, which has none, that in its header.
    pub fn record_number(record: &RecordView<'_>) -> Option<RecordValue> {
        match record.value {
            Some(value) => Self::value_number(value),
            None => number_in_header(record.headers),
        }
    }

    /// The number that a producer of ours wrote into a value; `None` if the value is too short or
    /// its filling is not the number's.
    pub fn value_number(value: &[u8]) -> Option<RecordValue> {
        let (head, rest) = value.split_first_chunk::<NUMBER_LENGTH>()?;
        let number = RecordValue(u64::from_be_bytes(*head));
        let filling = filling_of(number);
        let (chunks, tail) = rest.as_chunks::<FILLING_LENGTH>();
        let whole = chunks.iter().all(|chunk| *chunk == filling) && *tail == filling[..tail.len()];
        whole.then_some(number)
    }

    /// The number by which a value is known that may not be one of ours: its own, or a hash of its bytes. Values that
    /// are the same have the same number.
    pub fn number_of(value: &[u8]) -> RecordValue {
        Self::value_number(value).unwrap_or_else(|| {
            // No tombstone, and not the number of garbage.
            RecordValue(xxh3_64(value) & !RecordValue(0).as_tombstone().0 & (u64::MAX >> 1))
        })
    }
}

/// The one header of a tombstone: its number of headers, the key, the number.
const HEADER_FRONT: [u8; 4] = [2, 2, b'n', 16];

/// The headers of a tombstone, as they are in a batch.
pub(super) fn header_of(value: RecordValue) -> Vec<u8> {
    [&HEADER_FRONT[..], &value.0.to_be_bytes()].concat()
}

fn number_in_header(headers: &[u8]) -> Option<RecordValue> {
    let number: [u8; NUMBER_LENGTH] = headers.strip_prefix(&HEADER_FRONT)?.try_into().ok()?;
    Some(RecordValue(u64::from_be_bytes(number))).filter(|value| value.is_tombstone())
}

fn filling_of(value: RecordValue) -> [u8; FILLING_LENGTH] {
    xxh3_64(&value.0.to_be_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

    #[test]
    fn values_round_trip_at_every_length() {
        for length in 8..40 {
            let bytes = RecordBatch::encode_value(RecordValue(77), length);
            assert_eq!(bytes.len(), length as usize);
            assert_eq!(RecordBatch::value_number(&bytes), Some(RecordValue(77)));
        }
    }

    #[test]
    fn a_tombstone_tells_its_number_in_a_header() {
        let value = RecordValue(77).as_tombstone();
        let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
        builder.push_tombstone(WallTime(1), Some(b"key"), value);
        builder.push_copy(WallTime(1), Some(b"key"), None);
        let mut numbers = Vec::new();
        let batch = RecordBatch::parse(builder.build().bytes().clone()).expect("just built");
        let read = batch.for_each_record(|it| numbers.push(RecordBatch::record_number(&it)));
        assert_eq!((read, numbers), (Ok(()), vec![Some(value), None]));
    }

    #[test]
    fn whatever_is_written_has_a_number() {
        let own = RecordBatch::encode_value(RecordValue(77), 12);
        assert_eq!(RecordBatch::number_of(&own), RecordValue(77));
        let [a, b] = [&b"order 1"[..], b"order 2"].map(RecordBatch::number_of);
        assert!(a != b && !a.is_tombstone() && a == RecordBatch::number_of(b"order 1"));
    }

    #[test]
    fn any_flipped_bit_shows() {
        let whole = RecordBatch::encode_value(RecordValue(77), 32);
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RecordBatch::value_number(&Bytes::from(bytes)), None, "bit {bit}");
        }
        assert_eq!(RecordBatch::value_number(&whole.slice(..7)), None);
    }
}
