//! `TxnOffsetCommit`: a transaction commits a group's offsets. As with records, it is verified first, if it has
//! nothing in the group's partition yet. Source: KIP-98, KIP-447, KIP-890, Kafka's
//! `KafkaApis.handleTxnOffsetCommitRequest`, `CoordinatorRuntime.scheduleTransactionalWriteOperation`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::log::VerificationGuard;
use crate::node::Effects;
use crate::proto::{ErrorCode, TopicName, TxnOffsetCommitRequest};
use crate::types::{Now, TopicPartition};

impl Broker {
    pub(super) fn on_txn_offset_commit(
        &mut self,
        now: Now,
        caller: Caller,
        request: &TxnOffsetCommitRequest,
        effects: &mut Effects,
    ) {
        let verified = match self.internal_topics.id_of(CoordinatorKind::Group) {
            None => Err(ErrorCode::NotCoordinator),
            Some(topic) => {
                let group = request.group_id.as_str();
                let partition = self.partition_of_key(CoordinatorKind::Group, group);
                let id = TopicPartition { topic, partition };
                self.verify_offsets(now, caller, (id, request), effects)
            }
        };
        match verified {
            Ok(true) => {}
            Ok(false) => self.commit_verified(now, caller, request, Ok(None), effects),
            Err(error) => self.commit_verified(now, caller, request, Err(error), effects),
        }
    }

    /// The transaction is verified, or is not: its offsets are written, or refused.
    pub(in crate::broker) fn commit_verified(
        &mut self,
        now: Now,
        caller: Caller,
        request: &TxnOffsetCommitRequest,
        verified: Result<Option<VerificationGuard>, ErrorCode>,
        effects: &mut Effects,
    ) {
        let group = request.group_id.as_str();
        let partition = self.partition_of_key(CoordinatorKind::Group, group);
        let image = self.metadata.image();
        let known = |topic: &TopicName, partition: i32| image.knows(topic.as_str(), partition);
        self.groups.commit_in_transaction(now, caller, (partition, request), verified, known);
        self.run_groups(now, effects);
    }
}
