//! `DeleteRecords`: a client moves log starts. Source: KIP-107, `ReplicaManager.deleteRecords`, `DelayedDeleteRecords`.

use crate::broker::delayed_deletion::{DelayedDeletion, PendingDeletion};
use crate::broker::purgatory::Wait;
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::coordinator::runtime::CoordinatorKind;
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::LogNote;
use crate::proto::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsTopicResult, ErrorCode, TopicName,
};
use crate::types::{ConnectionId, Now, Offset, TopicPartition};

impl Broker {
    pub(super) fn on_delete_records(
        &mut self,
        now: Now,
        caller: Caller,
        request: &DeleteRecordsRequest,
        effects: &mut Effects,
    ) {
        let mut deletion = DelayedDeletion::default();
        for (topic_index, topic) in request.topics.iter().enumerate() {
            let mut results = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let deleted = self.delete_one(&topic.name, asked, effects);
                if let Ok((partition, before)) = deleted {
                    let slot = (topic_index, results.len());
                    deletion.pending.push(PendingDeletion { partition, before, slot });
                }
                results.push(result_of(asked, deleted.err()));
            }
            let topic = DeleteRecordsTopicResult::default().with_name(topic.name.clone());
            deletion.response.topics.push(topic.with_partitions(results));
        }
        self.settle_deletion(&mut deletion, effects);
        if deletion.pending.is_empty() {
            return self.reply_deletion(caller, deletion, effects);
        }
        let deadline = now.time + ms(request.timeout_ms.max(0) as u64);
        let watched = deletion.pending.iter().map(|pending| pending.partition).collect();
        self.purgatory.park(caller, deadline, Wait::DeleteRecords(deletion), watched);
    }

    fn delete_one(
        &mut self,
        topic: &TopicName,
        asked: &DeleteRecordsPartition,
        effects: &mut Effects,
    ) -> Result<(TopicPartition, Offset), ErrorCode> {
        if CoordinatorKind::ALL.iter().any(|kind| kind.topic() == topic.as_str()) {
            return Err(ErrorCode::InvalidTopicException);
        }
        let id = self.resolve(topic, asked.partition_index)?;
        let Some(partition) = self.partitions.get_mut(&id) else {
            return Err(self.not_hosted(id));
        };
        let before = partition.delete_records(Offset(asked.offset), effects)?;
        self.touched.push(id);
        Ok((id, before))
    }

    /// Fills in what is decided: replicas have followed, or the broker leads no more. Source:
    /// `DelayedDeleteRecords.tryComplete`.
    pub(in crate::broker) fn settle_deletion(
        &self,
        deletion: &mut DelayedDeletion,
        effects: &mut Effects,
    ) {
        let metadata = self.metadata.image();
        let DelayedDeletion { response, pending } = deletion;
        pending.retain(|one| {
            let (topic, index) = one.slot;
            let slot = &mut response.topics[topic].partitions[index];
            let partition = self.partitions.get(&one.partition);
            let low = partition
                .ok_or_else(|| self.not_hosted(one.partition))
                .and_then(|partition| partition.low_watermark(metadata));
            match low {
                Ok(low) if low < one.before => return true,
                Ok(low_watermark) => {
                    let partition = one.partition;
                    effects.note(LogNote::DeletionConfirmed { partition, low_watermark });
                    slot.low_watermark = low_watermark.0;
                }
                Err(error) => slot.error_code = error.code(),
            }
            false
        });
    }

    /// A partition changed: deletions that wait for it are looked at again.
    pub(in crate::broker) fn wake_deletions(&mut self, id: TopicPartition, effects: &mut Effects) {
        for connection in self.purgatory.watchers(id) {
            self.wake_deletion(connection, effects);
        }
    }

    fn wake_deletion(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let Some(delayed) = self.purgatory.get(connection) else { return };
        let Wait::DeleteRecords(deletion) = &delayed.wait else { return };
        let mut deletion = deletion.clone();
        let before = deletion.pending.len();
        self.settle_deletion(&mut deletion, effects);
        if deletion.pending.is_empty() {
            if let Some(delayed) = self.purgatory.remove(connection) {
                self.reply_deletion(delayed.caller, deletion, effects);
            }
        } else if deletion.pending.len() < before {
            self.purgatory.replace_deletion(connection, deletion);
        }
    }

    /// What is not decided has timed out.
    pub(in crate::broker) fn reply_deletion(
        &mut self,
        caller: Caller,
        deletion: DelayedDeletion,
        effects: &mut Effects,
    ) {
        let DelayedDeletion { mut response, pending } = deletion;
        for one in pending {
            let (topic, index) = one.slot;
            let slot = &mut response.topics[topic].partitions[index];
            slot.error_code = ErrorCode::RequestTimedOut.code();
        }
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::DeleteRecords(Box::new(response))),
            effects,
        );
    }
}

fn result_of(
    asked: &DeleteRecordsPartition,
    error: Option<ErrorCode>,
) -> DeleteRecordsPartitionResult {
    DeleteRecordsPartitionResult::default()
        .with_partition_index(asked.partition_index)
        .with_low_watermark(Offset::NONE.0)
        .with_error_code(error.map_or(0, |error| error.code()))
}
