//! What clients ask of groups. Source: Kafka's `GroupCoordinatorService`, `GroupCoordinatorShard`.
//!
//! The coordinator says what is to be done, in order: answers, facts, and records to be written, each of which the
//! broker appends at once and gives back. Members and their timers are this process's alone: whoever loads the
//! partition next knows the members that were stored, and gives each a whole session to be heard of.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::classic::group::{ClassicGroup, JoinPhase};
use super::conversion::Conversion;
use super::modern::session::{MemberKey, Timers};
use super::pending_deletion::Deletion;
use super::state::{GroupChange, GroupState};
use super::waiter::{Waiter, client_error, refuse};
use crate::caller::Caller;
use crate::config::{CoordinatorConfig, ms};
use crate::consumer_protocol::{Place, decode_assignment};
use crate::coordinator::runtime::{CoordinatorRecord, Runtime};
use crate::defect::{Defects, GroupDefect};
use crate::log::{Log, VerificationGuard};
use crate::message::ResponseBody;
use crate::node::Deadline;
use crate::note::{ClassicGroupState, ExchangeNote, GroupNote};
use crate::proto::ErrorCode;
use crate::types::{ConnectionId, LeaderEpoch, Now, Offset, ProducerEpoch, ProducerId, Time};

/// What a group coordinator wants done.
#[derive(Debug)]
pub(crate) enum Todo {
    /// An answer.
    Reply(Caller, ResponseBody),
    /// An answer that waits for all that is written before it.
    ReplyWhenCommitted(i32, Caller, ResponseBody),
    /// Records for a partition of the topic, in one batch, and who waits for them.
    Write(i32, Vec<CoordinatorRecord>, Waiter),
    /// The same for a producer's transaction.
    WriteInTransaction(i32, Vec<CoordinatorRecord>, TransactionalWriter, Waiter),
    /// A fact to be stated: a member of a group holds a partition, in this generation.
    Assigned { group: String, member: String, place: Place, generation: i32 },
    /// A fact to be stated: it does not any more.
    Released { group: String, member: String, place: Place },
    /// A fact to be stated: a commit is taken of one who is a member in this generation.
    Accepted { group: String, member: String, generation: i32, places: Vec<Place> },
    /// A fact to be stated: offsets expire.
    Expired { group: String, places: Vec<Place> },
    /// A fact to be stated: offsets of a transaction are taken.
    Pending { group: String, producer: (ProducerId, ProducerEpoch), places: Vec<Place> },
    /// A fact to be stated.
    Note(GroupNote),
    /// A fact to be stated: who names a generation, or the epoch of a member, is served.
    Served(ExchangeNote),
    /// A fact to be stated: in this leader epoch of a partition of the topic, what is committed says that a group of
    /// the consumer protocol has changed.
    Changed(i32, LeaderEpoch, GroupChange),
    /// A fact to be stated: an answer rests on what a partition of the topic has before this offset.
    Answered(i32, Offset),
    /// A fact to be stated: a partition of the topic is loaded.
    Loaded(i32, LeaderEpoch, Vec<(String, i32)>),
}

/// Whose transaction records are part of, and what its verification began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransactionalWriter {
    pub(crate) producer_id: ProducerId,
    pub(crate) producer_epoch: ProducerEpoch,
    pub(crate) guard: Option<VerificationGuard>,
}

/// What a group coordinator goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupRules {
    /// Configuration.
    pub(crate) config: CoordinatorConfig,
    /// Bugs and weaknesses that are on.
    pub(crate) defects: Defects,
    /// Identity of this uptime of the broker: part of the ids that it gives.
    pub(crate) incarnation: u64,
}

