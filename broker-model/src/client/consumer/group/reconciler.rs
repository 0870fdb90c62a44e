//! Where a member stands in the consumer protocol. Source: Kafka's `AbstractMembershipManager`, `MemberState`,
//! `ConsumerHeartbeatRequestManager.HeartbeatState`; KIP-848.

use std::collections::BTreeMap;

use crate::proto::{ErrorCode, StrBytes};
use crate::types::{Time, TopicId, TopicPartition};

/// Source: `MemberState`. Leaving takes no time here: the last heartbeat is sent, and nobody waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is no member and does not want to be one.
    Unsubscribed,
    /// It wants to be one.
    Joining,
    /// It shall have something else than it has.
    Reconciling,
    /// It has it, and has not said so.
    Acknowledging,
    /// It has what it shall have.
    Stable,
    /// The coordinator does not know it: it has lost what it had.
    Fenced,
    /// The application has not polled for too long: it has left, and has lost what it had.
    Stale,
    /// It cannot be a member.
    Fatal(ErrorCode),
}

/// What a member shall have, or has: two that name the same partitions differ if there was another one in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalAssignment {
    /// -1 before the first.
    pub(super) epoch: i64,
    /// In order.
    pub(super) partitions: Vec<TopicPartition>,
}

impl LocalAssignment {
    pub(super) const NONE: Self = Self { epoch: -1, partitions: Vec::new() };
}

/// What the coordinator has been told since the last error: what has not changed is not told again.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) timeout: bool,
    pub(super) assignor: bool,
    pub(super) topics: Option<Vec<StrBytes>>,
    pub(super) owned: Option<LocalAssignment>,
}

/// Where a member stands.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) state: State,
    process: String,
    /// Consumers that the application has made: each has another id.
    consumers: u32,
    /// Grows when it leaves or is fenced: an answer to what it asked before is of another life.
    pub(super) life: u64,
    pub(super) target: LocalAssignment,
    pub(super) current: LocalAssignment,
    /// The target that the application was told of first.
    pub(super) under_way: Option<LocalAssignment>,
    /// Names of topics that it was given: a topic of another id may have the name by now. Source:
    /// `AbstractMembershipManager.assignedTopicNamesCache`.
    pub(super) topic_names: BTreeMap<TopicId, StrBytes>,
    pub(super) sent: Sent,
    pub(super) asked: bool,
    pub(super) sent_at: Time,
    pub(super) heartbeat_at: Time,
    /// No heartbeat before, since the last one failed.
    pub(super) not_before: Time,
    /// As the coordinator says.
    pub(super) interval_ms: u64,
}

impl Reconciler {
    pub(super) fn new(process: String) -> Self {
        Self {
            state: State::Unsubscribed,
            process,
            consumers: 0,
            life: 0,
            target: LocalAssignment::NONE,
            current: LocalAssignment::NONE,
            under_way: None,
            topic_names: BTreeMap::new(),
            sent: Sent::default(),
            asked: false,
            sent_at: Time::ZERO,
            heartbeat_at: Time::ZERO,
            not_before: Time::ZERO,
            interval_ms: 0,
        }
    }

    /// The id that it gives itself.
    pub(super) fn member_id(&self) -> String {
        format!("{}-{}", self.process, self.consumers)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Stable && self.under_way.is_none()
    }

    pub(super) fn is_in_group(&self) -> bool {
        match self.state {
            State::Joining | State::Reconciling | State::Acknowledging | State::Stable => true,
            State::Unsubscribed | State::Fenced | State::Stale | State::Fatal(_) => false,
        }
    }

    /// The application subscribes: one whose consumer cannot go on has made another one.
    pub(super) fn subscribed(&mut self) {
        if matches!(self.state, State::Fatal(_)) {
            self.another_consumer();
            self.become_another(State::Unsubscribed, false);
        }
    }

    /// The application makes another consumer.
    pub(super) fn another_consumer(&mut self) {
        self.consumers += 1;
    }

    /// It is no member any more, or not yet: what it was told does not count. Known bug: it goes on with what it was
    /// about to do.
    pub(super) fn become_another(&mut self, state: State, goes_on: bool) {
        self.state = state;
        self.life += 1;
        self.asked = false;
        self.target = LocalAssignment::NONE;
        self.current = LocalAssignment::NONE;
        if !goes_on {
            self.under_way = None;
        }
        self.sent = Sent::default();
    }

    /// The coordinator says what it shall have. Source: `AbstractMembershipManager.processAssignmentReceived`.
    pub(super) fn aim(&mut self, partitions: Vec<TopicPartition>) {
        if self.target.epoch < 0 || self.target.partitions != partitions {
            let epoch = self.target.epoch + 1;
            self.target = LocalAssignment { epoch, partitions };
        }
        if self.current != self.target {
            self.state = State::Reconciling;
        } else if matches!(self.state, State::Reconciling | State::Joining) {
            self.state = State::Stable;
        }
    }

    /// What a heartbeat names, in order: what it has, and what it was given, unless only the first is asked for.
    pub(super) fn claimed(&self, only_owned: bool) -> Vec<TopicPartition> {
        let owned = std::iter::once(&self.current);
        let given = self.under_way.iter().chain([&self.target]);
        let all = owned.chain(given.filter(|_| !only_owned));
        let mut places: Vec<TopicPartition> =
            all.flat_map(|assignment| assignment.partitions.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Who is no member shall have nothing; who has all that it shall have is stable.
    pub(super) fn self_check(&self) {
        let (state, current, target) = (self.state, &self.current, &self.target);
        assert!(
            self.is_in_group() || target.epoch < 0,
            "a member is {state:?}, and shall have {target:?}"
        );
        assert!(
            state != State::Stable || current == target,
            "a member is stable with {current:?}, and shall have {target:?}"
        );
        assert!(
            state != State::Reconciling || target.epoch >= 0,
            "a member reconciles, and was given nothing"
        );
    }

    /// What it has was told. Source: `AbstractMembershipManager.onHeartbeatRequestGenerated`.
    pub(super) fn acknowledged(&mut self) {
        if self.state == State::Acknowledging {
            let done = self.current == self.target;
            self.state = if done { State::Stable } else { State::Reconciling };
        }
    }
}
