//! Invariants of consumer groups.

mod answers;
mod assignment;
mod claims;
mod classic_states;
mod commits;
mod coordinators;
mod deletion;
mod expiration;
mod joining;
mod overdue;
mod ownership;
mod questions;
mod reconciliation;
mod sessions;
mod told_offsets;

use harrow_broker_model::message::{ClientResponse, Request, RequestBody, Response, ResponseBody};
use harrow_broker_model::note::{ClassicGroupState, ControllerNote, GroupNote, Note, QuorumNote};
use harrow_broker_model::proto::{ErrorCode, JoinGroupResponse, OffsetCommitResponse};
use harrow_broker_model::types::{ConnectionId, NodeId, TopicPartition};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use claims::Claims;
use classic_states::{ClassicStates, Known};
use commits::{Commits, Taken};
use coordinators::Coordinators;
use deletion::{Deletions, Told};
use expiration::Expired;
use joining::{Joining, Said};
use overdue::RebalancesDue;
use ownership::Ownership;
use questions::{Asked, Commit, Join, Question, Questions};
use reconciliation::{Holding, Reconciliation};
use sessions::{Sessions, ThrownOut};
use told_offsets::ToldOffsets;

pub(super) const INVARIANTS: &[Invariant] = &[
    ownership::INVARIANT,
    answers::INVARIANT,
    reconciliation::INVARIANT,
    assignment::INVARIANT,
    commits::INVARIANT,
    deletion::INVARIANT,
    overdue::INVARIANT,
    claims::INVARIANT,
    told_offsets::INVARIANT,
    sessions::INVARIANT,
    joining::INVARIANT,
    expiration::INVARIANT,
];

/// What the invariants of groups remember.
#[derive(Debug)]
pub(super) struct GroupWing {
    coordinators: Coordinators,
    ownership: Ownership,
    reconciliation: Reconciliation,
    commits: Commits,
    due: RebalancesDue,
    claims: Claims,
    told_offsets: ToldOffsets,
    questions: Questions,
    classic_states: ClassicStates,
    sessions: Sessions,
    deletions: Deletions,
    joining: Joining,
    /// Whether all that is asked can be read: what applications ask in bytes cannot.
    reads_all: bool,
}