/// All groups that this broker coordinates.
#[derive(Debug)]
pub(crate) struct GroupCoordinator {
    pub(super) config: CoordinatorConfig,
    pub(super) defects: Defects,
    incarnation: u64,
    pub(super) runtime: Runtime<GroupState, Waiter>,
    pub(super) todo: VecDeque<Todo>,
    /// By partition and name.
    pub(super) groups: BTreeMap<(i32, String), ClassicGroup>,
    /// When the first of them has something due; looked for anew after a change.
    groups_due: Option<Time>,
    pub(super) changed: bool,
    /// When members of groups of the consumer protocol are thrown out.
    pub(super) members: BTreeMap<MemberKey, Timers>,
    /// The newest connection on which a member was heard of. Kept while others coordinate: what lay on the way to this
    /// broker may come when it coordinates again.
    pub(super) heard_on: BTreeMap<MemberKey, ConnectionId>,
    /// The newest connection on which a heartbeat of the consumer protocol was taken, kept likewise.
    pub(super) heartbeats_on: BTreeMap<MemberKey, ConnectionId>,
    /// Groups whose regular expressions are to be matched, by partition.
    pub(super) unresolved: BTreeSet<(i32, String)>,
    /// Whether there are groups of the consumer protocol.
    has_consumer_groups: bool,
    /// Where the logs of partitions ended when they were loaded, until all of that is committed: what their groups are
    /// is stated then, and what has changed before was stated by others.
    loaded_to: BTreeMap<i32, Offset>,
    /// Groups that are being deleted.
    pub(super) deletions: BTreeMap<u64, Deletion>,
    pub(super) expiration_at: Time,
    last_member: u64,
}

impl GroupCoordinator {
    /// Coordinates nothing yet.
    pub(crate) fn new(rules: GroupRules, now: Time) -> Self {
        Self {
            config: rules.config,
            defects: rules.defects,
            incarnation: rules.incarnation,
            runtime: Runtime::default(),
            todo: VecDeque::new(),
            groups: BTreeMap::new(),
            groups_due: None,
            changed: false,
            members: BTreeMap::new(),
            heard_on: BTreeMap::new(),
            heartbeats_on: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            has_consumer_groups: false,
            loaded_to: BTreeMap::new(),
            deletions: BTreeMap::new(),
            expiration_at: now + ms(rules.config.offsets_retention_check_interval_ms),
            last_member: 0,
        }
    }

    /// This broker leads a partition of the topic.
    pub(crate) fn elected(&mut self, partition: i32, epoch: LeaderEpoch, loaded_at: Time) {
        self.runtime.elected(partition, epoch, loaded_at);
    }

    /// This broker does not lead a partition of the topic any more. Known bug G14: it is not told, and goes on.
    pub(crate) fn resigned(&mut self, now: Now, partition: i32, epoch: LeaderEpoch) {
        if self.defects.has(GroupDefect::CoordinatorNotUnloaded) {
            return;
        }
        let known = self.runtime.is_known(partition);
        let waiting = self.runtime.resigned(partition, epoch);
        if known && !self.runtime.is_known(partition) {
            self.unload_groups(partition);
        }
        for waiter in waiting {
            self.failed(now, waiter, ErrorCode::NotCoordinator);
        }
    }

    fn unload_groups(&mut self, partition: i32) {
        self.forget_members(partition);
        self.loaded_to.remove(&partition);
        let (first, last) = ((partition, String::new()), (partition + 1, String::new()));
        let names: Vec<_> = self.groups.range(first..last).map(|(key, _)| key.clone()).collect();
        for key in names {
            if let Some(mut group) = self.groups.remove(&key) {
                self.release_all(&mut group);
                if !self.defects.has(GroupDefect::UnloadAnswersNobody) {
                    self.fail_members(&mut group, ErrorCode::NotCoordinator);
                }
            }
        }
        self.changed = true;
    }

    /// The first partition whose log can be read now.
    pub(crate) fn to_load(&self, now: Time) -> Option<i32> {
        self.runtime.to_load(now)
    }

