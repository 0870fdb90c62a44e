//! The replica from which a consumer reads in the leader's place, as the leader has told it (KIP-392).
//!
//! It holds for `metadata.max.age.ms` from when it was told first, and no longer than it answers: who refuses, is out
//! of range, is gone from the metadata or cannot be reached is left for the leader (KAFKA-14379). Out of range at a
//! follower says nothing of the leader's log, so that the position stays. Source:
//! `SubscriptionState.preferredReadReplica`, `FetchCollector.handleInitializeErrors`,
//! `AbstractFetch.selectReadReplica`, `AbstractFetch.handleFetchFailure`.
//!
//! Kafka looks at the time when it is about to fetch; here at each event.

use crate::client::metadata::PartitionKey;
use crate::config::ms;
use crate::proto::ErrorCode;
use crate::types::{NodeId, Time};

use super::Consumer;
use super::position::ReadReplica;

impl Consumer {
    /// The leader sends this consumer to another replica; told again, it holds no longer for that.
    pub(super) fn prefer(&mut self, now: Time, key: PartitionKey, node: NodeId) {
        let until = now + ms(self.config.metadata_max_age_ms);
        let Some(position) = self.positions.get_mut(&key) else { return };
        if position.read_replica.is_none_or(|known| known.node != node) {
            position.read_replica = Some(ReadReplica { node, until });
            self.leases.push_back((until, key));
        }
    }

    /// Leaves replicas for the leader whose time is over.
    pub(super) fn end_leases(&mut self, now: Time) {
        while let Some((until, key)) = self.leases.pop_front_if(|(until, _)| *until <= now) {
            let is_over = |known: &mut ReadReplica| known.until == until;
            if let Some(position) = self.positions.get_mut(&key) {
                position.read_replica.take_if(is_over);
            }
        }
    }

    /// Leaves replicas for the leader that are not in the metadata any more.
    pub(super) fn leave_offline(&mut self) {
        for index in 0..self.leases.len() {
            let (_, key) = self.leases[index];
            let known = self.positions.get(&key).and_then(|position| position.read_replica);
            if known.is_some_and(|known| !self.metadata.is_online(known.node)) {
                self.leave_read_replica(key);
                self.metadata.request_update();
            }
        }
    }

    /// Whether it read from another replica, which it leaves for the leader.
    pub(super) fn leave_read_replica(&mut self, key: PartitionKey) -> bool {
        let position = self.positions.get_mut(&key);
        position.is_some_and(|position| position.read_replica.take().is_some())
    }

    /// A fetch was refused. What is no sign of old metadata is asked of the same replica again.
    pub(super) fn on_fetch_refused(&mut self, key: PartitionKey, error: ErrorCode) {
        let stays = error == ErrorCode::UnknownLeaderEpoch || error == ErrorCode::CorruptMessage;
        if !stays {
            self.leave_read_replica(key);
        }
    }

    /// A replica does not answer.
    pub(super) fn on_replica_lost(&mut self, node: NodeId) {
        for index in 0..self.leases.len() {
            let (_, key) = self.leases[index];
            let known = self.positions.get(&key).and_then(|position| position.read_replica);
            if known.is_some_and(|known| known.node == node) {
                self.leave_read_replica(key);
            }
        }
    }
}
