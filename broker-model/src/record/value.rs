//! Values that can be traced to the write they came from, and that show when they were damaged.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::record::RecordBatch;
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
}

fn filling_of(value: RecordValue) -> [u8; FILLING_LENGTH] {
    xxh3_64(&value.0.to_be_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_at_every_length() {
        for length in 8..40 {
            let bytes = RecordBatch::encode_value(RecordValue(77), length);
            assert_eq!(bytes.len(), length as usize);
            assert_eq!(RecordBatch::value_number(&bytes), Some(RecordValue(77)));
        }
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
