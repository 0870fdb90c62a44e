//! Jitter without randomness: a pure hash of (salt, node, epoch), so that nodes spread out and runs repeat.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::types::NodeId;

/// A duration in `[0, bound)` that depends on the three inputs alone.
pub fn jitter(salt: u64, node: NodeId, epoch: u64, bound: Duration) -> Duration {
    let bound_ns = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
    if bound_ns == 0 {
        return Duration::ZERO;
    }
    let mut input = [0_u8; 20];
    input[..8].copy_from_slice(&salt.to_le_bytes());
    input[8..12].copy_from_slice(&node.0.to_le_bytes());
    input[12..].copy_from_slice(&epoch.to_le_bytes());
    Duration::from_nanos(xxh3_64(&input) % bound_ns)
}
