//! The coordinators on this broker, and the partitions that they are coordinators of: leadership loads and unloads
//! them, the high watermark answers those who wait. Source: Kafka's `BrokerMetadataPublisher.updateCoordinator`,
//! `CoordinatorPartitionWriter`, `DefaultAutoTopicCreationManager`.

use crate::broker::Broker;
use crate::broker::controller_channel::{PendingRequest, TopicsAsker};
use crate::config::{ms, topic_name};
use crate::consumer_protocol::Place;
use crate::coordinator::group::{GroupChange, Todo, TransactionalWriter, Waiter};
use crate::coordinator::runtime::{
    CoordinatorKind, CoordinatorRecord, batch_in_transaction, batch_of,
};
use crate::jitter::jitter;
use crate::message::{ControllerRequest, RequestBody};
use crate::node::Effects;
use crate::note::GroupNote;
use crate::partition::Changes;
use crate::proto::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, ErrorCode, StrBytes, TopicName,
};
use crate::types::{LeaderEpoch, Now, ProducerEpoch, ProducerId, Time, TopicPartition};

/// A log is read in at most so long, in milliseconds: how long depends on node, partition and epoch alone.
const LOAD_MS_MAX: u64 = 20;

impl Broker {
    /// Looks for internal topics that the metadata has brought.
    pub(super) fn learn_internal_topics(&mut self) {
        let known = &self.metadata.image().topic_ids;
        for kind in CoordinatorKind::ALL {
            let id = &mut self.internal_topics.ids[kind as usize];
            if id.is_none() {
                *id = known.get(kind.topic()).copied();
            }
        }
    }