    /// Reads a partition's log, and makes its groups of it. One that has offsets and was never stored is one whose
    /// consumers assign themselves.
    pub(crate) fn load(&mut self, now: Now, partition: i32, log: &Log) {
        self.runtime.load(partition, log);
        let Ok(context) = self.runtime.active(partition) else { return };
        let epoch = context.epoch();
        let state = context.written();
        let stored = state.groups().map(|(name, stored)| {
            ((partition, name.clone()), ClassicGroup::loaded(name, stored, now.time))
        });
        let mut groups: BTreeMap<_, _> = stored.collect();
        if self.defects.has(GroupDefect::LoadedMembersExpire) {
            for group in groups.values_mut() {
                group.end_sessions(now.time);
            }
        }
        let offsets = state.groups_with_offsets();
        for name in offsets.filter(|name| state.consumer_group(name).is_none()) {
            let simple = || ClassicGroup::new(name, now.wall);
            groups.entry((partition, name.clone())).or_insert_with(simple);
        }
        let known = groups.iter().map(|((_, name), group)| (name.clone(), group.generation()));
        self.todo.push_back(Todo::Loaded(partition, epoch, known.collect()));
        for (key, mut group) in groups {
            self.take_all(&mut group);
            self.groups.insert(key, group);
        }
        self.keep_loaded_members(now, partition);
        if let Ok(context) = self.runtime.active(partition) {
            context.take_from_both(GroupState::take_touched);
        }
        self.loaded_to.insert(partition, log.log_end_offset());
        self.state_changes(partition, log.log_end_offset());
        self.changed = true;
    }

    /// Whether it serves a partition of the topic.
    pub(crate) fn serves(&mut self, partition: i32) -> Result<(), ErrorCode> {
        self.runtime.active(partition).map(|_| ())
    }

    /// States what has changed in groups of the consumer protocol, as far as it is committed and before an offset.
    fn state_changes(&mut self, partition: i32, before: Offset) {
        let Ok(context) = self.runtime.active(partition) else { return };
        let epoch = context.epoch();
        let changes = if let Some(end) = self.loaded_to.get(&partition) {
            context.take_from_both(|state| state.take_changes(Offset(i64::MAX)));
            let all_committed = context.committed_to() >= *end;
            let changes = if all_committed { context.committed().members() } else { Vec::new() };
            if all_committed {
                self.loaded_to.remove(&partition);
            }
            changes
        } else {
            context.take_from_both(|state| state.take_changes(before)).1
        };
        self.todo.extend(changes.into_iter().map(|it| Todo::Changed(partition, epoch, it)));
    }

    /// Something was appended to a partition's log, or committed: what that changed, and who waited for it, in the
    /// order of the log.
    pub(crate) fn log_moved(&mut self, now: Now, partition: i32, log: &Log) {
        let Ok(context) = self.runtime.active(partition) else { return };
        for (end, waiter) in context.follow(log) {
            self.state_changes(partition, end);
            self.committed(now, waiter);
        }
        self.state_changes(partition, log.log_end_offset());
    }

    /// Records were appended. Known bug G12: they count as committed at once.
    pub(crate) fn written(&mut self, now: Now, partition: i32, log: &Log, waiter: Waiter) {
        self.log_moved(now, partition, log);
        self.check_written(partition);
        let mut waiter = self.converted(now, waiter);
        if let Waiter::Answer { rests_on, .. } = &mut waiter {
            *rests_on = Some((partition, log.log_end_offset()));
        }
        if self.defects.has(GroupDefect::CommitAnsweredAtAppend) {
            return self.committed(now, waiter);
        }
        self.wait(now, partition, waiter);
    }

    fn check_written(&mut self, partition: i32) {
        let Ok(context) = self.runtime.active(partition) else { return };
        let (touched, _) = context.take_from_both(GroupState::take_touched);
        context.written().self_check(&touched);
    }

