//! What an application asks beside reading: seeks and pauses. Source: Kafka's `SubscriptionState.seek`,
//! `SubscriptionState.requestOffsetReset`, `SubscriptionState.pause`, `FetchCollector.collectFetch`.
//!
//! A seek moves the position at once; where the log starts or ends is asked with the next poll. What was fetched is
//! dropped, and an answer for where it stood before does not count. A partition that rests is not fetched, and what was
//! fetched of it waits; a rebalance that takes it away takes that, too, and whoever gets it back reads it again.
//!
//! A wakeup ends a poll that has nothing to return, or a commit that waits. It ends nothing else: a rebalance that the
//! poll was part of goes on with the next one, and a commit that is on its way may be done. Not covered: wakeups of
//! questions for offsets.

use crate::client::metadata::PartitionKey;
use crate::config::ms;
use crate::node::{ConsumerCall, Effects, NoPosition, Outcome, SeekTo};
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{LeaderEpoch, OperationId, Time};

use super::Consumer;
use super::group::Closing;
use super::position::{Position, Stage, StartFrom};

impl Consumer {
    pub(super) fn call(
        &mut self,
        now: Time,
        operation: OperationId,
        call: ConsumerCall,
        effects: &mut Effects,
    ) {
        let is_known = match call {
            ConsumerCall::Seek { places } => self.seek(&places),
            ConsumerCall::Pause { partitions, paused } => self.pause(&partitions, paused),
            ConsumerCall::SubscribePattern { pattern } => self.subscribe_pattern(&pattern),
            ConsumerCall::PollUntilWoken { timeout_ms, max_records, wakeup_ms } => {
                return self.poll(now, operation, (timeout_ms, max_records, Some(wakeup_ms)));
            }
            ConsumerCall::CommitUntilWoken { offsets, wakeup_ms } => {
                return self.commit(now, operation, (offsets, true, Some(wakeup_ms)), effects);
            }
            ConsumerCall::Close { timeout_ms, leaves } => {
                let until = now + ms(u64::from(timeout_ms));
                return self.close(now, Closing::new(operation, until, leaves), effects);
            }
        };
        let refused = Outcome::Failed { error: ErrorCode::InvalidRequest, partition: -1 };
        effects.complete(operation, if is_known { Outcome::Called } else { refused });
    }

    /// Whether all places are of partitions that it has; else nothing is done. Source:
    /// `SubscriptionState.assignedState`, which throws for any other.
    fn has_all<'a>(&mut self, mut places: impl Iterator<Item = (&'a StrBytes, i32)>) -> bool {
        places.all(|(topic, partition)| {
            let place = self.metadata.find(topic);
            let key = place.map(|topic| PartitionKey { topic, partition });
            key.is_some_and(|key| self.positions.get(&key).is_some())
        })
    }

    fn seek(&mut self, places: &[(StrBytes, i32, SeekTo)]) -> bool {
        if !self.has_all(places.iter().map(|(topic, partition, _)| (topic, *partition))) {
            return false;
        }
        for (topic, partition, to) in places {
            let version = self.new_version();
            let position = self.own_position(topic, *partition);
            match to {
                SeekTo::Offset(offset) => position.seek((*offset, LeaderEpoch::NONE), version),
                SeekTo::Beginning => position.enter(Stage::Start(StartFrom::Assignment), version),
                SeekTo::End => position.enter(Stage::Start(StartFrom::AssignmentAtEnd), version),
            }
        }
        true
    }

    fn pause(&mut self, partitions: &[(StrBytes, i32)], paused: bool) -> bool {
        if !self.has_all(partitions.iter().map(|(topic, partition)| (topic, *partition))) {
            return false;
        }
        for (topic, partition) in partitions {
            self.own_position(topic, *partition).paused = paused;
        }
        true
    }

    fn own_position(&mut self, topic: &StrBytes, partition: i32) -> &mut Position {
        let key = PartitionKey { topic: self.metadata.place(topic), partition };
        self.positions.get_mut(&key).expect("only partitions that it has are asked for")
    }

    /// The oldest poll ends if the application must say where to go on: nothing is returned before.
    pub(super) fn tell_of_no_position(&mut self, now: Time, effects: &mut Effects) {
        let Some(why) = self.positions.iter().find_map(|(_, it)| no_position(it)) else { return };
        let Some(poll) = self.polls.pop_front() else { return };
        let lost = self.positions.iter().filter(|(_, it)| no_position(it) == Some(why));
        let named = |key: &PartitionKey| (self.metadata.name(key.topic).clone(), key.partition);
        let partitions = lost.map(|(key, _)| named(key)).collect();
        effects.complete(poll.operation, Outcome::NoPosition { partitions, why });
        if let Some(membership) = &mut self.membership {
            membership.poll_ended(now);
        }
    }
}

fn no_position(position: &Position) -> Option<NoPosition> {
    if let Stage::Application(why) = position.stage { Some(why) } else { None }
}
