//! Which coordinator is responsible for a key. Source: Kafka's `GroupCoordinatorService.partitionFor`,
//! `TransactionStateManager.partitionFor`.

use crate::compaction::CleanupPolicy;

/// What a coordinator coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CoordinatorKind {
    /// Consumer groups.
    Group,
    /// Transactions.
    Transaction,
    /// Share-partitions.
    Share,
}

impl CoordinatorKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Group, Self::Transaction, Self::Share];

    /// As `FindCoordinator` asks for it; leaders find share coordinators by themselves. Source: KIP-98,
    /// `FindCoordinatorRequest.CoordinatorType`.
    pub(crate) fn of_key_type(key_type: i8) -> Option<Self> {
        match key_type {
            0 => Some(Self::Group),
            1 => Some(Self::Transaction),
            _ => None,
        }
    }

    /// The topic that holds its records.
    pub(crate) const fn topic(self) -> &'static str {
        match self {
            Self::Group => "__consumer_offsets",
            Self::Transaction => "__transaction_state",
            Self::Share => "__share_group_state",
        }
    }

    /// What becomes of old records in that topic: state is by key, and of each key the newest counts. Share
    /// coordinators delete what lies before their snapshots themselves. Source: `transactionTopicConfigs` of
    /// `TransactionStateManager`, `GroupCoordinatorService.groupMetadataTopicConfigs`,
    /// `ShareCoordinatorService.shareGroupStateTopicConfigs`.
    pub(crate) const fn cleanup_policy(self) -> CleanupPolicy {
        match self {
            Self::Group | Self::Transaction => CleanupPolicy::Compact,
            Self::Share => CleanupPolicy::Delete,
        }
    }
}

/// The partition whose leader coordinates a group or a transactional id, of so many: Java's hash of the name, and its
/// absolute value, where that of the least number is 0. Source: `Utils.abs`, `String.hashCode`.
pub fn partition_for(key: &str, partitions: i32) -> i32 {
    assert!(partitions > 0, "{partitions} partitions to coordinate {key}");
    let hash = key
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::partition_for;

    #[test]
    fn keys_go_where_java_sends_them() {
        // (key, Java's hash of it, partitions)
        let table = [
            ("", 0_i64, 50),
            ("a", 97, 50),
            ("group-a", 293_427_347, 50),
            ("hello", 99_162_322, 7),
            ("polygenelubricants", i64::from(i32::MIN), 50),
            ("\u{1F600}", 1_772_899, 50),
        ];
        for (key, hash, partitions) in table {
            let expected = if hash == i64::from(i32::MIN) { 0 } else { hash.abs() % partitions };
            assert_eq!(i64::from(partition_for(key, partitions as i32)), expected, "{key}");
        }
    }
}