    /// What must hold when there is nothing to do: whoever has a timer, or is a group, is of a partition that is
    /// coordinated here.
    fn self_check(&self) {
        let is_known = |partition: i32| self.runtime.is_known(partition);
        let stray = self.groups.keys().find(|(partition, _)| !is_known(*partition));
        assert!(stray.is_none(), "group {stray:?} is coordinated elsewhere");
        let stray = self.members.keys().find(|(partition, ..)| !is_known(*partition));
        assert!(stray.is_none(), "member {stray:?} has a timer, and is coordinated elsewhere");
        let stray = self.loaded_to.keys().find(|partition| !is_known(**partition));
        assert!(stray.is_none(), "partition {stray:?} was loaded, and is coordinated elsewhere");
    }

    /// Records were not appended.
    pub(crate) fn not_written(&mut self, now: Now, waiter: Waiter, error: ErrorCode) {
        let error = client_error(error);
        let mut waiter = waiter;
        while let Waiter::Converting { partition, group, conversion, then } = waiter {
            if matches!(conversion, Conversion::Began) {
                self.never_began(now, (partition, &group), error);
            }
            waiter = *then;
        }
        self.failed(now, waiter, error);
    }

    /// A group that could not be written is none: whoever waits for it must come again.
    fn never_began(&mut self, now: Now, (partition, name): (i32, &str), error: ErrorCode) {
        let mut group = self.take_group(now, partition, name);
        self.fail_members(&mut group, error);
        let (group, state) = (name.to_owned(), ClassicGroupState::Dead);
        self.todo.push_back(Todo::Note(GroupNote::ClassicStateChanged {
            group,
            state,
            timeout_ms: 0,
        }));
        self.changed = true;
    }

    /// What was to change a group is written.
    fn converted(&mut self, now: Now, waiter: Waiter) -> Waiter {
        let Waiter::Converting { partition, group, conversion, then } = waiter else {
            return waiter;
        };
        match conversion {
            Conversion::Upgraded => {
                let note = GroupNote::ProtocolChanged { group: group.clone(), classic: false };
                self.todo.push_back(Todo::Note(note));
                self.on_upgraded(now, (partition, &group));
            }
            Conversion::Downgraded { group: mut made, rebalances } => {
                self.forget_members_of(partition, &group);
                if rebalances {
                    self.prepare_rebalance(now, (partition, &mut made));
                } else {
                    self.take_all(&mut made);
                }
                self.put_group(partition, *made);
                self.todo
                    .push_back(Todo::Note(GroupNote::ProtocolChanged { group, classic: true }));
            }
            Conversion::Began => {}
            Conversion::Deleted => {
                self.forget_group(partition, &group);
            }
        }
        self.converted(now, *then)
    }

    /// Does what time alone brings.
    pub(crate) fn tick(&mut self, now: Now) {
        for waiter in self.runtime.expired(now.time) {
            self.failed(now, waiter, client_error(ErrorCode::RequestTimedOut));
        }
        if self.groups_due.is_some_and(|due| due <= now.time) {
            self.tick_groups(now);
        }
        if self.expiration_at <= now.time {
            self.expiration_at = now.time + ms(self.config.offsets_retention_check_interval_ms);
            self.expire_offsets(now);
        }
    }

