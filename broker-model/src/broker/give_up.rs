//! Replicas that this broker gives up: their topic is deleted, or a reassignment has taken them away.
//!
//! Who still waits is answered at once; then the log is moved out of the way as a whole and is gone for good: were it
//! found again, by a broker that was down meanwhile, it is a stray, and goes at the first look at the metadata. A log
//! that stayed would be taken for the replica's should the broker be given it again. Ids tell a topic from another one
//! of its name, so that the log of the one is never taken for that of the other. Source: rules 2.5.9 and 2.5.10,
//! KIP-516, Kafka's `ReplicaManager.applyDelta`, `stopPartitions`, `LogManager.asyncDelete`, `isStrayKraftReplica`.
//! Not covered: the minute (`file.delete.delay.ms`) for which Kafka keeps the files under another name.

use crate::broker::Broker;
use crate::coordinator::runtime::CoordinatorKind;
use crate::defect::BrokerDefect;
use crate::log::Log;
use crate::node::{Effect, Effects};
use crate::note::LogNote;
use crate::partition::Changes;
use crate::proto::ErrorCode;
use crate::types::{Now, TopicId, TopicPartition};

impl Broker {
    /// Gives up all partitions of topics that are gone.
    pub(super) fn give_up_deleted(&mut self, now: Now, deleted: &[TopicId], effects: &mut Effects) {
        for topic in deleted {
            let hosted: Vec<TopicPartition> =
                self.partitions.of_topic(*topic).map(|(id, _)| id).collect();
            for id in hosted {
                self.give_up(now, id, effects);
            }
            self.internal_topics.forget(*topic);
        }
    }

    /// Logs that were found on the disk and of which the metadata knows nothing, or not here. Source:
    /// `LogManager.isStrayKraftReplica`.
    pub(super) fn give_up_strays(&mut self, now: Now, effects: &mut Effects) {
        let strays: Vec<TopicPartition> = self.unhosted.keys().copied().collect();
        for id in strays {
            self.give_up(now, id, effects);
        }
    }

    /// Gives a replica up, if there is one here.
    pub(super) fn give_up(&mut self, now: Now, id: TopicPartition, effects: &mut Effects) {
        self.fetchers.unfollow(id);
        self.log_directories.forget(id);
        let stays = self.context.config.defects.has(BrokerDefect::StraysStay);
        if !stays && let Some(log) = self.unhosted.remove(&id) {
            return self.discard(now, &log, true, effects);
        }
        self.resign(now, id, effects);
        let Some(mut partition) = self.partitions.remove(&id) else { return };
        let known = self.metadata.image().partitions.contains_key(&id);
        let error =
            if known { ErrorCode::NotLeaderOrFollower } else { ErrorCode::UnknownTopicOrPartition };
        let refused = partition.stop();
        self.discard(now, partition.log(), false, effects);
        self.wake_deletions(id, effects);
        let gone = Changes { leadership_changed: true, ..Changes::default() };
        self.wake_fetches(now, id, &gone, effects);
        self.share_partition_changed(now, id, &gone, effects);
        for ticket in refused {
            if !self.append_decided(now, ticket, Err(error), effects) {
                self.decide_produce(ticket, Err(error), effects);
            }
        }
    }

    /// Nobody is coordinated by a partition that is not here, in whichever epoch it was led: no later one will say so
    /// (KAFKA-16118, KAFKA-19274).
    pub(super) fn resign(&mut self, now: Now, id: TopicPartition, effects: &mut Effects) {
        let Some(partition) = self.partitions.get(&id) else { return };
        let epoch = partition.leader_epoch().next();
        match self.internal_topics.kind_of(id.topic) {
            Some(CoordinatorKind::Group) => self.groups.resigned(now, id.partition, epoch),
            Some(CoordinatorKind::Transaction) => {
                self.transactions.coordinator.resigned(id.partition, epoch);
            }
            Some(CoordinatorKind::Share) => {
                self.share_coordinator_resigned(id.partition, epoch, effects);
            }
            None => {}
        }
    }

    fn discard(&mut self, now: Now, log: &Log, stray: bool, effects: &mut Effects) {
        let (partition, log_end_offset) = (log.partition(), log.log_end_offset());
        effects.push(Effect::Discard { partition });
        // A process that dies meanwhile has it still.
        effects.note(LogNote::Discarded { partition, log_end_offset, stray });
        self.checkpoints.forget(log.directory(), partition, effects);
        self.forget_cleaned(now, partition, effects);
    }
}
