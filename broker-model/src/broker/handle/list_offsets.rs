//! `ListOffsets`: where a partition begins and ends, for clients. Source: rule 2.1.10, KIP-207, KIP-320.

use crate::broker::handle::isolation_level;
use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::{Api, ConsumerNote, IsolationLevel};
use crate::proto::{
    ErrorCode, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopicResponse, TopicName,
};
use crate::types::{LeaderEpoch, Offset};

/// Timestamp that asks for the log's end.
const LATEST: i64 = -1;
/// Timestamp that asks for the log's start.
const EARLIEST: i64 = -2;

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
            EARLIEST => partition.earliest_offset(current_leader_epoch),
            // Lookup by time is not offered.
            _ => Err(ErrorCode::UnsupportedForMessageFormat),
        };
        let (id, leader_epoch) = (partition.id(), partition.leader_epoch());
        match found {
            Ok((offset, offset_epoch)) => {
                if asked.timestamp == LATEST {
                    effects.note(ConsumerNote::EndOffsetServed {
                        partition: id,
                        leader_epoch,
                        current_leader_epoch,
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