    fn tick_groups(&mut self, now: Now) {
        let is_due = |group: &ClassicGroup| group.deadline().is_some_and(|at| at <= now.time);
        let due = self.groups.iter().filter(|(_, group)| is_due(group));
        for (partition, name) in due.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let mut group = self.take_group(now, partition, &name);
            self.tick_group(now, partition, &mut group);
            self.put_group(partition, group);
        }
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self, now: Now) -> Option<Todo> {
        while let Some(todo) = self.todo.pop_front() {
            let Todo::ReplyWhenCommitted(partition, caller, body) = todo else {
                return Some(todo);
            };
            self.answer_when_committed(now, partition, (caller, body));
        }
        if std::mem::take(&mut self.changed) {
            let members = self.members.values().map(Timers::at);
            self.groups_due =
                self.groups.values().filter_map(ClassicGroup::deadline).chain(members).min();
            self.has_consumer_groups =
                self.runtime.any(|state| state.consumer_groups().count() > 0);
            self.self_check();
        }
        None
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.todo.is_empty() && self.unresolved.is_empty()
    }

    /// How many wait for a record.
    pub(crate) fn waiting(&self) -> usize {
        self.runtime.waiting()
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let due = self.groups_due.map(|at| Deadline { at, why: "a group's timer is due" });
        let deadline = Deadline::earlier(self.runtime.deadline(), due);
        let at = self.expiration_at;
        let expires = (!self.groups.is_empty() || self.has_consumer_groups)
            .then_some(Deadline { at, why: "offset expiration check is due" });
        Deadline::earlier(deadline, expires)
    }

    /// A group, if there is one of that name.
    pub(super) fn group(&self, partition: i32, name: &str) -> Option<&ClassicGroup> {
        self.groups.get(&(partition, name.to_owned()))
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&(i32, String), &ClassicGroup)> {
        self.groups.iter()
    }

    /// Takes a group out to change it; a new one if there is none of that name.
    pub(super) fn take_group(&mut self, now: Now, partition: i32, name: &str) -> ClassicGroup {
        let known = self.groups.remove(&(partition, name.to_owned()));
        known.unwrap_or_else(|| ClassicGroup::new(name, now.wall))
    }

    /// Puts a group back.
    pub(super) fn put_group(&mut self, partition: i32, mut group: ClassicGroup) {
        group.self_check();
        self.state_join_phase(&mut group);
        self.changed = true;
        let before = self.groups.insert((partition, group.name().to_owned()), group);
        assert!(before.is_none(), "two groups of one name in partition {partition}: {before:?}");
    }

    fn state_join_phase(&mut self, group: &mut ClassicGroup) {
        let Some(JoinPhase { members, awaited, initial }) = group.changed_phase() else { return };
        let group = group.name().to_owned();
        let note = GroupNote::JoinPhaseChanged { group, members, awaited, initial };
        self.todo.push_back(Todo::Note(note));
    }

    /// Forgets a group.
    pub(super) fn forget_group(&mut self, partition: i32, name: &str) {
        self.changed = true;
        self.groups.remove(&(partition, name.to_owned()));
    }

    /// An id that nobody has had. Source: `ClassicGroup.generateMemberId`.
    pub(super) fn new_member_id(&mut self, instance: Option<&str>, caller: Caller) -> String {
        self.last_member += 1;
        let (incarnation, number) = (self.incarnation, self.last_member);
        match instance {
            Some(instance) => format!("{instance}-{incarnation:x}-{number}"),
            None => format!("consumer-{}-{incarnation:x}-{number}", caller.from),
        }
    }

    /// An answer that waits until all is committed that it may rest on.
    pub(super) fn answer_when_committed(
        &mut self,
        now: Now,
        partition: i32,
        (caller, body): (Caller, ResponseBody),
    ) {
        match self.runtime.active(partition) {
            Ok(_) => {
                let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
                self.wait(now, partition, waiter);
            }
            Err(_) => self.todo.push_back(Todo::Reply(caller, body)),
        }
    }

    fn wait(&mut self, now: Now, partition: i32, waiter: Waiter) {
        let until = now.time + ms(self.config.offset_commit_timeout_ms);
        match self.runtime.active(partition) {
            Ok(context) => {
                if let Some(waiter) = context.wait(until, waiter) {
                    self.committed(now, waiter);
                }
            }
            Err(error) => self.failed(now, waiter, error),
        }
    }

    /// What somebody waited for is committed.
    fn committed(&mut self, now: Now, waiter: Waiter) {
        match waiter {
            Waiter::Answer { caller, body, rests_on } => {
                self.todo.extend(rests_on.map(|(partition, end)| Todo::Answered(partition, end)));
                self.todo.push_back(Todo::Reply(caller, *body));
            }
            // A group that is one of the consumer protocol by now, or is gone, has answered those who wait.
            Waiter::Assignments { partition, group, generation, assignments }
                if self.group(partition, &group).is_some() =>
            {
                let mut group = self.take_group(now, partition, &group);
                let stored = Ok(&*assignments);
                self.assignments_stored(now, (partition, &mut group), generation, stored);
                self.put_group(partition, group);
            }
            Waiter::StaticRejoin { partition, group, rejoin }
                if self.group(partition, &group).is_some() =>
            {
                let mut group = self.take_group(now, partition, &group);
                self.static_stored(now, &mut group, &rejoin);
                self.put_group(partition, group);
            }
            Waiter::Deletion { number, places } => self.deletion_decided((number, &places), None),
            Waiter::OffsetsDeleted { group, then } => {
                self.todo.push_back(Todo::Note(GroupNote::OffsetsDeleted { group }));
                self.committed(now, *then);
            }
            Waiter::Assignments { .. } | Waiter::StaticRejoin { .. } | Waiter::Nobody => {}
            Waiter::Converting { .. } => unreachable!("it has changed before it was waited for"),
        }
    }

    /// What somebody waited for is not committed, or nobody knows.
    fn failed(&mut self, now: Now, waiter: Waiter, error: ErrorCode) {
        match waiter {
            Waiter::Answer { caller, mut body, .. } => {
                refuse(&mut body, error);
                self.todo.push_back(Todo::Reply(caller, *body));
            }
            // A group that is gone with its coordinator has answered those who wait.
            Waiter::Assignments { partition, group, generation, .. }
                if self.group(partition, &group).is_some() =>
            {
                let mut group = self.take_group(now, partition, &group);
                self.assignments_stored(now, (partition, &mut group), generation, Err(error));
                self.put_group(partition, group);
            }
            Waiter::StaticRejoin { partition, group, rejoin }
                if self.group(partition, &group).is_some() =>
            {
                let mut group = self.take_group(now, partition, &group);
                self.static_not_stored(now, &mut group, &rejoin, error);
                self.put_group(partition, group);
            }
            Waiter::Deletion { number, places } => {
                self.deletion_decided((number, &places), Some(error));
            }
            Waiter::OffsetsDeleted { then, .. } => self.failed(now, *then, error),
            Waiter::Assignments { .. }
            | Waiter::StaticRejoin { .. }
            | Waiter::Converting { .. }
            | Waiter::Nobody => {}
        }
    }

    /// States what the members of a group hold from now on.
    pub(super) fn take_all(&mut self, group: &mut ClassicGroup) {
        for (member, assignment) in group.assignments() {
            self.take_places(group, &member, &assignment);
        }
    }

    /// States that the members of a group hold nothing any more.
    pub(super) fn release_all(&mut self, group: &mut ClassicGroup) {
        for (member, place) in std::mem::take(&mut group.held) {
            let group = group.name().to_owned();
            self.todo.push_back(Todo::Released { group, member, place });
        }
    }

    /// States that a member holds nothing any more.
    pub(super) fn release_from(&mut self, group: &mut ClassicGroup, id: &str) {
        let released: Vec<_> =
            group.held.extract_if(.., |(member, _)| member.as_str() == id).collect();
        for (member, place) in released {
            let group = group.name().to_owned();
            self.todo.push_back(Todo::Released { group, member, place });
        }
    }

    /// States what one member holds from now on.
    pub(super) fn take_one(&mut self, group: &mut ClassicGroup, id: &str) {
        let given = group.assignments().into_iter().filter(|(member, _)| member.as_str() == id);
        for (member, assignment) in given.collect::<Vec<_>>() {
            self.take_places(group, &member, &assignment);
        }
    }

    fn take_places(&mut self, group: &mut ClassicGroup, member: &str, assignment: &Bytes) {
        for place in decode_assignment(assignment).unwrap_or_default() {
            group.held.push((member.to_owned(), place.clone()));
            self.todo.push_back(Todo::Assigned {
                group: group.name().to_owned(),
                member: member.to_owned(),
                place,
                generation: group.generation(),
            });
        }
    }
}
