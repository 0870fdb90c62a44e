//! The end of a partition, as its leader answers it. Source: Kafka's `KafkaConsumer.endOffsets`.
//!
//! A leader that is new and does not know how much is committed answers `OFFSET_NOT_AVAILABLE`; that, like any error
//! that may pass, is asked again until twice the request timeout is over.

use crate::client::consumer::purpose::Purpose;
use crate::client::metadata::{PartitionKey, is_stale_metadata};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::proto::{
    ErrorCode, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
    TopicName,
};
use crate::types::{LeaderEpoch, NodeId, Offset, OperationId, Time};

use super::{Consumer, Reach};

/// As `ListOffsets` names the log's end.
const END_TIMESTAMP: i64 = -1;

impl Consumer {
    /// Asks leaders for end offsets.
    pub(super) fn ask_ends(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        for index in 0..self.end_queries.len() {
            let query = &self.end_queries[index];
            let over = Deadline { at: query.gives_up_at, why: "end offset timeout" };
            wake = Deadline::earlier(wake, Some(over));
            if query.asked {
                continue;
            }
            let leadership = self.metadata.leadership(query.key);
            match self.reach(now, leadership, query.not_before) {
                Reach::Leader(leader) => {
                    self.ask_end(now, index, (leader, leadership.epoch), effects);
                }
                Reach::At(at) => wake = Deadline::earlier(wake, Some(at)),
                Reach::Leaderless => self.metadata.request_update(),
            }
        }
        wake
    }

    fn ask_end(
        &mut self,
        now: Time,
        index: usize,
        (leader, epoch): (NodeId, LeaderEpoch),
        effects: &mut Effects,
    ) {
        let query = &mut self.end_queries[index];
        query.asked = true;
        let (key, operation) = (query.key, query.operation);
        let body = self.list_offsets(key, epoch, END_TIMESTAMP);
        self.connections.send(
            now,
            (leader, Channel::Client),
            body,
            Purpose::EndOffset(operation),
            effects,
        );
    }

    pub(super) fn on_end_offset(
        &mut self,
        now: Time,
        operation: OperationId,
        response: &ListOffsetsResponse,
        effects: &mut Effects,
    ) {
        let Some(index) = self.end_queries.iter().position(|query| query.operation == operation)
        else {
            return;
        };
        let key = self.end_queries[index].key;
        match self.find_offset(key, response) {
            Ok((offset, _)) => {
                self.end_queries.remove(index);
                effects.complete(operation, Outcome::EndOffset { offset });
            }
            Err(error) => self.ask_end_again(now, operation, error),
        }
    }

    pub(super) fn ask_end_again(&mut self, now: Time, operation: OperationId, error: ErrorCode) {
        let retry_at = self.connections.backoff.after(now);
        if is_stale_metadata(error) {
            self.metadata.request_update();
        }
        if let Some(query) = self.end_queries.iter_mut().find(|query| query.operation == operation)
        {
            query.asked = false;
            query.not_before = retry_at;
            query.last_error = error;
        }
    }

    pub(super) fn end_late_queries(&mut self, now: Time, effects: &mut Effects) {
        self.end_queries.retain(|query| {
            let late = query.gives_up_at <= now;
            if late {
                let outcome =
                    Outcome::Failed { error: query.last_error, partition: query.key.partition };
                effects.complete(query.operation, outcome);
            }
            !late
        });
    }

    pub(super) fn list_offsets(
        &self,
        key: PartitionKey,
        epoch: LeaderEpoch,
        timestamp: i64,
    ) -> ClientRequest {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(key.partition)
            .with_current_leader_epoch(epoch.0)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(self.metadata.name(key.topic).clone()))
            .with_partitions(vec![partition]);
        let request =
            ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![topic]);
        let request = request.with_isolation_level(self.config.isolation.wire());
        ClientRequest::ListOffsets(Box::new(request))
    }

    pub(super) fn find_offset(
        &self,
        key: PartitionKey,
        response: &ListOffsetsResponse,
    ) -> Result<(Offset, LeaderEpoch), ErrorCode> {
        let name = self.metadata.name(key.topic);
        let topic = response.topics.iter().find(|topic| topic.name.0 == *name);
        let partitions = topic.map_or(&[][..], |topic| &topic.partitions);
        let answer = partitions.iter().find(|answer| answer.partition_index == key.partition);
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        match ErrorCode::try_from_code(answer.error_code) {
            None if answer.offset >= 0 => {
                Ok((Offset(answer.offset), LeaderEpoch(answer.leader_epoch)))
            }
            None => Err(ErrorCode::UnknownServerError),
            Some(error) => Err(error),
        }
    }
}
