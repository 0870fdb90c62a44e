//! Fencing by leader epoch. Source: KIP-320, `Partition.checkCurrentLeaderEpoch`,
//! `KafkaRaftClient.validateLeaderOnlyRequest`.

use std::cmp::Ordering;

use crate::message::ClusterError;
use crate::types::LeaderEpoch;

/// Judges the epoch that a request names as the present one. A request that names none is not judged.
///
/// # Errors
/// The sender is behind: fenced; or ahead: its epoch is not known here yet.
pub(crate) fn check_leader_epoch(
    requested: LeaderEpoch,
    own: LeaderEpoch,
) -> Result<(), ClusterError> {
    if requested == LeaderEpoch::NONE { Ok(()) } else { check_named_epoch(requested, own) }
}

/// The same of a request that must name an epoch, as those of the quorum must.
///
/// # Errors
/// As [`check_leader_epoch`].
pub(crate) fn check_named_epoch(
    requested: LeaderEpoch,
    own: LeaderEpoch,
) -> Result<(), ClusterError> {
    match requested.cmp(&own) {
        Ordering::Less => Err(ClusterError::FencedLeaderEpoch),
        Ordering::Greater => Err(ClusterError::UnknownLeaderEpoch),
        Ordering::Equal => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_epoch_passes() {
        let table = [
            (-1, Ok(())),
            (2, Err(ClusterError::FencedLeaderEpoch)),
            (3, Ok(())),
            (4, Err(ClusterError::UnknownLeaderEpoch)),
        ];
        for (requested, expected) in table {
            let judged = check_leader_epoch(LeaderEpoch(requested), LeaderEpoch(3));
            assert_eq!(judged, expected, "epoch {requested} asked of a leader of epoch 3");
        }
    }
}
