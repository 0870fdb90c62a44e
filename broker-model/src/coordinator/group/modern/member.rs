//! A member of a group in the consumer protocol. Source: Kafka's `ConsumerGroupMember`, `MemberState`.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::types::TopicPartition;

/// Partitions, in order.
pub(crate) type Partitions = BTreeSet<TopicPartition>;

/// Where a member is on its way to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberState {
    /// It has what it shall have in its epoch.
    Stable,
    /// It has not given up all that it must.
    Unrevoked,
    /// Others have not given up all that it shall get.
    Unreleased,
}

impl MemberState {
    /// As records have it.
    pub(super) fn wire(self) -> i8 {
        match self {
            Self::Stable => 1,
            Self::Unrevoked => 2,
            Self::Unreleased => 3,
        }
    }

    pub(super) fn of_wire(value: i8) -> Option<Self> {
        [Self::Stable, Self::Unrevoked, Self::Unreleased].into_iter().find(|it| it.wire() == value)
    }
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    /// `group.instance.id`, if it is static.
    pub(crate) instance: Option<String>,
    pub(crate) client: String,
    /// `max.poll.interval.ms`: how long it may take to give partitions up.
    pub(crate) rebalance_timeout_ms: i32,
    /// What it subscribes to by name, in order.
    pub(crate) topics: Vec<String>,
    /// What it subscribes to by a regular expression; empty without.
    pub(crate) regex: String,
    /// `client.rack`.
    pub(crate) rack: Option<String>,
    /// `group.remote.assignor`.
    pub(crate) assignor: Option<String>,
    /// What it has joined with, if it speaks the classic protocol.
    pub(crate) classic: Option<ClassicMember>,
}

/// A member that speaks the classic protocol in a group of the consumer protocol. Source: KIP-848,
/// `ConsumerGroupMemberMetadataValue.ClassicMemberMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassicMember {
    pub(crate) session_timeout_ms: i32,
    /// The assignors that it knows, best first, with what it subscribes to.
    pub(crate) protocols: Vec<(String, Bytes)>,
}

impl ClassicMember {
    /// What it is told that the group's protocol is, whatever the others know.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocols.first().map(|(name, _)| name.as_str())
    }
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) epoch: i32,
    /// The one before: a member whose answer was lost comes with it.
    pub(crate) previous_epoch: i32,
    pub(crate) state: MemberState,
    pub(crate) assigned: Partitions,
    /// What it must give up before it goes on.
    pub(crate) revoking: Partitions,
}

impl Holding {
    /// Nothing, in no epoch.
    pub(crate) const NOTHING: Self = Self {
        epoch: 0,
        previous_epoch: -1,
        state: MemberState::Stable,
        assigned: Partitions::new(),
        revoking: Partitions::new(),
    };

    /// All that nobody else may have.
    pub(crate) fn all(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assigned.iter().chain(&self.revoking)
    }

    /// Whether it has nothing more to do for a target. Source: `ModernGroupMember.isReconciledTo`.
    pub(crate) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) description: Description,
    pub(crate) holding: Holding,
}

impl Member {
    /// How long it may take to give partitions up, in milliseconds; 0 if it must not, or speaks the classic protocol,
    /// whose timers each join begins anew. Source: `GroupMetadataManager.maybeReconcile`.
    pub(crate) fn revokes_within_ms(&self) -> u32 {
        let Description { rebalance_timeout_ms, classic, .. } = &self.description;
        let must = self.holding.state == MemberState::Unrevoked && self.holding.epoch >= 0;
        let is_timed = must && classic.is_none();
        if is_timed { u32::try_from(*rebalance_timeout_ms).unwrap_or(0) } else { 0 }
    }

    /// One of whom nothing is known yet.
    pub(crate) fn unknown() -> Self {
        let description = Description {
            instance: None,
            client: String::new(),
            rebalance_timeout_ms: -1,
            topics: Vec::new(),
            regex: String::new(),
            rack: None,
            assignor: None,
            classic: None,
        };
        Self { description, holding: Holding::NOTHING }
    }
}
