//! Where a member of a group stands.

use std::collections::VecDeque;

use crate::client::coordinator::{CoordinatorFinder, GROUP};
pub(super) use crate::client::generation::Generation;
use crate::config::{GroupProtocol, MemberConfig, ms};
use crate::consumer_protocol::Place;
use crate::node::Effects;
use crate::note::{Api, Departure, ExchangeNote, GroupNote, Standing};
use crate::proto::{ErrorCode, StrBytes};
use crate::topic_pattern::TopicPattern;
use crate::types::{LeaderEpoch, Offset, OperationId, Time};

use super::reconciler::Reconciler;

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
    /// When another thread wakes the application up.
    pub(super) woken_at: Option<Time>,
    /// Whether the application is told already, and waits no more.
    pub(super) told: bool,
    pub(super) not_before: Time,
    /// Whether it is in flight.
    pub(super) asked: bool,
    /// Whether it was ever sent.
    pub(super) sent: bool,
    /// Whether an attempt may have been done although nobody said so.
    pub(super) maybe_done: bool,
    pub(super) last_error: ErrorCode,
}

/// Partitions that the application must let go of before a rebalance goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Revocation {
    /// Nothing is revoked.
    None,
    /// It was told that it is about to lose these.
    Announced(Vec<Place>),
    /// It has polled again since: they may go.
    Acknowledged,
}

/// A consumer's membership.
#[derive(Debug)]
pub(in crate::client::consumer) struct Membership {
    pub(super) config: MemberConfig,
    pub(super) finder: CoordinatorFinder,
    pub(super) topics: Vec<StrBytes>,
    /// What the names of its topics match, if it subscribes so.
    pub(super) pattern: Option<TopicPattern>,
    pub(super) state: MemberState,
    pub(super) generation: Generation,
    /// The last one whose assignment it got: what it owns stems from there.
    pub(super) last_generation: i32,
    /// The whole of it, which it names when a transaction commits offsets.
    pub(super) joined: Generation,
    pub(super) rejoin_needed: bool,
    /// Whether the present assignment was given up, as far as it must be, since the last join.
    pub(super) prepared: bool,
    pub(super) revocation: Revocation,
    pub(super) assigned: Vec<Place>,
    /// What it was given last: the eager sticky assignor is told, though it was given up since. Source: KIP-54.
    pub(super) kept: Vec<Place>,
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
    /// Known bug G09: errors that answer requests of an older generation count.
    pub(in crate::client::consumer) takes_stale_errors: bool,
    /// How it comes to what it shall have, in the consumer protocol.
    pub(super) reconciler: Option<Reconciler>,
}

impl Membership {
    pub(in crate::client::consumer) fn new(config: MemberConfig, process: String) -> Self {
        let reconciles = config.protocol == GroupProtocol::Consumer;
        Self {
            finder: CoordinatorFinder::new(&config.group, GROUP),
            config,
            topics: Vec::new(),
            pattern: None,
            state: MemberState::Unjoined,
            generation: Generation::NONE,
            last_generation: -1,
            joined: Generation::NONE,
            rejoin_needed: true,
            prepared: false,
            revocation: Revocation::None,
            assigned: Vec::new(),
            kept: Vec::new(),
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
            takes_stale_errors: false,
            reconciler: reconciles.then(|| Reconciler::new(process)),
        }
    }

    /// Whether it has subscribed to anything.
    pub(super) fn subscribes(&self) -> bool {
        !self.topics.is_empty()
    }

    /// Whether it is to be a member, and is none that has its assignment.
    pub(in crate::client::consumer) fn is_rebalancing(&self) -> bool {
        if let Some(reconciler) = &self.reconciler {
            return self.subscribes() && !reconciler.is_settled();
        }
        self.subscribes()
            && (self.state != MemberState::Stable || self.rejoin_needed || self.given.is_some())
    }

    /// Whether a request of this generation is one of the present. Known bug G09: an answer to an older one must change
    /// nothing. Source: `CoordinatorResponseHandler.generationUnchanged`.
    pub(super) fn is_current(&self, sent: &Generation) -> bool {
        self.generation == *sent
    }

    /// Whether an error counts that answers a request of this generation.
    pub(super) fn error_counts(&self, sent: &Generation) -> bool {
        self.takes_stale_errors || self.is_current(sent)
    }

    /// The fact that an answer to a request of a generation counts.
    pub(super) fn took(&self, api: Api, sent: &Generation) -> ExchangeNote {
        let same = i64::from(self.generation.member == sent.member);
        let standing = |epoch: i32, position| Standing { epoch: i64::from(epoch), position };
        let (asked, own) = (standing(sent.id, 1), standing(self.generation.id, same));
        ExchangeNote::AnswerApplied { api, partition: None, asked, own }
    }

