//! What an application needs of its consumer that commits offsets within transactions. Source: KIP-447,
//! `KafkaConsumer.groupMetadata`; Kafka's example `ExactlyOnceMessageProcessor`.

use crate::client::consumer::Consumer;
use crate::client::consumer::position::Stage;
use crate::client::generation::GroupMetadata;
use crate::client::metadata::PartitionKey;
use crate::consumer_protocol::Place;
use crate::node::{Effects, Outcome};
use crate::proto::ErrorCode;
use crate::types::{LeaderEpoch, Offset, OperationId};

/// Offsets with the epochs of the records before them, and as whom they are committed.
pub(in crate::client) type ForTransaction = (GroupMetadata, Vec<(Place, Offset, LeaderEpoch)>);

impl Consumer {
    /// Offsets as a transaction is to commit them: in the generation that gave the partitions, which may be over.
    pub(in crate::client) fn for_transaction(
        &self,
        offsets: Vec<(Place, Offset)>,
    ) -> Option<ForTransaction> {
        let member = self.membership.as_ref()?;
        // In the consumer protocol, an epoch is told as soon as it is known.
        let told = if member.reconciler.is_some() { &member.generation } else { &member.joined };
        let metadata = GroupMetadata {
            group: member.config.group.clone(),
            generation: told.clone(),
            instance: member.config.instance.clone(),
        };
        let offsets = offsets.into_iter().map(|(place, at)| self.with_epoch(place, at));
        Some((metadata, offsets.collect()))
    }

    /// Takes all partitions again from where the group has committed. What was fetched is dropped.
    pub(in crate::client::consumer) fn rewind(
        &mut self,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        let Some(member) = self.membership.as_mut() else {
            let outcome = Outcome::Failed { error: ErrorCode::InvalidGroupId, partition: -1 };
            return effects.complete(operation, outcome);
        };
        // What was asked before is answered in vain.
        member.assignments += 1;
        let partitions = member.assigned.clone();
        for (topic, partition) in &partitions {
            let key = PartitionKey { topic: self.metadata.place(topic), partition: *partition };
            let version = self.new_version();
            if let Some(position) = self.positions.get_mut(&key) {
                position.enter(Stage::Committed, version);
            }
        }
        self.deliverable.clear();
        effects.complete(operation, Outcome::Rewound { partitions });
    }
}
