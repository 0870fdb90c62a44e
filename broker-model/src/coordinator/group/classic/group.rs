//! A classic group. Source: Kafka's `ClassicGroup`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::member::Member;
use crate::config::ms;
use crate::consumer_protocol::{PROTOCOL_TYPE, Place, Subscription};
use crate::coordinator::group::records::{StoredGroup, StoredMember};
use crate::note::ClassicGroupState;
use crate::proto::ErrorCode;
use crate::types::{Now, Time, WallTime};

/// Where a group is in a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no members.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// All have joined; the leader is assigning.
    CompletingRebalance,
    /// All have their assignments.
    Stable,
}

impl State {
    /// As it is stated.
    pub(super) fn named(self) -> ClassicGroupState {
        match self {
            Self::Empty => ClassicGroupState::Empty,
            Self::PreparingRebalance => ClassicGroupState::PreparingRebalance,
            Self::CompletingRebalance => ClassicGroupState::CompletingRebalance,
            Self::Stable => ClassicGroupState::Stable,
        }
    }
}

/// When the join phase is looked at again.
#[derive(Debug, Clone, Copy)]
pub(super) enum JoinTimer {
    /// The first members of a group wait a little for others: so long, and so much longer at most.
    Initial { at: Time, delay_ms: u64, remaining_ms: u64 },
    /// Whoever has not joined by then is thrown out.
    Rebalance { at: Time },
}

impl JoinTimer {
    pub(super) fn at(self) -> Time {
        match self {
            Self::Initial { at, .. } | Self::Rebalance { at } => at,
        }
    }
}

/// A member that waits for nothing, and the assignors that it knows.
#[derive(Debug)]
pub(in crate::coordinator::group) struct Idle {
    pub(in crate::coordinator::group) stored: StoredMember,
    pub(in crate::coordinator::group) protocols: Vec<(String, Bytes)>,
}

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    pub(super) name: String,
    state: State,
    pub(super) previous: State,
    pub(super) state_since: WallTime,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Ids that were given and not used to join yet, with the end of their patience.
    pub(super) pending_joins: BTreeMap<String, Time>,
    /// Members that have joined the generation and not asked for their assignment.
    pub(super) pending_syncs: BTreeSet<String>,
    /// Whether somebody has joined since the initial delay began.
    pub(super) member_added: bool,
    pub(super) join_timer: Option<JoinTimer>,
    pub(super) sync_timer: Option<Time>,
    /// What its members subscribe to, as far as the coordinator can read it.
    pub(super) subscribed: Option<BTreeSet<String>>,
    /// What was given to whom in this generation.
    pub(crate) held: Vec<(String, Place)>,
    /// As it was at the last self-check.
    checked_generation: i32,
    /// Its join phase as it was stated last.
    stated_phase: Option<JoinPhase>,
}

/// Who takes part in a join phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::coordinator::group) struct JoinPhase {
    pub(in crate::coordinator::group) members: u32,
    pub(in crate::coordinator::group) awaited: u32,
    pub(in crate::coordinator::group) initial: bool,
}

