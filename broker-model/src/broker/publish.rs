//! Metadata becomes deeds: replicas are made, led and followed as registered. Source: Kafka's
//! `BrokerMetadataPublisher` and `ReplicaManager.applyDelta`.

use crate::broker::Broker;
use crate::broker::metadata_fetcher::Applied;
use crate::defect::BrokerDefect;
use crate::node::Effects;
use crate::partition::{Partition, PartitionContext};
use crate::types::{BrokerEpoch, Now, TopicId, TopicPartition};

impl Broker {
    /// Acts on applied changes. Several changes of a partition in one answer count as one, as in Kafka's deltas.
    pub(super) fn publish(&mut self, now: Now, applied: &Applied, effects: &mut Effects) {
        let end = self.metadata.image().end_offset;
        self.lifecycle.metadata_advanced(applied.from, end, now.time);
        if self.is_replaced() && !self.context.config.defects.has(BrokerDefect::ReplacedGoesOn) {
            self.halt("another uptime of this broker is registered", effects);
            return;
        }
        if applied.brokers {
            let rested = self.fetch_sessions.brokers_changed();
            self.keep_up(&rested);
        }
        if !applied.partitions.is_empty() {
            self.learn_internal_topics();
        }
        if self.published {
            let deleted: Vec<TopicId> = applied.deleted.iter().map(|(id, _)| *id).collect();
            self.give_up_deleted(now, &deleted, effects);
            for partition in &applied.partitions {
                self.apply_registration(now, *partition, false, effects);
            }
            if !applied.deleted.is_empty() {
                let names: Vec<String> =
                    applied.deleted.iter().map(|(_, name)| name.clone()).collect();
                self.groups.topics_deleted(&names);
                self.run_groups(now, effects);
            }
        } else {
            self.publish_first(now, effects);
        }
    }

    /// Acts on all metadata as soon as it reaches this uptime's registration. Earlier records tell of earlier
    /// uptimes: to act on them would be to lead in epochs that are over.
    pub(super) fn publish_first(&mut self, now: Now, effects: &mut Effects) {
        if self.published || !self.lifecycle.caught_up(self.metadata.image().end_offset) {
            return;
        }
        self.published = true;
        self.lose_malformed(now, effects);
        if self.halted {
            return;
        }
        let all: Vec<TopicPartition> = self.metadata.image().partitions.keys().collect();
        for partition in all {
            self.apply_registration(now, partition, true, effects);
        }
        self.give_up_strays(now, effects);
    }

    /// Whether the controller has registered an uptime of this broker after this one: it will refuse this one for ever.
    /// To end is the way out of it, so that another uptime is started and registers. Kafka's broker goes on without
    /// being heard. Source: `BrokerLifecycleManager`, which takes `STALE_BROKER_EPOCH` for an error that passes.
    fn is_replaced(&self) -> bool {
        let own_epoch = self.lifecycle.broker_epoch();
        let registered = self.metadata.image().brokers.get(&self.context.node);
        own_epoch != BrokerEpoch::NONE
            && registered.is_some_and(|registered| {
                registered.broker_epoch > own_epoch
                    && registered.incarnation != self.context.incarnation
            })
    }

    /// Makes, leads or follows a replica as registered; `is_first` if the metadata is the first of this uptime.
    fn apply_registration(
        &mut self,
        now: Now,
        id: TopicPartition,
        is_first: bool,
        effects: &mut Effects,
    ) {
        let image = self.metadata.image();
        let registration = image.partitions.get(&id).expect("a changed partition is in the image");
        let is_deaf = self.context.config.defects.has(BrokerDefect::StoppingLeadsOn);
        if is_deaf && self.lifecycle.is_stopping() {
            return;
        }
        if !registration.replicas.contains(&self.context.node) {
            return self.give_up(now, id, effects);
        }
        if !self.partitions.contains_key(&id) {
            let log = match self.unhosted.remove(&id) {
                Some(log) => Some(log),
                // Source: `ReplicaManager.getOrCreatePartition`.
                None if self.log_directories.is_offline(id) => None,
                None => self.create_log(now, id, is_first, effects),
            };
            let Some(log) = log else { return self.tell_directory(id) };
            self.partitions
                .insert(id, Partition::new(self.context.node, &self.context.config, log));
        }
        let image = self.metadata.image();
        let registration = image.partitions.get(&id).expect("a changed partition is in the image");
        let topic = image.topic_of(id).expect("a partition's topic is created before it");
        let partition =
            self.partitions.get_mut(&id).expect("the partition is hosted since the lines above");
        let broker_epoch = self.lifecycle.broker_epoch();
        let context = PartitionContext { now, broker_epoch, metadata: image };
        partition.apply_registration(context, registration, topic, effects);
        if partition.log().may_delete() && !partition.log().has_holes() {
            self.maintenance.retain(&self.context.config, now.time);
        }
        let in_sync = registration.isr.contains(&self.context.node);
        let leader = partition.leader().filter(|leader| *leader != self.context.node);
        match leader.filter(|_| in_sync || !self.lifecycle.is_stopping()) {
            Some(leader) => self.fetchers.follow(now.time, id, leader, partition.leader_epoch()),
            // A broker that stops in a controlled way fetches no more once it has left the ISR: nobody waits for it.
            None => self.fetchers.unfollow(id),
        }
        self.touched.push(id);
        self.look_after(now, id, effects);
        self.tell_directory(id);
        // Who may rest is judged by the ISR.
        let (_, rested) = self.fetch_sessions.changed(id);
        self.keep_up(&rested);
    }
}
