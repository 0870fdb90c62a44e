//! Small files: a checksum, then the content. Of a torn or damaged file nothing is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use crate::types::{Offset, TopicPartition};

/// The content of an offset checkpoint: recovery points, high watermarks or log starts. Source:
/// Kafka's `OffsetCheckpointFile`; the encoding is ours.
pub fn encode_offsets(offsets: &BTreeMap<TopicPartition, Offset>) -> Bytes {
    seal(offsets)
}

/// Reads an offset checkpoint back; `None` if it is torn or damaged.
pub fn decode_offsets(bytes: &Bytes) -> Option<BTreeMap<TopicPartition, Offset>> {
    unseal(bytes)
}

/// Encodes a small file's content behind its checksum.
pub(crate) fn seal<T: Serialize>(content: &T) -> Bytes {
    let sealed = postcard::to_extend(content, vec![0; 8]);
    let mut sealed = sealed.expect("checkpoints are of numbers and known lengths");
    let checksum = xxh3_64(&sealed[8..]);
    sealed[..8].copy_from_slice(&checksum.to_be_bytes());
    Bytes::from(sealed)
}

/// Reads a small file's content; `None` if it is torn or damaged.
pub(crate) fn unseal<T: DeserializeOwned>(bytes: &Bytes) -> Option<T> {
    let (checksum, content) = bytes.split_first_chunk::<8>()?;
    if u64::from_be_bytes(*checksum) != xxh3_64(content) {
        return None;
    }
    postcard::from_bytes(content).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    fn offsets() -> BTreeMap<TopicPartition, Offset> {
        let partition = |topic, partition| TopicPartition { topic: TopicId(topic), partition };
        [(partition(1, 0), Offset(5)), (partition(1, 1), Offset(0)), (partition(7, 0), Offset(99))]
            .into()
    }

    #[test]
    fn offsets_round_trip() {
        assert_eq!(decode_offsets(&encode_offsets(&offsets())), Some(offsets()));
        assert_eq!(decode_offsets(&encode_offsets(&BTreeMap::new())), Some(BTreeMap::new()));
    }

    #[test]
    fn nothing_is_read_of_torn_and_damaged_files() {
        let whole = encode_offsets(&offsets());
        for length in 0..whole.len() {
            assert_eq!(decode_offsets(&whole.slice(..length)), None, "cut at {length}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_offsets(&Bytes::from(bytes)), None, "bit {bit}");
        }
    }
}
