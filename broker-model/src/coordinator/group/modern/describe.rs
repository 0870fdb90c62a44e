//! What administrators are told of a group of the consumer protocol, and when it may be deleted. Source: Kafka's
//! `ConsumerGroup.asListedGroup`, `ConsumerGroup.asDescribedGroup`, `ConsumerGroup.validateDeleteGroup`,
//! `ConsumerGroupMember.asConsumerGroupDescribeMember`.

use super::change::preferred_assignor;
use super::group::{ConsumerGroup, GroupPhase};
use super::member::{Member, Partitions};
use super::topics::Topics;
use crate::config::{ServerAssignor, topic_name};
use crate::consumer_protocol::PROTOCOL_TYPE;
use crate::proto::{
    DescribedAssignment, DescribedConsumerGroup, DescribedConsumerMember, DescribedPartitions,
    ErrorCode, GroupId, ListedGroup, StrBytes, TopicName, topic_uuid,
};

/// `MemberType` of one that speaks the classic protocol, and of one that does not. Source: KIP-1099.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

impl GroupPhase {
    /// As Kafka names it.
    const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

impl ConsumerGroup {
    /// In a list of groups.
    pub(in crate::coordinator::group) fn listed(&self, name: &str) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(GroupId(topic_name(name)))
            .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
            .with_group_state(StrBytes::from_static_str(self.phase().name()))
            .with_group_type(StrBytes::from_static_str("consumer"))
    }

    /// With its members.
    pub(in crate::coordinator::group) fn described(
        &self,
        name: &str,
        topics: Topics<'_>,
        default: ServerAssignor,
    ) -> DescribedConsumerGroup {
        let members = self.members().iter().map(|(id, member)| {
            let nothing = Partitions::new();
            let target = self.target(id).unwrap_or(&nothing);
            described(id, member, target, topics)
        });
        let descriptions = self.members().values().map(|member| &member.description);
        let assignor = preferred_assignor(descriptions).unwrap_or(default);
        DescribedConsumerGroup::default()
            .with_group_id(GroupId(topic_name(name)))
            .with_group_state(StrBytes::from_static_str(self.phase().name()))
            .with_group_epoch(self.epoch)
            .with_assignment_epoch(self.target_epoch)
            .with_assignor_name(StrBytes::from_static_str(assignor.name()))
            .with_members(members.collect())
    }

    /// Only a group without members goes.
    pub(in crate::coordinator::group) fn check_deletable(&self) -> Result<(), ErrorCode> {
        if self.phase() == GroupPhase::Empty { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }
}

fn described(
    id: &str,
    member: &Member,
    target: &Partitions,
    topics: Topics<'_>,
) -> DescribedConsumerMember {
    let description = &member.description;
    let names = description.topics.iter().map(|topic| TopicName(topic_name(topic)));
    let regex = Some(description.regex.as_str()).filter(|regex| !regex.is_empty());
    DescribedConsumerMember::default()
        .with_member_id(topic_name(id))
        .with_instance_id(description.instance.as_deref().map(topic_name))
        .with_member_epoch(member.holding.epoch)
        .with_client_id(topic_name(&description.client))
        .with_rack_id(description.rack.as_deref().map(topic_name))
        .with_subscribed_topic_names(names.collect())
        .with_subscribed_topic_regex(regex.map(topic_name))
        .with_assignment(assignment(&member.holding.assigned, topics))
        .with_target_assignment(assignment(target, topics))
        .with_member_type(if description.classic.is_some() { CLASSIC } else { CONSUMER })
}

/// Partitions of topics that are still there.
fn assignment(partitions: &Partitions, topics: Topics<'_>) -> DescribedAssignment {
    let partitions: Vec<_> = partitions.iter().copied().collect();
    let told = partitions.chunk_by(|a, b| a.topic == b.topic).filter_map(|places| {
        let topic = places[0].topic;
        let partitions = places.iter().map(|place| place.partition).collect();
        let told = DescribedPartitions::default().with_topic_id(topic_uuid(topic));
        let name = TopicName(topic_name(topics.name(topic)?));
        Some(told.with_topic_name(name).with_partitions(partitions))
    });
    DescribedAssignment::default().with_topic_partitions(told.collect())
}
