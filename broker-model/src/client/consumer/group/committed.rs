//! Where to go on: what the group has committed, else what `auto.offset.reset` says. Source:
//! `ConsumerCoordinator.initWithCommittedOffsetsIfNeeded`, `OffsetFetchResponseHandler`,
//! `ConsumerUtils.refreshCommittedOffsets`.

use crate::client::consumer::Consumer;
use crate::client::consumer::position::{Stage, StartFrom};
use crate::client::consumer::purpose::Purpose;
use crate::client::metadata::PartitionKey;
use crate::config::{OffsetReset, topic_name};
use crate::defect::{ConsumerDefect, GroupDefect};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, NoPosition};
use crate::note::Api;
use crate::proto::{
    ErrorCode, GroupId, OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponsePartitions, TopicName,
};
use crate::types::{LeaderEpoch, Offset, Time};

use super::join::moved;
use super::membership::applied;

impl Consumer {
    /// Asks for the offsets of partitions that were just given.
    pub(super) fn fetch_committed(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let member = self.member();
        if member.committed_asked || self.polls.is_empty() || !member.has_assignment() {
            return None;
        }
        let waiting: Vec<PartitionKey> = self
            .positions
            .iter()
            .filter(|(_, position)| position.stage == Stage::Committed)
            .map(|(key, _)| *key)
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let coordinator = match self.coordinator_now(now, self.member().committed_not_before) {
            Ok(coordinator) => coordinator,
            Err(wake) => return wake,
        };
        let topics = waiting.chunk_by(|a, b| a.topic == b.topic).map(|keys| {
            OffsetFetchRequestTopics::default()
                .with_name(TopicName(self.metadata.name(keys[0].topic).clone()))
                .with_partition_indexes(keys.iter().map(|key| key.partition).collect())
        });
        let topics = Some(topics.collect());
        // In the consumer protocol only a member in its present epoch is told.
        let member = self.member();
        let is_modern = member.reconciler.is_some();
        let id = is_modern.then(|| topic_name(&member.generation.member));
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(topic_name(&member.config.group)))
            .with_member_id(id)
            .with_member_epoch(if is_modern { member.generation.id } else { -1 })
            .with_topics(topics);
        let request =
            OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true);
        let member = self.membership.as_mut()?;
        member.committed_asked = true;
        let purpose = Purpose::OffsetFetch(member.assignments);
        let body = ClientRequest::OffsetFetch(Box::new(request));
        let to = (coordinator, Channel::ClientCoordinator);
        self.connections.send(now, to, body, purpose, effects);
        None
    }

    pub(in crate::client::consumer) fn on_committed(
        &mut self,
        now: Time,
        assignment: u64,
        response: &OffsetFetchResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.committed_asked = false;
        let group = response.groups.iter().find(|it| it.group_id.as_str() == member.config.group);
        let error = group.map_or(Some(ErrorCode::UnknownServerError), |group| {
            let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
            let unstable = partitions.filter_map(|it| ErrorCode::try_from_code(it.error_code));
            ErrorCode::try_from_code(group.error_code).or(unstable.last())
        });
        let own = member.assignments;
        let current = assignment == own;
        // Known bug G15: an epoch that has grown meanwhile says nothing of what is committed.
        let is_stale = error == Some(ErrorCode::StaleMemberEpoch);
        if is_stale && current && self.defects.has(GroupDefect::StaleEpochMeansNoOffset) {
            return self.go_on_from_nowhere(now);
        }
        if let Some(error) = error {
            if moved(error) {
                member.finder.forget();
            }
            return member.committed_not_before = retry_at;
        }
        if !current {
            return;
        }
        effects.note(applied(Api::OffsetFetch, assignment, own));
        for topic in group.into_iter().flat_map(|group| &group.topics) {
            let place = self.metadata.place(&topic.name.0);
            for answer in &topic.partitions {
                let key = PartitionKey { topic: place, partition: answer.partition_index };
                self.go_on_from(now, key, answer);
            }
        }
    }

    fn go_on_from_nowhere(&mut self, now: Time) {
        let waiting = self.positions.iter().filter(|(_, it)| it.stage == Stage::Committed);
        let nothing = OffsetFetchResponsePartitions::default().with_committed_offset(-1);
        for key in waiting.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.go_on_from(now, key, &nothing);
        }
    }

    fn go_on_from(&mut self, now: Time, key: PartitionKey, answer: &OffsetFetchResponsePartitions) {
        let version = self.new_version();
        let reset = match self.config.offset_reset {
            OffsetReset::Earliest => Stage::Start(StartFrom::Assignment),
            OffsetReset::Latest => Stage::Start(StartFrom::AssignmentAtEnd),
            OffsetReset::ByDuration(ago_ms) => {
                Stage::Start(StartFrom::Since { ago_ms, reset: false, nothing: false })
            }
            OffsetReset::None => Stage::Application(NoPosition::NoOffset),
        };
        let found = self.positions.get_mut(&key);
        let Some(position) = found.filter(|position| position.stage == Stage::Committed) else {
            return;
        };
        if answer.committed_offset < 0 {
            return position.enter(reset, version);
        }
        let epoch = LeaderEpoch(answer.committed_leader_epoch);
        // A leader of an older epoch knows nothing of what was read in that one.
        self.metadata.see_epoch(now, key, epoch);
        position.leadership = self.metadata.leadership(key);
        position.seek((Offset(answer.committed_offset), epoch), version);
        let validates = !self.defects.has(ConsumerDefect::PositionsNotValidated);
        if epoch != LeaderEpoch::NONE && validates {
            let version = self.new_version();
            if let Some(position) = self.positions.get_mut(&key) {
                position.enter(Stage::Validate, version);
            }
        }
    }

    pub(in crate::client::consumer) fn on_committed_lost(&mut self, now: Time) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.committed_asked = false;
        member.committed_not_before = retry_at;
        member.finder.forget();
    }
}
