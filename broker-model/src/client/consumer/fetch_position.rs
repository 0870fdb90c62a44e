//! What a fetch session is told of a position.

use crate::types::{LeaderEpoch, Offset, TopicId};

use super::position::Position;

/// What a fetch session is told of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FetchPosition {
    pub(super) offset: Offset,
    pub(super) current_leader_epoch: LeaderEpoch,
    /// Which topic of its name.
    pub(super) topic: Option<TopicId>,
    /// Not told: an answer for another version of the position is stale.
    pub(super) version: u64,
}

impl FetchPosition {
    pub(super) fn of(position: &Position, topic: Option<TopicId>) -> Self {
        Self {
            offset: position.offset,
            current_leader_epoch: position.leadership.epoch,
            topic,
            version: position.version,
        }
    }
}