impl GroupWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            coordinators: Coordinators::new(plan),
            ownership: Ownership::default(),
            reconciliation: Reconciliation::default(),
            commits: Commits::default(),
            due: RebalancesDue::new(plan),
            claims: Claims::default(),
            told_offsets: ToldOffsets::default(),
            questions: Questions::default(),
            classic_states: ClassicStates::default(),
            sessions: Sessions::new(plan),
            deletions: Deletions::default(),
            joining: Joining::new(plan),
            reads_all: true,
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.coordinators.process_started(node);
        self.due.process_started(node);
        self.questions.process_started(node);
        self.classic_states.process_started(node);
        self.sessions.process_started(node);
        self.deletions.forget_who(node);
        self.joining.process_started(node);
    }

    /// A connection is gone.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.questions.closed(node, connection);
    }

    /// A node is about to handle a request.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (on, request): (ConnectionId, &Request),
    ) {
        self.claims.asked(context, findings, request);
        self.told_offsets.asked(request);
        self.reads_all &= !matches!(request.body, RequestBody::Wire(_));
        let Some(question) = questions::question_of(&request.body) else { return };
        match &question {
            Question::Join(join) => self.on_joins(context, join),
            Question::Leave { group, members } => {
                for (member, instance) in members {
                    self.joining.on_left(group, member, instance.as_deref());
                }
            }
            Question::Commit(commit) => self.deletions.on_commits(commit),
            Question::Delete { groups } => self.deletions.on_asked(groups, &self.questions),
            Question::Alive { .. } | Question::Offsets { .. } => {}
        }
        let key = (context.node, on, request.correlation_id);
        self.questions.asked(context, key, question);
    }

    fn on_joins(&mut self, context: &Context<'_>, join: &Join) {
        self.sessions.on_joins(join);
        let stable = Known::Said(ClassicGroupState::Stable);
        if self.reads_all
            && self.classic_states.of(context.node, &join.group) == Some(stable)
            && !self.questions.has_joins(context.node, &join.group)
        {
            self.joining.on_joins_stable(context, join);
        }
        self.joining.comes_back(join);
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (on, response): (ConnectionId, &Response),
    ) {
        self.claims.answered(context.node, response);
        self.told_offsets.answered(context, findings, response);
        let ResponseBody::Client(body) = &response.body else { return };
        let key = (context.node, on, response.correlation_id);
        let Some(asked) = self.questions.answered(key) else { return };
        self.on_answer(context, findings, &asked, body);
    }

    fn on_answer(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        asked: &Asked,
        body: &ClientResponse,
    ) {
        if let (Question::Join(join), ClientResponse::JoinGroup(response)) = (&asked.question, body)
        {
            self.on_join_answered(context, join, response);
        } else if let Question::Alive { group, member } = &asked.question {
            if tells_alive(body) {
                self.sessions.on_alive(context.node, (group, member), asked.at_ns);
            }
        } else if let (Question::Commit(commit), ClientResponse::OffsetCommit(response)) =
            (&asked.question, body)
        {
            if !self.coordinators.is_deposed_unawares(context.node, &commit.group) {
                self.on_commit_answered(context, findings, (asked.event, commit), response);
            }
        } else if let (Question::Offsets { stable }, ClientResponse::OffsetFetch(response)) =
            (&asked.question, body)
        {
            if !self.reads_all {
                return;
            }
            let told = Told { number: asked.number, stable: *stable, response };
            let counts = |group: &str| !self.coordinators.is_deposed_unawares(context.node, group);
            self.deletions.on_told(context, findings, told, counts);
        }
    }

    fn on_join_answered(
        &mut self,
        context: &Context<'_>,
        join: &Join,
        response: &JoinGroupResponse,
    ) {
        if response.error_code == 0 {
            self.sessions.on_joined(context, join, &response.member_id);
            self.joining.on_joined(context.node, join, &response.member_id);
        } else if response.error_code == ErrorCode::GroupMaxSizeReached.code() {
            self.joining.on_full(join);
        }
    }

    fn on_commit_answered(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (asked_in, commit): (u64, &Commit),
        response: &OffsetCommitResponse,
    ) {
        let Commit { group, generation, .. } = commit;
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions);
        let mut codes = codes.map(|answer| answer.error_code);
        let state = self.classic_states.of(context.node, group);
        if *generation < 0 {
            let occupied_since = match state {
                Some(_) => self.classic_states.occupied_since(context.node, group),
                None => self.reconciliation.occupied_since(group),
            };
            let was_occupied = occupied_since.is_some_and(|since| since < asked_in);
            if was_occupied && codes.any(|code| code == 0) {
                commits::on_foreign(context, findings, group);
            }
        } else if let Some(state) = state
            && let Some(error) = codes.find_map(ErrorCode::try_from_code)
        {
            let place = (group.as_str(), *generation);
            self.commits.on_refused(context, findings, place, (error, state));
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.due.look(context, findings, (shared, &self.coordinators));
        if self.reads_all {
            self.joining.look(context, findings, (shared, &self.coordinators));
        }
        for partition in self.goes_on_with(context, note) {
            self.classic_states.forget(|group| self.coordinators.is_of(partition, group));
            self.joining.forget(|group| self.coordinators.is_of(partition, group));
            self.ownership.forget(|group| self.coordinators.is_of(partition, group));
            self.commits.forget(|group| self.coordinators.is_of(partition, group));
        }
        if let Note::Group(note) = note {
            self.time_sessions(context, findings, shared, note);
            self.on_group_note(context, findings, note);
        }
    }

    /// What a coordinator says of sessions is about what it has heard itself, whether or not its word counts.
    fn time_sessions(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &GroupNote,
    ) {
        let node = context.node;
        // What a node says that has just gone on may have been true for a while.
        let goes_on = shared.running_since.for_longer_than(context.at_ns, node, 0);
        let at_ns = goes_on.then_some(context.at_ns);
        if let GroupNote::CoordinatorLoaded { partition, .. } = note {
            self.sessions.on_loaded((node, partition.partition), at_ns);
        } else if let GroupNote::ClassicStateChanged { group, state, .. } = note {
            if *state == ClassicGroupState::PreparingRebalance {
                self.sessions.on_joining(node, group, at_ns);
            }
        } else if let GroupNote::GenerationBegan { group, .. } = note {
            self.sessions.on_generation(context, group, at_ns);
        } else if let GroupNote::ClassicMemberThrownOut { group, member, reason, waits } = note {
            let (reason, waits) = (*reason, *waits);
            let out = ThrownOut { group, member, reason, waits, classic: true };
            self.on_thrown_out(context, findings, out);
        } else if let GroupNote::MemberThrownOut { group, member, reason, .. } = note {
            let (reason, waits) = (*reason, false);
            let out = ThrownOut { group, member, reason, waits, classic: false };
            self.on_thrown_out(context, findings, out);
        }
    }

    fn on_thrown_out(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        out: ThrownOut<'_>,
    ) {
        let partition = self.coordinators.partition_of(out.group);
        // Of a member of the consumer protocol nobody knows what it asked for while its group was a classic one.
        if out.classic || self.reads_all {
            self.sessions.on_thrown_out(context, findings, partition, out);
        }
        self.joining.on_left(out.group, out.member, None);
    }

    /// Of which partitions the node goes on to coordinate the groups without having read them anew.
    fn goes_on_with(&mut self, context: &Context<'_>, note: &Note) -> Vec<i32> {
        if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note {
            return self.coordinators.on_metadata(context.node, change).into_iter().collect();
        }
        let Note::Quorum(QuorumNote::SnapshotLoaded { snapshot, .. }) = note else {
            return Vec::new();
        };
        let (registry, applied) = (context.view.registry(), snapshot.end_offset.plus(-1));
        self.coordinators.on_snapshot(context.node, registry, applied)
    }

    fn on_group_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &GroupNote) {
        match note {
            GroupNote::WriteAnswered { partition, leader_epoch, end } => {
                answers::on_answered(context, findings, (*partition, *leader_epoch), *end);
            }
            GroupNote::CoordinatorLoaded { partition, leader_epoch, groups } => {
                if self.coordinators.on_loaded(context.node, *partition, *leader_epoch) {
                    self.ownership.on_loaded(groups);
                    let index = partition.partition;
                    self.due.on_loaded(|group| self.coordinators.is_of(index, group));
                    self.joining.forget(|group| self.coordinators.is_of(index, group));
                    self.classic_states.forget(|group| self.coordinators.is_of(index, group));
                    self.classic_states.on_loaded(context.node, groups);
                    self.deletions.forget_who(context.node);
                    self.commits.forget(|group| self.coordinators.is_of(index, group));
                    self.commits.on_loaded(groups);
                    self.reconciliation.on_loaded(partition.partition, *leader_epoch);
                }
            }
            GroupNote::PartitionAssigned { group, .. }
            | GroupNote::PartitionReleased { group, .. }
            | GroupNote::GenerationBegan { group, .. }
            | GroupNote::ClassicStateChanged { group, .. }
            | GroupNote::ProtocolChanged { group, .. }
            | GroupNote::JoinPhaseChanged { group, .. }
            | GroupNote::OffsetsExpired { group, .. }
            | GroupNote::CommitAccepted { group, .. } => {
                if !self.coordinators.is_deposed_unawares(context.node, group) {
                    self.on_group(context, findings, note);
                }
            }
            GroupNote::MemberHolds {
                partition,
                leader_epoch,
                group,
                member,
                member_epoch,
                partitions,
                revokes_within_ms,
            } => {
                let told = (group.as_str(), member.as_str());
                self.due.on_holds(context, told, *leader_epoch, *revokes_within_ms);
                let held = Holding { member_epoch: *member_epoch, partitions };
                let place = (partition.partition, *leader_epoch);
                let told = (place, group.as_str(), member.as_str());
                self.reconciliation.on_holds(context, findings, told, held);
            }
            GroupNote::MemberOwns { group, member, partitions } => {
                let (taken, held) = self.reconciliation.on_owns(group, member, partitions);
                assignment::on_taken(context, findings, (group, member), &taken, held);
            }
            GroupNote::GroupDeleted { group } => {
                if !self.coordinators.is_deposed_unawares(context.node, group) {
                    self.on_deleted(context, findings, group);
                }
            }
            GroupNote::TargetAssigned { .. }
            | GroupNote::ClassicMemberThrownOut { .. }
            | GroupNote::CommitFenced { .. }
            | GroupNote::OffsetsDeleted { .. }
            | GroupNote::OffsetsKept { .. }
            | GroupNote::OffsetsPending { .. }
            | GroupNote::MembershipLost { .. } => {}
            GroupNote::MemberThrownOut { group, member, member_epoch, .. } => {
                self.reconciliation.on_thrown_out(group, member, *member_epoch);
            }
        }
    }

    fn on_deleted(&mut self, context: &Context<'_>, findings: &mut Findings, group: &str) {
        let owned = self.ownership.of_group(group).map(|(member, _, place)| (member, place)).next();
        let held = owned.or_else(|| self.reconciliation.held_in(group));
        let place = (group, self.questions.last());
        self.deletions.on_deleted(context, findings, place, held);
        self.commits.forget(|known| known == group);
        self.classic_states.forget(|known| known == group);
        self.joining.forget(|known| known == group);
    }

    fn on_expired(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (group, partitions): (&str, &[TopicPartition]),
    ) {
        let state = self.classic_states.of(context.node, group);
        let expired = Expired { group, partitions, state };
        expiration::on_expired(context, findings, expired, |partition| {
            self.ownership.owner_of(group, partition)
        });
    }

    /// The coordinator of a group says something of it.
    fn on_group(&mut self, context: &Context<'_>, findings: &mut Findings, note: &GroupNote) {
        match note {
            GroupNote::PartitionAssigned { group, member, partition, member_epoch } => {
                let owner = (group.as_str(), member.as_str(), *member_epoch);
                self.ownership.on_assigned(context, findings, owner, *partition);
            }
            GroupNote::PartitionReleased { group, member, partition } => {
                self.ownership.on_released(group, member, *partition);
            }
            GroupNote::GenerationBegan { group, generation, members } => {
                self.commits.on_generation(group, *generation);
                self.joining.on_rebalance(context, findings, group);
                if *members == 0 {
                    self.joining.forget(|known| known == group);
                    self.ownership.on_emptied(group);
                }
            }
            GroupNote::ClassicStateChanged { group, state, timeout_ms } => {
                let partition = overdue::partition_of(context, &self.coordinators, group);
                self.due.on_classic_state((context, partition), group, (*state, *timeout_ms));
                self.classic_states.on_state((context.node, context.event), group, *state);
                self.joining.on_phase_over(group);
                if *state == ClassicGroupState::PreparingRebalance {
                    self.joining.on_rebalance(context, findings, group);
                }
            }
            GroupNote::JoinPhaseChanged { group, members, awaited, initial } => {
                let partition = overdue::partition_of(context, &self.coordinators, group);
                let (members, awaited, initial) = (*members, *awaited, *initial);
                let said = Said { members, awaited, initial };
                self.joining.on_phase((context, partition), group, said);
            }
            GroupNote::ProtocolChanged { group, classic } => {
                self.due.on_protocol(group, *classic);
                self.classic_states.on_protocol(context.node, group, *classic);
                if !classic {
                    self.joining.forget(|known| known == group);
                }
                self.commits.forget(|known| known == group);
                if !classic {
                    let partition = self.coordinators.partition_of(group);
                    let held = self.ownership.of_group(group);
                    self.reconciliation.on_upgraded(context.event, (partition, group), held);
                }
            }
            GroupNote::CommitAccepted { group, member, generation, partitions } => {
                let epoch = self.reconciliation.epoch_of(group, member);
                let generation = *generation;
                let taken = Taken { group, member, generation, partitions };
                self.commits.on_taken(context, findings, taken, epoch);
            }
            GroupNote::OffsetsExpired { group, partitions } => {
                self.on_expired(context, findings, (group, partitions));
            }
            GroupNote::WriteAnswered { .. }
            | GroupNote::CoordinatorLoaded { .. }
            | GroupNote::ClassicMemberThrownOut { .. }
            | GroupNote::CommitFenced { .. }
            | GroupNote::MemberHolds { .. }
            | GroupNote::MemberOwns { .. }
            | GroupNote::MemberThrownOut { .. }
            | GroupNote::MembershipLost { .. }
            | GroupNote::GroupDeleted { .. }
            | GroupNote::OffsetsDeleted { .. }
            | GroupNote::OffsetsKept { .. }
            | GroupNote::OffsetsPending { .. }
            | GroupNote::TargetAssigned { .. } => {}
        }
    }
}

/// Whether a heartbeat of either protocol is answered as one of a member.
fn tells_alive(body: &ClientResponse) -> bool {
    if let ClientResponse::Heartbeat(response) = body {
        let rebalances = ErrorCode::RebalanceInProgress.code();
        response.error_code == 0 || response.error_code == rebalances
    } else if let ClientResponse::ConsumerGroupHeartbeat(response) = body {
        response.error_code == 0
    } else {
        false
    }
}