impl ClassicGroup {
    /// A group of which nothing is known. A group that only commits offsets stays like this.
    pub(crate) fn new(name: &str, now: WallTime) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Empty,
            previous: State::Empty,
            state_since: now,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            pending_joins: BTreeMap::new(),
            pending_syncs: BTreeSet::new(),
            member_added: false,
            join_timer: None,
            sync_timer: None,
            subscribed: None,
            held: Vec::new(),
            checked_generation: 0,
            stated_phase: None,
        }
    }

    /// By `GroupDefect::LoadedMembersExpire`: nobody's session lasts any longer.
    pub(crate) fn end_sessions(&mut self, now: Time) {
        for member in self.members.values_mut() {
            member.expires_at = Some(now);
        }
    }

    /// A group as a record tells it. Source: `GroupMetadataManager.replay(GroupMetadataKey, GroupMetadataValue)`.
    pub(crate) fn loaded(name: &str, stored: &StoredGroup, now: Time) -> Self {
        let mut group = Self::new(name, stored.state_since);
        group.generation = stored.generation;
        group.protocol_type = Some(stored.protocol_type.clone()).filter(|kind| !kind.is_empty());
        group.protocol.clone_from(&stored.protocol);
        group.leader.clone_from(&stored.leader);
        for member in &stored.members {
            let expires_at = now + ms(member.session_timeout_ms.max(0) as u64);
            let loaded = Member::loaded(member, stored.protocol.as_deref(), expires_at);
            group.members.insert(member.member.clone(), loaded);
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group.subscribed = group.compute_subscribed();
        group
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Since when it is in its state.
    pub(crate) fn state_since(&self) -> WallTime {
        self.state_since
    }

    /// Whether it ever had members.
    pub(crate) fn has_metadata(&self) -> bool {
        self.protocol_type.is_some()
    }

    /// What each member was given.
    pub(crate) fn assignments(&self) -> Vec<(String, Bytes)> {
        let members = self.members.iter();
        members.map(|(id, member)| (id.clone(), member.assignment.clone())).collect()
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// Goes to another state; which may follow which is Kafka's `ClassicGroupState.addValidPreviousStates`.
    pub(super) fn enter(&mut self, state: State, now: WallTime) {
        let valid = match state {
            State::Empty | State::CompletingRebalance => &[State::PreparingRebalance][..],
            State::PreparingRebalance => {
                &[State::Stable, State::CompletingRebalance, State::Empty][..]
            }
            State::Stable => &[State::CompletingRebalance][..],
        };
        let before = self.state;
        assert!(valid.contains(&before), "group {}: {before:?} to {state:?}", self.name);
        (self.previous, self.state, self.state_since) = (before, state, now);
    }

    pub(super) fn is_leader(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    /// The member that is behind an instance id.
    pub(super) fn static_member(&self, instance: &str) -> Option<&String> {
        let is_it = |member: &Member| member.instance.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| is_it(member)).map(|(id, _)| id)
    }

    /// Whether a request comes from a current member. Source: `ClassicGroup.validateMember`.
    pub(crate) fn validate(&self, member: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let known = self.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
            if known != member {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        if self.members.contains_key(member) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Who may commit. A generation below 0 is one who is not a member: while the group has any, only they may. Source:
    /// `ClassicGroup.validateOffsetCommit`.
    pub(crate) fn validate_commit(
        &self,
        (member, instance): (&str, Option<&str>),
        generation: i32,
        transactional: bool,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation >= 0 || !member.is_empty() || instance.is_some() {
            self.validate(member, instance)?;
            if generation != self.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !transactional && self.state != State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        if !transactional && self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether somebody with these assignors can join: one must be known to all. Source:
    /// `ClassicGroup.supportsProtocols`.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[(String, Bytes)]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let known_to_all = |name: &String| {
            let knows = |member: &Member| member.protocols.iter().any(|(own, _)| own == name);
            self.members.values().all(knows)
        };
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|(name, _)| known_to_all(name))
    }

    /// Adds a member; the first one leads.
    pub(super) fn add(&mut self, id: String, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending_joins.remove(&id);
        let before = self.members.insert(id, member);
        assert!(before.is_none(), "group {} has two members of one id", self.name);
    }

    /// Removes a member, or an id that was given; if it led, another one does.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        let removed = self.members.remove(id);
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(id);
        self.pending_syncs.remove(id);
        removed
    }

    /// Whether one may join a group of so many members at most. While it rebalances those count who have come again.
    /// Source: `GroupMetadataManager.acceptJoiningMember`.
    pub(super) fn has_room_for(&self, id: &str, max_size: u32) -> bool {
        let max_size = max_size as usize;
        let known = self.members.get(id);
        match self.state() {
            State::Empty => true,
            State::PreparingRebalance => {
                known.is_some_and(|member| member.awaiting_join.is_some())
                    || self.awaiting_joins() < max_size
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < max_size
            }
        }
    }

    pub(super) fn awaiting_joins(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    pub(super) fn have_all_joined(&self) -> bool {
        self.pending_joins.is_empty() && self.awaiting_joins() == self.members.len()
    }

    /// Makes sure that the leader is one who has joined; false if nobody has. Source:
    /// `ClassicGroup.maybeElectNewJoinedLeader`.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let joined =
            |id: &String| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        match &self.leader {
            None => false,
            Some(leader) if joined(leader) => true,
            Some(_) => {
                let next = self.members.keys().find(|id| joined(id)).cloned();
                let found = next.is_some();
                if found {
                    self.leader = next;
                }
                found
            }
        }
    }

    /// Its join phase, if it is in one that is not as it was when it was last asked for.
    pub(in crate::coordinator::group) fn changed_phase(&mut self) -> Option<JoinPhase> {
        let phase = (self.state == State::PreparingRebalance).then(|| JoinPhase {
            members: self.members.len() as u32,
            awaited: (self.members.len() - self.awaiting_joins() + self.pending_joins.len()) as u32,
            initial: self.previous == State::Empty,
        });
        let before = std::mem::replace(&mut self.stated_phase, phase);
        phase.filter(|_| phase != before)
    }

    /// The longest patience of its members.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        longest.map_or(0, |longest| longest.max(0) as u64)
    }

    /// The assignor that most members like best, of those that all know. Source: `ClassicGroup.selectProtocol`.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
        for member in self.members.values() {
            let known_to_all = |name: &&String| {
                let knows = |other: &Member| other.protocols.iter().any(|(own, _)| own == *name);
                self.members.values().all(knows)
            };
            let vote = member.protocols.iter().map(|(name, _)| name).find(known_to_all);
            if let Some(vote) = vote {
                *votes.entry(vote).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.clone())
    }

    /// The join phase is over: a new generation of those who are members now. Source:
    /// `ClassicGroup.initNextGeneration`.
    pub(super) fn next_generation(&mut self, now: WallTime) {
        self.generation += 1;
        let state = if self.members.is_empty() {
            self.protocol = None;
            State::Empty
        } else {
            self.protocol = self.select_protocol();
            State::CompletingRebalance
        };
        self.subscribed = self.compute_subscribed();
        self.enter(state, now);
        self.pending_syncs.clear();
    }

    fn compute_subscribed(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some(PROTOCOL_TYPE) {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let subscription = Subscription::decode(&member.metadata(self.protocol.as_deref()))?;
            topics.extend(subscription.topics.iter().map(ToString::to_string));
        }
        Some(topics)
    }

    /// Whether its members read a topic: its offsets there do not expire.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        let is_consumers = self.protocol_type.as_deref() == Some(PROTOCOL_TYPE);
        self.subscribed.as_ref().map_or(is_consumers, |topics| topics.contains(topic))
    }

    /// Whether its members speak as consumers do. Source: `ClassicGroup.usesConsumerGroupProtocol`.
    /// How many members it has.
    pub(in crate::coordinator::group) fn size(&self) -> usize {
        self.members.len()
    }

    pub(in crate::coordinator::group) fn is_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(PROTOCOL_TYPE)
    }

    /// The assignors that a member knows, best first, with what it subscribes to.
    pub(in crate::coordinator::group) fn protocols_of(&self, id: &str) -> &[(String, Bytes)] {
        self.members.get(id).map_or(&[], |member| &member.protocols)
    }

    /// A group of members that were given their shares, and of which nobody waits. Source:
    /// `ClassicGroup.fromConsumerGroup`.
    pub(in crate::coordinator::group) fn of_members(
        (name, protocol_type): (&str, &str),
        generation: i32,
        members: Vec<Idle>,
        now: Now,
    ) -> Self {
        let mut group = Self::new(name, now.wall);
        for Idle { stored, protocols } in members {
            let session = stored.session_timeout_ms.max(0) as u64;
            let loaded = Member::loaded(&stored, None, now.time + ms(session));
            group.add(stored.member.clone(), Member { protocols, ..loaded }, protocol_type);
        }
        (group.generation, group.state) = (generation, State::Stable);
        group.protocol = group.select_protocol();
        group.subscribed = group.compute_subscribed();
        group
    }

    /// As it is stored with the assignments that it has.
    pub(in crate::coordinator::group) fn as_stored(&self) -> StoredGroup {
        self.stored(&self.assignments().into_iter().collect())
    }

    /// As it would be stored, by the assignor of its generation; before the first one by that which its members like
    /// best.
    pub(in crate::coordinator::group) fn as_formed(&self) -> StoredGroup {
        let protocol = self.protocol.clone().or_else(|| self.select_protocol());
        self.stored_by(protocol, &self.assignments().into_iter().collect())
    }

    /// As it is stored with these assignments.
    pub(super) fn stored(&self, assignments: &BTreeMap<String, Bytes>) -> StoredGroup {
        self.stored_by(self.protocol.clone(), assignments)
    }

    fn stored_by(
        &self,
        protocol: Option<String>,
        assignments: &BTreeMap<String, Bytes>,
    ) -> StoredGroup {
        let members = self.members.iter().map(|(id, member)| {
            let assignment = assignments.get(id).cloned().unwrap_or_default();
            member.stored(id, protocol.as_deref(), assignment)
        });
        let members = members.collect();
        StoredGroup {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol,
            leader: self.leader.clone(),
            state_since: self.state_since,
            members,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let sessions = self.members.values().filter_map(|member| member.expires_at);
        let timers = self.join_timer.map(JoinTimer::at).into_iter().chain(self.sync_timer);
        sessions.chain(self.pending_joins.values().copied()).chain(timers).min()
    }

    /// What must hold after every call: the state says who is there, who waits, and which timer runs.
    pub(crate) fn self_check(&mut self) {
        let (name, state, generation) = (&self.name, self.state, self.generation);
        let before = std::mem::replace(&mut self.checked_generation, generation);
        assert!(before <= generation, "generation of group {name} fell: {before}, {generation}");
        assert!(
            (state == State::Empty) <= self.members.is_empty(),
            "group {name} is empty with {} members",
            self.members.len()
        );
        assert!(
            self.leader.as_ref().is_none_or(|leader| self.members.contains_key(leader)),
            "group {name} is led by {:?}, who is no member",
            self.leader
        );
        assert!(
            self.members.is_empty() || self.leader.is_some(),
            "nobody leads the {} members of group {name}",
            self.members.len()
        );
        self.check_timers();
    }

    /// Whoever waits for others waits for a bounded time, and whoever is waited for is known.
    fn check_timers(&self) {
        let (name, state) = (&self.name, self.state);
        let (joins, syncs) = (self.join_timer.is_some(), self.sync_timer.is_some());
        assert!(
            joins || state != State::PreparingRebalance,
            "members of group {name} join, and no timer ends that"
        );
        let late = self.pending_syncs.first();
        assert!(
            late.is_none() || syncs,
            "{late:?} has not asked for its assignment in group {name}, and no timer ends that"
        );
        assert!(
            late.is_none() || state != State::PreparingRebalance,
            "{late:?} is to ask group {name} for an assignment, and members join"
        );
        for (id, member) in &self.members {
            assert!(
                member.is_awaiting() || member.expires_at.is_some(),
                "member {id} of group {name} is idle, and no session ends that"
            );
            assert!(
                member.awaiting_sync.is_none() || state == State::CompletingRebalance,
                "member {id} of group {name} waits for an assignment, the group is {state:?}"
            );
        }
    }
}