    /// It is no member any more, as far as it knows, and must join again. Source:
    /// `AbstractCoordinator.resetStateAndRejoin`.
    pub(super) fn reset(&mut self, forget_member: bool) {
        self.state = MemberState::Unjoined;
        let member = if forget_member { "" } else { self.generation.member.as_str() };
        self.generation = Generation { member: member.to_owned(), ..Generation::NONE };
        self.rejoin_needed = true;
        self.prepared = false;
        self.revocation = Revocation::None;
        self.given = None;
        self.to_assign = None;
        self.stop_heartbeats();
    }

    /// It is about to be no member any more, if it is one, and its application has not asked for that.
    pub(super) fn note_lost(&self, reason: Departure, effects: &mut Effects) {
        if self.is_in_group() {
            let group = self.config.group.clone();
            effects.note(GroupNote::MembershipLost { group, reason });
        }
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
        if matches!(self.revocation, Revocation::Announced(_)) {
            self.revocation = Revocation::Acknowledged;
        }
    }

    /// Who is in a generation has an id and a number, and sends heartbeats.
    pub(in crate::client::consumer) fn self_check(&self) {
        let (state, generation) = (self.state, &self.generation);
        let in_one = matches!(state, MemberState::CompletingRebalance | MemberState::Stable);
        assert!(
            !in_one || generation.id >= 0 && !generation.member.is_empty(),
            "a member is {state:?} in {generation:?}"
        );
        assert!(
            state != MemberState::Stable || self.last_generation == generation.id,
            "a member has the assignment of generation {}, and is in {generation:?}",
            self.last_generation
        );
        assert!(
            state != MemberState::Stable || self.session_ends_at < Time::MAX,
            "a stable member sends no heartbeats"
        );
        assert!(
            !matches!(self.revocation, Revocation::Announced(_)) || !self.assigned.is_empty(),
            "{:?} of a member that has nothing",
            self.revocation
        );
        if let Some(reconciler) = &self.reconciler {
            reconciler.self_check();
        }
    }

    /// Whether it is a member as far as it knows.
    pub(super) fn is_in_group(&self) -> bool {
        match &self.reconciler {
            Some(reconciler) => reconciler.is_in_group(),
            None => self.state != MemberState::Unjoined,
        }
    }

    /// Whether it has partitions whose offsets it may ask for.
    pub(super) fn has_assignment(&self) -> bool {
        match &self.reconciler {
            Some(reconciler) => reconciler.is_in_group() && self.generation.id > 0,
            None => self.state == MemberState::Stable,
        }
    }

    /// As which member it commits, if it can. In the consumer protocol one who is no member commits in no
    /// epoch, under the id that it would have. Source:
    /// `ConsumerCoordinator.sendOffsetCommitRequest`, `CommitRequestManager.OffsetCommitRequestState`.
    pub(super) fn commits_as(&self) -> Result<Generation, ErrorCode> {
        if let Some(reconciler) = &self.reconciler {
            let is_member = self.generation.id > 0 && reconciler.is_in_group();
            let nobody = Generation { member: reconciler.member_id(), ..Generation::NONE };
            return Ok(if is_member { self.generation.clone() } else { nobody });
        }
        match (self.subscribes(), self.state) {
            (false, _) => Ok(Generation::NONE),
            (true, MemberState::Stable) => Ok(self.generation.clone()),
            (true, MemberState::Unjoined) => Err(ErrorCode::UnknownMemberId),
            (true, MemberState::PreparingRebalance | MemberState::CompletingRebalance) => {
                Err(ErrorCode::RebalanceInProgress)
            }
        }
    }

    pub(super) fn is_cooperative(&self) -> bool {
        self.config.assignor.is_cooperative()
    }
}

/// The fact that an answer counts, by the life or the assignment of the member that asked, and the present one.
pub(super) fn applied(api: Api, asked: u64, own: u64) -> ExchangeNote {
    let standing = |number: u64| Standing { epoch: number as i64, position: -1 };
    let (asked, own) = (standing(asked), standing(own));
    ExchangeNote::AnswerApplied { api, partition: None, asked, own }
}

/// What an error that ends a membership says of why.
pub(super) fn departure(error: ErrorCode) -> Departure {
    if error == ErrorCode::UnknownMemberId {
        Departure::Unknown
    } else if error == ErrorCode::FencedInstanceId {
        Departure::Instance
    } else {
        Departure::Epoch
    }
}