    /// Has an internal topic created, unless that is under way.
    pub(super) fn create_internal_topic(
        &mut self,
        now: Now,
        kind: CoordinatorKind,
        effects: &mut Effects,
    ) {
        if self.internal_topics.creating.contains(&kind) {
            return;
        }
        self.internal_topics.creating.push(kind);
        let planned = self.context.config.coordinators.topic(kind);
        let minimum = ("min.insync.replicas", planned.min_insync_replicas.to_string());
        let policy = ("cleanup.policy", kind.cleanup_policy().name().to_owned());
        let configs = [minimum, policy].into_iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_string(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(TopicName(topic_name(kind.topic())))
            .with_num_partitions(planned.partitions as i32)
            .with_replication_factor(planned.replication_factor as i16)
            .with_configs(configs.collect());
        let timeout = i32::try_from(self.context.config.request_timeout_ms).unwrap_or(i32::MAX);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(timeout);
        let body = RequestBody::Controller(ControllerRequest::CreateTopics(Box::new(request)));
        let pending = PendingRequest::Topics(TopicsAsker::Coordinators(kind));
        self.channel.send(pending, body, now.time, &mut self.context, effects);
    }

    /// Tells the coordinator of a partition what has changed there.
    pub(super) fn coordinate(
        &mut self,
        now: Now,
        id: TopicPartition,
        changes: &Changes,
        effects: &mut Effects,
    ) {
        let Some(kind) = self.internal_topics.kind_of(id.topic) else { return };
        if changes.leadership_changed {
            self.on_coordinator_leadership(now, kind, id, effects);
        }
        if changes.log_end_moved || changes.high_watermark_moved {
            let Some(partition) = self.partitions.get(&id) else { return };
            match kind {
                CoordinatorKind::Group => {
                    self.groups.log_moved(now, id.partition, partition.log());
                }
                // What waits for the high watermark is decided by its ticket.
                CoordinatorKind::Transaction => {}
                CoordinatorKind::Share => {
                    self.share_log_moved(id.partition, effects);
                    self.run_shares(now, effects);
                }
            }
        }
        self.run_groups(now, effects);
    }

    fn on_coordinator_leadership(
        &mut self,
        now: Now,
        kind: CoordinatorKind,
        id: TopicPartition,
        effects: &mut Effects,
    ) {
        let Some(partition) = self.partitions.get(&id) else { return };
        let (leads, epoch) = (partition.is_leader(), partition.leader_epoch());
        let loaded_at = self.loaded_at(now.time, id, epoch.0);
        match (kind, leads) {
            (CoordinatorKind::Group, true) => self.groups.elected(id.partition, epoch, loaded_at),
            (CoordinatorKind::Group, false) => self.groups.resigned(now, id.partition, epoch),
            (CoordinatorKind::Transaction, true) => {
                self.transactions.coordinator.elected(id.partition, epoch, loaded_at);
            }
            (CoordinatorKind::Transaction, false) => {
                self.transactions.coordinator.resigned(id.partition, epoch);
            }
            (CoordinatorKind::Share, true) => {
                self.share_coordinator_elected(id.partition, (epoch, loaded_at));
            }
            (CoordinatorKind::Share, false) => {
                self.share_coordinator_resigned(id.partition, epoch, effects);
            }
        }
    }

    /// When a load that begins now is done.
    fn loaded_at(&self, now: Time, id: TopicPartition, epoch: i32) -> Time {
        let key = u64::from(epoch as u32) << 32 | u64::from(id.partition as u32);
        let (salt, node) = (self.context.config.jitter_salt, self.context.node);
        now + ms(1) + jitter(salt, node, key, ms(LOAD_MS_MAX))
    }

    /// Does what time alone brings to coordinators.
    pub(super) fn tick_coordinators(&mut self, now: Now, effects: &mut Effects) {
        while let Some(index) = self.groups.to_load(now.time) {
            let topic = self.internal_topics.id_of(CoordinatorKind::Group);
            let id = topic.map(|topic| TopicPartition { topic, partition: index });
            let partition = id.and_then(|id| self.partitions.get(&id));
            let partition = partition.expect("what is loaded is led here");
            self.groups.load(now, index, partition.log());
        }
        self.groups.tick(now);
        self.run_groups(now, effects);
        self.tick_transactions(now, effects);
        self.tick_share_coordinators(now, effects);
    }

    /// Does what the group coordinator wants done, until it wants nothing.
    pub(super) fn run_groups(&mut self, now: Now, effects: &mut Effects) {
        loop {
            let Some(todo) = self.groups.next(now) else {
                if self.groups.look_further(now, self.metadata.image()) {
                    continue;
                }
                return;
            };
            match todo {
                Todo::Changed(index, leader_epoch, change) => {
                    if let Some((partition, _)) = self.offsets_partition(index) {
                        effects.note(group_change((partition, leader_epoch), change));
                    }
                }
                Todo::Reply(caller, body) => self.connections.reply(caller, body, effects),
                Todo::ReplyWhenCommitted(..) => unreachable!("the coordinator waits itself"),
                Todo::Note(note) => effects.note(note),
                Todo::Served(note) => effects.note(note),
                Todo::Answered(index, end) => {
                    if let Some((partition, leader_epoch)) = self.offsets_partition(index) {
                        effects.note(GroupNote::WriteAnswered { partition, leader_epoch, end });
                    }
                }
                Todo::Loaded(index, leader_epoch, groups) => {
                    if let Some((partition, _)) = self.offsets_partition(index) {
                        let note = GroupNote::CoordinatorLoaded { partition, leader_epoch, groups };
                        effects.note(note);
                    }
                }
                Todo::Assigned { group, member, place, generation } => {
                    if let Some(partition) = self.known_partition(&place) {
                        let member_epoch = generation;
                        let note =
                            GroupNote::PartitionAssigned { group, member, partition, member_epoch };
                        effects.note(note);
                    }
                }
                Todo::Accepted { group, member, generation, places } => {
                    let partitions = self.known_partitions(&places);
                    let note = GroupNote::CommitAccepted { group, member, generation, partitions };
                    effects.note(note);
                }
                Todo::Expired { group, places } => {
                    let partitions = self.known_partitions(&places);
                    effects.note(GroupNote::OffsetsExpired { group, partitions });
                }
                Todo::Pending { group, producer, places } => {
                    effects.note(self.pending(group, producer, &places));
                }
                Todo::Released { group, member, place } => {
                    if let Some(partition) = self.known_partition(&place) {
                        effects.note(GroupNote::PartitionReleased { group, member, partition });
                    }
                }
                Todo::Write(index, records, waiter) => {
                    let at = (CoordinatorKind::Group, index);
                    let appended = self.append_records(now, at, &records, effects);
                    self.group_written(now, index, appended, waiter);
                }
                Todo::WriteInTransaction(index, records, writer, waiter) => {
                    let appended =
                        self.append_in_transaction(now, index, (&records, writer), effects);
                    self.group_written(now, index, appended, waiter);
                }
            }
        }
    }

    fn pending(
        &self,
        group: String,
        (producer_id, producer_epoch): (ProducerId, ProducerEpoch),
        places: &[Place],
    ) -> GroupNote {
        let partitions = self.known_partitions(places);
        GroupNote::OffsetsPending { group, producer_id, producer_epoch, partitions }
    }

    fn known_partitions(&self, places: &[Place]) -> Vec<TopicPartition> {
        places.iter().filter_map(|place| self.known_partition(place)).collect()
    }

    fn group_written(
        &mut self,
        now: Now,
        index: i32,
        appended: Result<TopicPartition, ErrorCode>,
        waiter: Waiter,
    ) {
        match appended.map(|id| self.partitions.get(&id)) {
            Ok(Some(partition)) => self.groups.written(now, index, partition.log(), waiter),
            Ok(None) => unreachable!("records were appended to partition {index}"),
            Err(error) => self.groups.not_written(now, waiter, error),
        }
    }

    /// Appends offsets that a transaction commits. Source: `CoordinatorPartitionWriter.append`.
    fn append_in_transaction(
        &mut self,
        now: Now,
        index: i32,
        (records, writer): (&[CoordinatorRecord], TransactionalWriter),
        effects: &mut Effects,
    ) -> Result<TopicPartition, ErrorCode> {
        let topic = self.internal_topics.id_of(CoordinatorKind::Group);
        let topic = topic.ok_or(ErrorCode::NotLeaderOrFollower)?;
        let id = TopicPartition { topic, partition: index };
        let producer = (writer.producer_id, writer.producer_epoch);
        let batch = batch_in_transaction(now.wall, producer, records);
        if !self.partitions.contains_key(&id) {
            return Err(self.not_hosted(id));
        }
        let (context, partitions) = self.partition_context(now);
        let partition = partitions.get_mut(&id).ok_or(ErrorCode::NotLeaderOrFollower)?;
        partition.append_in_transaction(context, &batch, writer.guard, effects)?;
        self.touched.push(id);
        Ok(id)
    }

    fn offsets_partition(&self, index: i32) -> Option<(TopicPartition, LeaderEpoch)> {
        let topic = self.internal_topics.id_of(CoordinatorKind::Group)?;
        let id = TopicPartition { topic, partition: index };
        self.partitions.get(&id).map(|partition| (id, partition.leader_epoch()))
    }

    fn known_partition(&self, (topic, partition): &Place) -> Option<TopicPartition> {
        let topic = self.metadata.image().topic_ids.get(topic.as_str()).copied()?;
        Some(TopicPartition { topic, partition: *partition })
    }

    /// Appends records of a coordinator to its partition, as one batch. Source: `CoordinatorPartitionWriter.append`.
    pub(super) fn append_records(
        &mut self,
        now: Now,
        (kind, partition): (CoordinatorKind, i32),
        records: &[CoordinatorRecord],
        effects: &mut Effects,
    ) -> Result<TopicPartition, ErrorCode> {
        let topic = self.internal_topics.id_of(kind).ok_or(ErrorCode::NotLeaderOrFollower)?;
        let id = TopicPartition { topic, partition };
        let batch = batch_of(now.wall, records);
        if !self.partitions.contains_key(&id) {
            return Err(self.not_hosted(id));
        }
        let (context, partitions) = self.partition_context(now);
        let partition = partitions.get_mut(&id).ok_or(ErrorCode::NotLeaderOrFollower)?;
        partition.append_as_coordinator(context, &batch, effects)?;
        self.touched.push(id);
        Ok(id)
    }
}

/// A change of a group of the consumer protocol as a fact.
fn group_change(
    (partition, leader_epoch): (TopicPartition, LeaderEpoch),
    change: GroupChange,
) -> GroupNote {
    match change {
        GroupChange::Holds { group, member, epoch, partitions, revokes_within_ms } => {
            GroupNote::MemberHolds {
                partition,
                leader_epoch,
                group,
                member,
                member_epoch: epoch,
                partitions: partitions.into_iter().collect(),
                revokes_within_ms,
            }
        }
        GroupChange::Target { group, epoch, members } => {
            GroupNote::TargetAssigned { group, group_epoch: epoch, members }
        }
    }
}
