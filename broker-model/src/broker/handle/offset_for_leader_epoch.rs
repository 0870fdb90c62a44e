//! `OffsetForLeaderEpoch`: where an epoch ends, for clients that check their position. Source: KIP-279, KIP-320.

use crate::broker::{Broker, Caller};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::{Api, ConsumerNote};
use crate::proto::{
    EpochEndOffset, ErrorCode, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult, TopicName,
};
use crate::types::{LeaderEpoch, Offset};

impl Broker {
    pub(super) fn on_offset_for_leader_epoch(
        &mut self,
        caller: Caller,
        request: &OffsetForLeaderEpochRequest,
        effects: &mut Effects,
    ) {
        let mut response = OffsetForLeaderEpochResponse::default();
        for topic in &request.topics {
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                answers.push(self.epoch_end_one(caller, &topic.topic, asked, effects));
            }
            let topic = OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone());
            response.topics.push(topic.with_partitions(answers));
        }
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::OffsetForLeaderEpoch(Box::new(response))),
            effects,
        );
    }

    fn epoch_end_one(
        &self,
        caller: Caller,
        topic: &TopicName,
        asked: &OffsetForLeaderPartition,
        effects: &mut Effects,
    ) -> EpochEndOffset {
        let answer = EpochEndOffset::default().with_partition(asked.partition);
        let refused = |error: ErrorCode| {
            let answer = answer.clone().with_error_code(error.code());
            answer.with_leader_epoch(LeaderEpoch::NONE.0).with_end_offset(Offset::NONE.0)
        };
        let partition = match self.hosted(topic, asked.partition) {
            Ok(partition) => partition,
            Err(error) => return refused(error),
        };
        let current = LeaderEpoch(asked.current_leader_epoch);
        let epoch = LeaderEpoch(asked.leader_epoch);
        match partition.epoch_end(current, epoch) {
            Ok(end) => {
                let (api, by) = (Api::OffsetForLeaderEpoch, caller.from);
                partition.note_served(api, by, current, effects);
                effects.note(ConsumerNote::EpochEndServed {
                    partition: partition.id(),
                    leader_epoch: partition.leader_epoch(),
                    asked: epoch,
                    epoch: end.epoch,
                    end_offset: end.end_offset,
                });
                answer.with_leader_epoch(end.epoch.0).with_end_offset(end.end_offset.0)
            }
            Err(error) => {
                if let Some(note) = super::fenced(partition.id(), caller.from, error) {
                    effects.note(note);
                }
                refused(error)
            }
        }
    }
}
