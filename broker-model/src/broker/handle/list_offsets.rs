//! `ListOffsets`: where a partition begins and ends, for clients. Source: rule 2.1.10, KIP-207, KIP-320.

use crate::broker::handle::isolation_level;
use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::{Api, ConsumerNote, IsolationLevel};
use crate::partition::{ByTime, Partition, TimedOffset};
use crate::proto::{
    ErrorCode, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopicResponse, TopicName,
};
use crate::types::{LeaderEpoch, Offset, WallTime};

/// Timestamp that asks for the log's end.
const LATEST: i64 = -1;
/// Timestamp that asks for the log's start.
const EARLIEST: i64 = -2;
/// Timestamp that asks for the record of the latest time.
const MAX_TIMESTAMP: i64 = -3;
/// Timestamp that asks for the start of what is on this broker's disks: all of it.
const EARLIEST_LOCAL: i64 = -4;
/// Timestamp that asks for the end of what is in remote storage: nothing.
const LATEST_TIERED: i64 = -5;

impl Broker {
    pub(super) fn on_list_offsets(
        &mut self,
        caller: Caller,
        request: &ListOffsetsRequest,
        effects: &mut Effects,
    ) {
        let isolation = isolation_level(request.isolation_level);
        let mut response = ListOffsetsResponse::default();
        for topic in &request.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                answers.push(self.list_one((caller, isolation), &topic.name, asked, effects));
            }
            let topic = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
            response.topics.push(topic.with_partitions(answers));
        }
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::ListOffsets(Box::new(response))),
            effects,
        );
    }

    fn list_one(
        &self,
        (caller, isolation): (Caller, IsolationLevel),
        topic: &TopicName,
        asked: &ListOffsetsPartition,
        effects: &mut Effects,
    ) -> ListOffsetsPartitionResponse {
        let answer = ListOffsetsPartitionResponse::default()
            .with_partition_index(asked.partition_index)
            .with_timestamp(-1);
        let refused = |error: ErrorCode| {
            answer.clone().with_error_code(error.code()).with_offset(Offset::NONE.0)
        };
        let partition = match self.hosted(topic, asked.partition_index) {
            Ok(partition) => partition,
            Err(error) => return refused(error),
        };
        let current_leader_epoch = LeaderEpoch(asked.current_leader_epoch);
        let found = match asked.timestamp {
            LATEST => partition
                .latest_offset(current_leader_epoch, isolation)
                .map(|offset| (offset, partition.leader_epoch())),
            EARLIEST | EARLIEST_LOCAL => partition.earliest_offset(current_leader_epoch),
            _ => return list_by_time((caller, isolation), partition, asked, effects),
        };
        let (id, leader_epoch) = (partition.id(), partition.leader_epoch());
        match found {
            Ok((offset, offset_epoch)) => {
                if asked.timestamp == LATEST {
                    effects.note(ConsumerNote::EndOffsetServed {
                        partition: id,
                        leader_epoch,
                        current_leader_epoch,
                        isolation,
                        offset,
                    });
                } else {
                    let (api, by) = (Api::ListOffsets, caller.from);
                    partition.note_served(api, by, current_leader_epoch, effects);
                }
                answer.with_offset(offset.0).with_leader_epoch(offset_epoch.0)
            }
            Err(error) => {
                if let Some(note) = super::fenced(id, caller.from, error) {
                    effects.note(note);
                }
                refused(error)
            }
        }
    }
}

/// Source: `ReplicaManager.fetchOffset`, `isListOffsetsTimestampUnsupported`.
fn list_by_time(
    (caller, isolation): (Caller, IsolationLevel),
    partition: &Partition,
    asked: &ListOffsetsPartition,
    effects: &mut Effects,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_timestamp(-1)
        .with_offset(Offset::NONE.0)
        .with_leader_epoch(LeaderEpoch::NONE.0);
    let epoch = LeaderEpoch(asked.current_leader_epoch);
    let by_time = match asked.timestamp {
        MAX_TIMESTAMP => Some(ByTime::Latest),
        time => (time >= 0).then_some(ByTime::From(WallTime(time))),
    };
    let found = match by_time {
        Some(by_time) => partition.offset_for_time(epoch, by_time, isolation),
        // Nothing is there, but who asks must be told if this is no leader.
        None if asked.timestamp == LATEST_TIERED => partition.earliest_offset(epoch).map(|_| None),
        None => Err(ErrorCode::UnsupportedVersion),
    };
    match found {
        Ok(found) => {
            if let Some(by_time) = by_time {
                effects.note(timed_offset(partition, (by_time, isolation), found));
            }
            partition.note_served(Api::ListOffsets, caller.from, epoch, effects);
            found.map_or(answer.clone(), |TimedOffset { timestamp, offset, leader_epoch }| {
                answer
                    .with_timestamp(timestamp.0)
                    .with_offset(offset.0)
                    .with_leader_epoch(leader_epoch.0)
            })
        }
        Err(error) => {
            if let Some(note) = super::fenced(partition.id(), caller.from, error) {
                effects.note(note);
            }
            answer.with_error_code(error.code())
        }
    }
}

fn timed_offset(
    partition: &Partition,
    (asked, isolation): (ByTime, IsolationLevel),
    found: Option<TimedOffset>,
) -> ConsumerNote {
    let from = match asked {
        ByTime::From(time) => Some(time),
        ByTime::Latest => None,
    };
    let offset = found.map_or(Offset::NONE, |found| found.offset);
    let (partition, leader_epoch) = (partition.id(), partition.leader_epoch());
    ConsumerNote::TimedOffsetServed { partition, leader_epoch, isolation, from, offset }
}
