//! How many in-sync replicas a partition needs. Source: KIP-966, KAFKA-15583, `Partition.effectiveMinIsr`,
//! `ReplicationControlManager.getTopicEffectiveMinIsr`.

/// `min.insync.replicas`, but never more than there are replicas: a setting above that would stop all writes, and keep
/// every replica in the ELR for ever.
pub(crate) fn effective_min_isr(configured: u32, replicas: usize) -> usize {
    replicas.min(configured as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_capped_by_the_number_of_replicas() {
        for (configured, replicas, expected) in [(2, 3, 2), (3, 3, 3), (5, 3, 3), (0, 3, 1)] {
            let effective = effective_min_isr(configured, replicas);
            assert_eq!(effective, expected, "{configured} configured, {replicas} replicas");
        }
    }
}
