//! `OffsetCommit` and `OffsetFetch`. Source: Kafka's `KafkaApis.handleOffsetCommitRequest`,
//! `KafkaApis.handleOffsetFetchRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::defect::GroupDefect;
use crate::node::Effects;
use crate::proto::{OffsetCommitRequest, OffsetFetchRequest, TopicName};
use crate::types::Now;

impl Broker {
    pub(super) fn on_offset_commit(
        &mut self,
        now: Now,
        caller: Caller,
        request: &OffsetCommitRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        let known = |topic: &TopicName, partition: i32| image.knows(topic.as_str(), partition);
        self.groups.commit_offsets(now, caller, partition, request, known);
        self.run_groups(now, effects);
    }

    pub(super) fn on_offset_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: &OffsetFetchRequest,
        effects: &mut Effects,
    ) {
        let partitions: Vec<i32> = request
            .groups
            .iter()
            .map(|group| self.partition_of_key(CoordinatorKind::Group, group.group_id.as_str()))
            .collect();
        let partition_of = |name: &str| {
            let at = request.groups.iter().position(|group| group.group_id.as_str() == name);
            at.map_or(0, |at| partitions[at])
        };
        let tells = self.context.config.defects.has(GroupDefect::ReplacedTells);
        let times = (now.time, self.metadata.learned_at());
        let replaced = !tells && self.lifecycle.may_be_replaced(times, &self.context.config);
        self.groups.fetch_offsets(now, (caller, replaced), partition_of, request);
        self.run_groups(now, effects);
    }
}
