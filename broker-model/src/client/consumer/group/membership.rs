//! Where a member of a group stands.

use std::collections::VecDeque;

use crate::client::coordinator::{CoordinatorFinder, GROUP};
pub(super) use crate::client::generation::Generation;
use crate::config::{MemberConfig, ms};
use crate::consumer_protocol::Place;
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{LeaderEpoch, Offset, OperationId, Time};

/// Source: `AbstractCoordinator.MemberState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    Unjoined,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

/// A commit that the application has asked for.
#[derive(Debug)]
pub(super) struct PendingCommit {
    pub(super) operation: OperationId,
    /// Whether what may pass is tried again.
    pub(super) sync: bool,
    pub(super) offsets: Vec<(Place, Offset, LeaderEpoch)>,
    pub(super) gives_up_at: Time,
    pub(super) not_before: Time,
    /// Whether it is in flight.
    pub(super) asked: bool,
    /// Whether an attempt may have been done although nobody said so.
    pub(super) maybe_done: bool,
    pub(super) last_error: ErrorCode,
}

/// What the application must be told before a rebalance goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Nothing,
    /// It is about to lose these.
    Revoking(Vec<Place>),
    /// It was told, and has polled again.
    Revoked,
}

/// A consumer's membership.
#[derive(Debug)]
pub(in crate::client::consumer) struct Membership {
    pub(super) config: MemberConfig,
    pub(super) finder: CoordinatorFinder,
    pub(super) topics: Vec<StrBytes>,
    pub(super) state: MemberState,
    pub(super) generation: Generation,
    /// The last one whose assignment it got: what it owns stems from there.
    pub(super) last_generation: i32,
    /// The whole of it, which it names when a transaction commits offsets.
    pub(super) joined: Generation,
    pub(super) rejoin_needed: bool,
    /// Whether the present assignment was given up, as far as it must be, since the last join.
    pub(super) prepared: bool,
    pub(super) told: Told,
    pub(super) assigned: Vec<Place>,
    /// What the newest generation gives, until the application is told.
    pub(super) given: Option<Vec<Place>>,
    /// No join before.
    pub(super) not_before: Time,
    /// A join or a synchronisation is in flight.
    pub(super) joining: bool,
    /// Members of the generation that this one leads, until it can assign.
    pub(super) to_assign: Option<Vec<(String, crate::consumer_protocol::Subscription)>>,
    /// Partitions of the topics when it assigned them, if it leads.
    pub(super) assigned_of: Option<Vec<(StrBytes, usize)>>,
    pub(super) heartbeat_at: Time,
    pub(super) heartbeat_asked: bool,
    /// Nothing was heard of the coordinator for so long.
    pub(super) session_ends_at: Time,
    /// The application must poll before.
    pub(super) poll_by: Time,
    pub(super) commits: VecDeque<PendingCommit>,
    pub(super) committed_asked: bool,
    pub(super) committed_not_before: Time,
    /// Grows with every assignment: an answer for an older one is stale.
    pub(super) assignments: u64,
    /// Another process has its instance id: it is done.
    pub(super) fenced: bool,
}

impl Membership {
    pub(in crate::client::consumer) fn new(config: MemberConfig) -> Self {
        Self {
            finder: CoordinatorFinder::new(&config.group, GROUP),
            config,
            topics: Vec::new(),
            state: MemberState::Unjoined,
            generation: Generation::NONE,
            last_generation: -1,
            joined: Generation::NONE,
            rejoin_needed: true,
            prepared: false,
            told: Told::Nothing,
            assigned: Vec::new(),
            given: None,
            not_before: Time::ZERO,
            joining: false,
            to_assign: None,
            assigned_of: None,
            heartbeat_at: Time::MAX,
            heartbeat_asked: false,
            session_ends_at: Time::MAX,
            poll_by: Time::MAX,
            commits: VecDeque::new(),
            committed_asked: false,
            committed_not_before: Time::ZERO,
            assignments: 0,
            fenced: false,
        }
    }

    /// Whether it has subscribed to anything.
    pub(super) fn subscribes(&self) -> bool {
        !self.topics.is_empty()
    }

    /// Whether it is to be a member, and is none that has its assignment.
    pub(in crate::client::consumer) fn is_rebalancing(&self) -> bool {
        self.subscribes()
            && (self.state != MemberState::Stable || self.rejoin_needed || self.given.is_some())
    }

    /// Whether a request of this generation is one of the present. Known bug G09: an answer to an older one must change
    /// nothing. Source: `CoordinatorResponseHandler.generationUnchanged`.
    pub(super) fn is_current(&self, sent: &Generation) -> bool {
        self.generation == *sent
    }

    /// It is no member any more, as far as it knows, and must join again. Source:
    /// `AbstractCoordinator.resetStateAndRejoin`.
    pub(super) fn reset(&mut self, forget_member: bool) {
        self.state = MemberState::Unjoined;
        let member = if forget_member { "" } else { self.generation.member.as_str() };
        self.generation = Generation { member: member.to_owned(), ..Generation::NONE };
        self.rejoin_needed = true;
        self.prepared = false;
        self.told = Told::Nothing;
        self.given = None;
        self.to_assign = None;
        self.stop_heartbeats();
    }

    pub(super) fn stop_heartbeats(&mut self) {
        (self.heartbeat_at, self.session_ends_at) = (Time::MAX, Time::MAX);
    }

    /// Heartbeats begin, or the coordinator was heard of.
    pub(super) fn start_heartbeats(&mut self, now: Time) {
        self.heartbeat_at = now + ms(self.config.heartbeat_interval_ms);
        self.session_ends_at = now + ms(self.config.session_timeout_ms);
    }

    /// A poll has ended: the application must come again in time.
    pub(in crate::client::consumer) fn poll_ended(&mut self, now: Time) {
        self.poll_by = now + ms(self.config.max_poll_interval_ms);
    }

    /// The application polls.
    pub(in crate::client::consumer) fn polled(&mut self) {
        if matches!(self.told, Told::Revoking(_)) {
            self.told = Told::Revoked;
        }
    }

    pub(super) fn is_cooperative(&self) -> bool {
        self.config.assignor.is_cooperative()
    }
}
