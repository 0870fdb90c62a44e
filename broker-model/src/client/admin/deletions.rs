//! Deleting records: asked once, of the broker that leads as the caller knows. Java's client finds the leader by itself
//! and tries again what may pass. Source: `KafkaAdminClient.deleteRecords`, KIP-107.

use super::{Admin, Purpose};
use crate::message::{ClientRequest, ClientResponse};
use crate::node::{Channel, Effects, Outcome};
use crate::proto::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic, ErrorCode, StrBytes,
    TopicName,
};
use crate::types::{NodeId, Offset, OperationId, Time};

impl Admin {
    pub(super) fn delete_records(
        &mut self,
        now: Time,
        operation: OperationId,
        broker: NodeId,
        ((topic, partition), before): ((StrBytes, i32), Offset),
        effects: &mut Effects,
    ) {
        if self.connections.blocked_until(broker, Channel::Client) > now {
            let (error, partition) = (ErrorCode::NetworkException, partition);
            return effects.complete(operation, Outcome::Failed { error, partition });
        }
        let asked =
            DeleteRecordsPartition::default().with_partition_index(partition).with_offset(before.0);
        let topic =
            DeleteRecordsTopic::default().with_name(TopicName(topic)).with_partitions(vec![asked]);
        let timeout_ms = i32::try_from(self.config.request_timeout_ms).unwrap_or(i32::MAX);
        let request =
            DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout_ms);
        let (body, purpose) =
            (ClientRequest::DeleteRecords(Box::new(request)), Purpose::DeleteRecords(operation));
        self.connections.send(now, (broker, Channel::Client), body, purpose, effects);
    }

    /// A leader has moved its log start even if it says that others did not follow in time.
    pub(super) fn on_records_deleted(
        operation: OperationId,
        body: &ClientResponse,
        effects: &mut Effects,
    ) {
        let result = if let ClientResponse::DeleteRecords(response) = body {
            response.topics.first().and_then(|topic| topic.partitions.first())
        } else {
            None
        };
        let outcome = match result {
            Some(result) => match ErrorCode::try_from_code(result.error_code) {
                None => Outcome::RecordsDeleted { low_watermark: Offset(result.low_watermark) },
                Some(error @ ErrorCode::RequestTimedOut) => {
                    Outcome::Unknown { error, partition: result.partition_index }
                }
                Some(error) => Outcome::Failed { error, partition: result.partition_index },
            },
            None => Outcome::Unknown { error: ErrorCode::UnknownServerError, partition: -1 },
        };
        effects.complete(operation, outcome);
    }
}
