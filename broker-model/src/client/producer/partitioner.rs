//! Which partition a record goes to. Source: Kafka's `BuiltInPartitioner`, `Utils.murmur2`, KIP-480.

use crate::client::metadata::Leadership;

/// The partition of a key: murmur2 over its eight bytes, most significant first, as Kafka's own partitioner. Panics if
/// the topic has no partitions.
pub fn partition_of(key: u64, partitions: usize) -> i32 {
    assert!(partitions > 0, "a partitioned topic has no partitions");
    let positive = murmur2(&key.to_be_bytes()) & 0x7fff_ffff;
    (positive as usize % partitions) as i32
}

/// `MurmurHash2` as Kafka has it: seed `0x9747b28c`, words little-endian.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word: [u8; 4] = word.try_into().expect("chunks_exact gives four bytes");
        let mut k = u32::from_le_bytes(word).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0_u32, |tail, &byte| tail << 8 | u32::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Where a topic's records without key go: one partition for a batch, then the next that has a leader. Kafka draws
/// the next one at random; here it is the following one, so that runs repeat.
#[derive(Debug)]
pub(super) struct Sticky {
    partition: i32,
    used: bool,
}

impl Sticky {
    /// Producers start at different partitions.
    pub(super) fn new(start: i32, partitions: usize) -> Self {
        assert!(partitions > 0, "a partitioned topic has no partitions");
        Self { partition: start.rem_euclid(partitions as i32), used: false }
    }

    /// The present one.
    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    /// A new batch begins.
    pub(super) fn advance(&mut self, partitions: &[Leadership]) {
        let count = partitions.len() as i32;
        let first = i32::from(std::mem::replace(&mut self.used, true));
        let mut candidates = (first..first + count).map(|step| (self.partition + step) % count);
        let led = candidates.find(|&candidate| partitions[candidate as usize].leader.is_some());
        self.partition = led.unwrap_or((self.partition + first) % count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, NodeId};

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_kafkas() {
        let table: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (text, hash) in table {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "murmur2 of {text:?}");
        }
    }

    #[test]
    fn a_key_keeps_its_partition() {
        for key in 0..1_000 {
            let partition = partition_of(key, 7);
            assert!((0..7).contains(&partition), "partition {partition} of 7");
            assert_eq!(partition, partition_of(key, 7));
        }
    }

    #[test]
    fn sticky_skips_partitions_without_leader() {
        let led = Leadership { leader: Some(NodeId(1)), epoch: LeaderEpoch(1) };
        let dead = Leadership { leader: None, epoch: LeaderEpoch(1) };
        let partitions = [led, dead, led];
        let mut sticky = Sticky::new(1002, partitions.len());
        assert_eq!(sticky.partition(), 0);
        let chosen: Vec<i32> = (0..4)
            .map(|_| {
                sticky.advance(&partitions);
                sticky.partition()
            })
            .collect();
        assert_eq!(chosen, [0, 2, 0, 2]);
        let mut sticky = Sticky::new(1, 3);
        sticky.advance(&[dead, dead, dead]);
        assert_eq!(sticky.partition(), 1, "with no leader at all it waits where it is");
    }
}
