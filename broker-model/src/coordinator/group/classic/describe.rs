//! What administrators are told of a classic group, and what they may delete of it. Source: Kafka's
//! `ClassicGroup.asListedGroup`, `ClassicGroup.validateDeleteGroup`, `ClassicGroup.validateOffsetDelete`,
//! `GroupMetadataManager.describeGroups`.
//!
//! One difference to Kafka's: where a member's client is nobody knows here, and nothing is told.

use super::group::{ClassicGroup, State};
use super::member::Member;
use crate::config::topic_name;
use crate::proto::{
    DescribedClassicGroup, DescribedClassicMember, ErrorCode, GroupId, ListedGroup, StrBytes,
};

impl State {
    /// As Kafka names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl ClassicGroup {
    /// In a list of groups.
    pub(in crate::coordinator::group) fn listed(&self) -> ListedGroup {
        ListedGroup::default()
            .with_group_id(GroupId(topic_name(&self.name)))
            .with_protocol_type(topic_name(self.protocol_type.as_deref().unwrap_or("")))
            .with_group_state(StrBytes::from_static_str(self.state().name()))
            .with_group_type(StrBytes::from_static_str("classic"))
    }

    /// With its members. What they subscribe to, and by which assignor, is told of a stable group only.
    pub(in crate::coordinator::group) fn described(&self) -> DescribedClassicGroup {
        let protocol = self.protocol.as_deref().filter(|_| self.state() == State::Stable);
        let members = self.members.iter().map(|(id, member)| described(id, member, protocol));
        DescribedClassicGroup::default()
            .with_group_id(GroupId(topic_name(&self.name)))
            .with_group_state(StrBytes::from_static_str(self.state().name()))
            .with_protocol_type(topic_name(self.protocol_type.as_deref().unwrap_or("")))
            .with_protocol_data(topic_name(protocol.unwrap_or("")))
            .with_members(members.collect())
    }

    /// Only a group without members goes.
    pub(in crate::coordinator::group) fn check_deletable(&self) -> Result<(), ErrorCode> {
        match self.state() {
            State::Empty => Ok(()),
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                Err(ErrorCode::NonEmptyGroup)
            }
        }
    }

    /// Of a group with members offsets go only if one can know what these read.
    pub(in crate::coordinator::group) fn check_offsets_deletable(&self) -> Result<(), ErrorCode> {
        if self.is_consumers() { Ok(()) } else { self.check_deletable() }
    }
}

fn described(id: &str, member: &Member, protocol: Option<&str>) -> DescribedClassicMember {
    let metadata = protocol.map(|_| member.metadata(protocol)).unwrap_or_default();
    DescribedClassicMember::default()
        .with_member_id(topic_name(id))
        .with_group_instance_id(member.instance.as_deref().map(topic_name))
        .with_client_id(topic_name(&member.client))
        .with_member_metadata(metadata)
        .with_member_assignment(member.assignment.clone())
}
