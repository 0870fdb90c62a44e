//! Where two logs part, and what is cut then. Source: KIP-101, KIP-279, KIP-595; rules 2.1.2 and 2.2.4.
//!
//! Both sides keep where each leader epoch begins. The leader looks up where the follower's last epoch ends in its own
//! log: if it does not know that epoch, or it ends before the follower's log does, the follower has records that the
//! leader does not have. The follower then cuts to what both can share, and asks again: epochs that only the follower
//! knows are taken back one by one.

use crate::defect::{Defects, ReplicationDefect};
use crate::message::EpochEnd;
use crate::types::{LeaderEpoch, Offset};

/// Where the asker's log parts from this one; `None` if this log has all that the asker has, or the asker names no
/// epoch. `own` is what this log says of the asker's last epoch. Source: `Partition.readRecords`,
/// `ReplicatedLog.validateOffsetAndEpoch`.
pub(crate) fn divergence(
    own: EpochEnd,
    last_fetched_epoch: LeaderEpoch,
    fetch_offset: Offset,
    defects: Defects,
) -> Option<EpochEnd> {
    if last_fetched_epoch == LeaderEpoch::NONE {
        return None;
    }
    assert!(
        own.epoch <= last_fetched_epoch && own.end_offset != Offset::NONE,
        "asked where epoch {last_fetched_epoch} ends, the log answers {own:?}"
    );
    let unknown = own.epoch < last_fetched_epoch;
    let parts = unknown && !defects.has(ReplicationDefect::UnknownEpochServed)
        || own.end_offset < fetch_offset;
    parts.then_some(own)
}

/// Where a follower cuts its log when the leader says that they part at `leader`. `own` is what the follower's log says
/// of that epoch. Source: `AbstractFetcherThread.getOffsetTruncationState`, `ReplicatedLog.truncateToEndOffset`.
pub(crate) fn truncation_offset(
    leader: EpochEnd,
    own: EpochEnd,
    log_end: Offset,
    defects: Defects,
) -> Offset {
    let goes_by_offset = defects.has(ReplicationDefect::EpochNotNamed);
    let own_is_unknown =
        goes_by_offset || own.epoch == LeaderEpoch::NONE || own.end_offset == Offset::NONE;
    let to = if leader.end_offset == Offset::NONE {
        // Nothing to go by: the follower asks again from where it is.
        log_end
    } else if leader.epoch == LeaderEpoch::NONE || own_is_unknown {
        leader.end_offset
    } else if own.epoch == leader.epoch {
        own.end_offset.min(leader.end_offset)
    } else {
        // The leader named an epoch that only it has: back to the end of the one before.
        own.end_offset
    };
    let to = to.min(log_end);
    assert!(to >= Offset::ZERO, "cut to {to}: leader {leader:?}, own {own:?}, log end {log_end}");
    to
}

/// Whether a log that holds `start..end` can be read from an offset; reading from the end gives nothing.
pub(crate) fn is_in_range(offset: Offset, start: Offset, end: Offset) -> bool {
    (start..=end).contains(&offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(epoch: i32, offset: i64) -> EpochEnd {
        EpochEnd { epoch: LeaderEpoch(epoch), end_offset: Offset(offset) }
    }

    #[test]
    fn logs_part_where_an_epoch_is_unknown_or_shorter() {
        // (own epoch, own end, asked epoch, fetch offset) -> parts
        let table = [
            ((3, 9), 3, 9, false),
            ((3, 9), 3, 5, false),
            ((3, 4), 3, 5, true),
            ((2, 4), 3, 4, true),
            ((2, 4), 3, 3, true),
            ((2, 4), -1, 3, false),
        ];
        for ((epoch, end_offset), asked, offset, parts) in table {
            let own = end(epoch, end_offset);
            let found = divergence(own, LeaderEpoch(asked), Offset(offset), Defects::NONE);
            let expected = parts.then_some(own);
            assert_eq!(found, expected, "{own:?}, asked {asked} at {offset}");
        }
    }

    #[test]
    fn a_follower_cuts_to_what_both_can_share() {
        let unknown = end(-1, -1);
        let table = [
            ("both know the epoch", end(2, 7), end(2, 5), 9, 5),
            ("the leader's is shorter", end(2, 4), end(2, 5), 9, 4),
            ("the follower lacks the epoch", end(2, 7), end(1, 3), 9, 3),
            ("the follower knows no epochs", end(2, 7), unknown, 9, 7),
            ("never beyond the log end", end(2, 7), unknown, 5, 5),
            ("the leader knows no epochs", end(-1, 4), end(2, 8), 9, 4),
            ("the leader says nothing", unknown, end(2, 8), 9, 9),
        ];
        for (name, leader, own, log_end, expected) in table {
            let to = truncation_offset(leader, own, Offset(log_end), Defects::NONE);
            assert_eq!(to, Offset(expected), "{name}");
        }
        let defects = [ReplicationDefect::EpochNotNamed].into_iter().collect();
        let to = truncation_offset(end(2, 7), end(1, 3), Offset(9), defects);
        assert_eq!(to, Offset(7), "before KIP-279 the offset alone counts");
    }

    #[test]
    fn both_ends_of_a_log_are_in_range() {
        for (offset, expected) in [(2, false), (3, true), (6, true), (7, false)] {
            assert_eq!(is_in_range(Offset(offset), Offset(3), Offset(6)), expected, "at {offset}");
        }
    }
}
