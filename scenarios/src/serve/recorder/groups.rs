//! Groups: joins, commits, where groups are told to stand, and what transactions commit for them.
//!
//! A member reads on other connections than those on which it joins and commits, so that nobody here sees what it has
//! read: the history says so by a poll of unknown outcome. Where a group stands is taken down as its coordinator tells
//! it: a commit that is gone shows there.

use harrow_broker_model::consumer_protocol::decode_assignment;
use harrow_broker_model::group_admin_message::GroupAdminRequest;
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::proto::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
    StrBytes, SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use harrow_reports::policy::MovedByHand;

use super::Recorder;
use super::group_asked::{GroupAsked, Offsets};
use super::members::Caller;
use super::names::{PartitionIndex, ProcessKey};
use super::operations::{Action, Ended, Operation, Processed};
use super::positions::Consumer;

impl Recorder {
    /// A client asks something for a group.
    pub(super) fn group_asked(
        &mut self,
        at_ns: u64,
        connection: u64,
        body: &ClientRequest,
    ) -> Option<GroupAsked> {
        if let ClientRequest::JoinGroup(request) = body {
            let instance = request.group_instance_id.as_deref();
            self.members.joins(at_ns, connection);
            self.members.is_instance(&request.group_id, &request.member_id, instance);
            None
        } else if let ClientRequest::SyncGroup(request) = body {
            Some(self.asks_for_assignment(at_ns, connection, request))
        } else if let ClientRequest::ConsumerGroupHeartbeat(request) = body {
            Some(heartbeat(at_ns, connection, request))
        } else if let ClientRequest::OffsetCommit(request) = body {
            self.asks_to_commit(at_ns, connection, request)
        } else if let ClientRequest::OffsetFetch(request) = body {
            Some(asks_where(at_ns, connection, request))
        } else if let ClientRequest::TxnOffsetCommit(request) = body {
            Some(self.asks_to_commit_in_transaction(at_ns, connection, request))
        } else if let ClientRequest::GroupAdmin(request) = body {
            self.administers(at_ns, request)
        } else {
            None
        }
    }

    /// A client was told.
    pub(super) fn group_answered(&mut self, at_ns: u64, asked: GroupAsked, body: &ClientResponse) {
        match (asked, body) {
            (GroupAsked::Assignment { caller, began_ns }, ClientResponse::SyncGroup(response)) => {
                self.assigned(&caller, (began_ns, at_ns), response);
            }
            (
                GroupAsked::Heartbeat { caller, instance, at_ns: began_ns },
                ClientResponse::ConsumerGroupHeartbeat(response),
            ) => self.beaten(caller, instance.as_deref(), (began_ns, at_ns), response),
            (GroupAsked::Commit { operation, offsets }, ClientResponse::OffsetCommit(response)) => {
                self.committed(at_ns, operation, &offsets, response);
            }
            (
                GroupAsked::Where { callers, stable, at_ns: began_ns },
                ClientResponse::OffsetFetch(response),
            ) => self.told_where(&callers, stable, (began_ns, at_ns), response),
            (
                GroupAsked::Transaction { operation, offsets },
                ClientResponse::TxnOffsetCommit(response),
            ) => self.committed_in_transaction(operation, &offsets, response),
            (GroupAsked::Moved { first }, _) => self.moved(first, at_ns),
            (_, _) => {}
        }
    }

    /// A rule told an error in place of what the broker did, if it did anything: nobody knows what became of a commit.
    pub(super) fn group_refused(&mut self, at_ns: u64, asked: &GroupAsked) {
        if let GroupAsked::Commit { operation, .. } = asked {
            self.operations[*operation].ended = Some((at_ns, Ended::Info));
        }
    }

    fn asks_for_assignment(
        &mut self,
        at_ns: u64,
        connection: u64,
        request: &SyncGroupRequest,
    ) -> GroupAsked {
        let caller = Caller::of(
            connection,
            (&request.group_id.0, &request.member_id),
            request.generation_id,
        );
        let instance = request.group_instance_id.as_deref();
        self.members.is_instance(&caller.group, &caller.member, instance);
        let began_ns = self.members.joining_since(connection).unwrap_or(at_ns);
        GroupAsked::Assignment { caller, began_ns }
    }

    fn assigned(&mut self, caller: &Caller, times: (u64, u64), response: &SyncGroupResponse) {
        if response.error_code != 0 {
            return;
        }
        let given = &response.assignment;
        let places = if given.is_empty() { Some(Vec::new()) } else { decode_assignment(given) };
        // What is no consumer's assignment says nothing of partitions.
        let Some(places) = places else { return };
        self.members.joined(caller, true);
        let index = |(topic, partition): (StrBytes, i32)| self.index_of(&topic, partition);
        let has = places.into_iter().filter_map(index).collect();
        self.join(caller, times, has);
    }

    fn index_of(&mut self, topic: &str, partition: i32) -> Option<PartitionIndex> {
        self.partitions.index(&self.topics.recorded(topic, 0), partition)
    }

    fn join(
        &mut self,
        caller: &Caller,
        (began_ns, at_ns): (u64, u64),
        partitions: Vec<PartitionIndex>,
    ) {
        let process = self.process(self.members.key(caller));
        let join = Action::Join { member: caller.membership(), partitions };
        let join = self.begin(process, began_ns, join);
        self.operations[join].ended = Some((at_ns, Ended::Ok));
        self.unseen.remove(&process);
        self.reads_unseen(process, at_ns);
    }

    /// What a process has read, nobody here sees.
    fn reads_unseen(&mut self, process: u32, at_ns: u64) {
        if self.unseen.insert(process) {
            let poll = self.begin(process, at_ns, Action::Unseen);
            self.operations[poll].ended = Some((at_ns, Ended::Info));
        }
    }

    fn beaten(
        &mut self,
        mut caller: Caller,
        instance: Option<&str>,
        times: (u64, u64),
        response: &ConsumerGroupHeartbeatResponse,
    ) {
        if response.error_code != 0 || response.member_epoch < 0 {
            return;
        }
        if let Some(member) = response.member_id.as_ref().filter(|_| caller.member.is_empty()) {
            caller.member = member.to_string();
        }
        caller.generation = response.member_epoch.into();
        self.members.is_instance(&caller.group, &caller.member, instance);
        self.members.joined(&caller, false);
        let now = response.assignment.as_ref().map(|assignment| {
            let mut has = Vec::new();
            for topic in &assignment.topic_partitions {
                let Some(name) = self.topics.of_id(topic.topic_id.as_u128()) else { continue };
                let indexes = topic.partitions.iter();
                has.extend(indexes.filter_map(|index| self.partitions.index(&name, *index)));
            }
            has
        });
        if let Some(has) = self.members.given(&caller, now) {
            self.join(&caller, times, has);
        }
    }

    fn asks_to_commit(
        &mut self,
        at_ns: u64,
        connection: u64,
        request: &OffsetCommitRequest,
    ) -> Option<GroupAsked> {
        let caller = Caller::of(
            connection,
            (&request.group_id.0, &request.member_id),
            request.generation_id_or_member_epoch,
        );
        let instance = request.group_instance_id.as_deref();
        self.members.is_instance(&caller.group, &caller.member, instance);
        let all = request.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|it| (&topic.name.0, it.partition_index, it.committed_offset))
        });
        let offsets = self.offsets(all)?;
        for (_, index, _) in &offsets {
            self.positions.commits(&(caller.group.clone(), *index));
        }
        let process = self.process(self.members.key(&caller));
        self.reads_unseen(process, at_ns);
        let next = offsets.iter().map(|(_, index, next)| (*index, *next)).collect();
        let commit = Action::Commit { member: caller.membership(), offsets: next };
        let operation = self.begin(process, at_ns, commit);
        Some(GroupAsked::Commit { operation, offsets })
    }

    /// Offsets as they are to be committed; nothing if none is of a partition that the history has.
    fn offsets<'a>(
        &mut self,
        all: impl Iterator<Item = (&'a StrBytes, i32, i64)>,
    ) -> Option<Offsets> {
        let mut offsets = Vec::new();
        for (topic, partition, next) in all.filter(|(_, _, next)| *next >= 0) {
            if let Some(index) = self.index_of(topic, partition) {
                offsets.push(((topic.to_string(), partition), index, next));
            }
        }
        (!offsets.is_empty()).then_some(offsets)
    }

    /// Of each partition its own outcome is told: those that share it stand in one operation.
    fn committed(
        &mut self,
        at_ns: u64,
        operation: usize,
        offsets: &Offsets,
        response: &OffsetCommitResponse,
    ) {
        let errors = response.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|it| ((topic.name.0.to_string(), it.partition_index), it.error_code))
        });
        let mut outcomes: [Vec<(PartitionIndex, i64)>; 3] = Default::default();
        for (place, error) in errors {
            if let Some((_, index, next)) = offsets.iter().find(|(asked, _, _)| *asked == place) {
                outcomes[outcome(error) as usize].push((*index, *next));
            }
        }
        let Action::Commit { member, .. } = &self.operations[operation].action else { return };
        let (member, process) = (member.clone(), self.operations[operation].process);
        let began_ns = self.operations[operation].began_ns;
        let mut own = Some(operation);
        for (how, offsets) in [Ended::Ok, Ended::Fail, Ended::Info].into_iter().zip(outcomes) {
            if offsets.is_empty() {
                continue;
            }
            let action = Action::Commit { member: member.clone(), offsets };
            let told = own.take().unwrap_or_else(|| self.begin(process, began_ns, Action::Unseen));
            self.operations[told].action = action;
            self.operations[told].ended = Some((at_ns, how));
        }
    }

    fn told_where(
        &mut self,
        callers: &[Caller],
        stable: bool,
        times: (u64, u64),
        response: &OffsetFetchResponse,
    ) {
        for group in response.groups.iter().filter(|group| group.error_code == 0) {
            let asked = callers.iter().find(|caller| *caller.group == *group.group_id.0);
            if let Some(caller) = asked {
                self.told_where_group_is(caller.clone(), stable, times, group);
            }
        }
    }

    fn told_where_group_is(
        &mut self,
        mut caller: Caller,
        stable: bool,
        (began_ns, at_ns): (u64, u64),
        response: &OffsetFetchResponseGroup,
    ) {
        let mut key = self.members.key(&caller);
        if caller.member.is_empty()
            && let Some((joined, generation)) = self.members.on(caller.connection, &caller.group)
        {
            (key, caller.generation) = (joined.clone(), *generation);
        }
        let is_member = matches!(key, ProcessKey::Member(..));
        let process = self.process(key);
        let mut told = Vec::new();
        for topic in &response.topics {
            for answer in topic.partitions.iter().filter(|answer| answer.error_code == 0) {
                let index = self.index_of(&topic.name.0, answer.partition_index);
                let next = Some(answer.committed_offset).filter(|next| *next >= 0);
                told.extend(index.map(|index| (index, next)));
            }
        }
        // Who does not ask for stable offsets may be told those from before a transaction whose end is on its way.
        let settled = stable || !self.positions.has_transacted(&caller.group);
        for (index, next) in &told {
            let place = (caller.group.clone(), *index);
            if is_member {
                self.positions.begins(&place, Consumer::Member(process), *next);
            }
            self.positions.is_told(&place, *next, settled);
        }
        if settled && !told.is_empty() {
            let action = Action::Where { member: caller.membership(), told };
            let list = self.begin(process, began_ns, action);
            self.operations[list].ended = Some((at_ns, Ended::Ok));
        }
    }

    fn asks_to_commit_in_transaction(
        &mut self,
        at_ns: u64,
        connection: u64,
        request: &TxnOffsetCommitRequest,
    ) -> GroupAsked {
        let caller = Caller::of(
            connection,
            (&request.group_id.0, &request.member_id),
            request.generation_id,
        );
        let id = request.transactional_id.0.to_string();
        let producer = ProcessKey::Producer(request.producer_id.0, request.producer_epoch);
        let process = self.process(producer);
        let operation = self.open_transaction(at_ns, process, &id);
        let all = request.topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|it| (&topic.name.0, it.partition_index, it.committed_offset))
        });
        let offsets = self.offsets(all).unwrap_or_default();
        let consumer = if caller.member.is_empty() {
            Consumer::Of(id)
        } else {
            Consumer::Member(self.process(self.members.key(&caller)))
        };
        for (_, index, next) in &offsets {
            self.processes((at_ns, operation), &caller, &consumer, (*index, *next));
        }
        GroupAsked::Transaction { operation, offsets }
    }

    /// A transaction is to commit that its inputs are processed, up to this next offset.
    fn processes(
        &mut self,
        (at_ns, operation): (u64, usize),
        caller: &Caller,
        consumer: &Consumer,
        (partition, next): (PartitionIndex, i64),
    ) {
        let place = (caller.group.clone(), partition);
        let Operation { process, began_ns, .. } = self.operations[operation];
        // What it commits it has read before it began.
        let before_it = began_ns.saturating_sub(1);
        let Action::Transact(transacted) = &mut self.operations[operation].action else { return };
        let member = transacted.member.get_or_insert_with(|| caller.membership());
        if member.group != caller.group {
            // An operation is that of one group's member; of the other group's commit only that it may be is told.
            self.positions.commits(&place);
            let offsets = vec![(partition, next)];
            let commit = Action::Commit { member: caller.membership(), offsets };
            self.reads_unseen(process, before_it);
            self.begin(process, at_ns, commit);
            return;
        }
        let first = self.positions.transacts(&place, consumer, next);
        let consumer = consumer.clone();
        transacted.processed.retain(|it| it.partition != partition);
        transacted.processed.push(Processed { partition, first, next, consumer });
        if first.is_none() {
            self.reads_unseen(process, before_it);
        }
    }

    /// What was refused is not committed, whatever becomes of the transaction.
    fn committed_in_transaction(
        &mut self,
        operation: usize,
        offsets: &Offsets,
        response: &TxnOffsetCommitResponse,
    ) {
        let Action::Transact(transacted) = &mut self.operations[operation].action else { return };
        for topic in &response.topics {
            for answer in topic.partitions.iter().filter(|answer| answer.error_code != 0) {
                let place = (topic.name.0.to_string(), answer.partition_index);
                if let Some((_, index, _)) = offsets.iter().find(|(asked, _, _)| *asked == place) {
                    transacted.processed.retain(|it| it.partition != *index);
                }
            }
        }
    }

    /// A transaction has ended: committed or aborted, or nobody knows.
    pub(super) fn settle_positions(&mut self, operation: usize, committed: Option<bool>) {
        let Action::Transact(transacted) = &self.operations[operation].action else { return };
        let Some(member) = &transacted.member else { return };
        for it in &transacted.processed {
            let place = (member.group.clone(), it.partition);
            self.positions.ends(&place, &it.consumer, (it.next, committed));
        }
    }

    fn administers(&mut self, at_ns: u64, request: &GroupAdminRequest) -> Option<GroupAsked> {
        let groups: Vec<String> = if let GroupAdminRequest::DeleteGroups(request) = request {
            request.groups_names.iter().map(|group| group.0.to_string()).collect()
        } else if let GroupAdminRequest::OffsetDelete(request) = request {
            vec![request.group_id.0.to_string()]
        } else {
            return None;
        };
        let first = self.moved_by_hand.len();
        for group in groups {
            self.positions.leave(&group);
            self.moved_by_hand.push(MovedByHand { group, from_ns: at_ns, until_ns: u64::MAX });
        }
        Some(GroupAsked::Moved { first })
    }

    /// An administrator is told that it is done.
    fn moved(&mut self, first: usize, at_ns: u64) {
        for moved in &mut self.moved_by_hand[first..] {
            moved.until_ns = moved.until_ns.min(at_ns);
        }
    }
}

/// What an error proves of a commit. Others are told of commits that may yet be written.
fn outcome(error: i16) -> Ended {
    let refused = [
        ErrorCode::IllegalGeneration,
        ErrorCode::UnknownMemberId,
        ErrorCode::FencedInstanceId,
        ErrorCode::StaleMemberEpoch,
        ErrorCode::FencedMemberEpoch,
        ErrorCode::RebalanceInProgress,
    ];
    match ErrorCode::try_from_code(error) {
        None => Ended::Ok,
        Some(error) if refused.contains(&error) => Ended::Fail,
        Some(_) => Ended::Info,
    }
}

fn heartbeat(at_ns: u64, connection: u64, request: &ConsumerGroupHeartbeatRequest) -> GroupAsked {
    let caller =
        Caller::of(connection, (&request.group_id.0, &request.member_id), request.member_epoch);
    let instance = request.instance_id.as_ref().map(ToString::to_string);
    GroupAsked::Heartbeat { caller, instance, at_ns }
}

fn asks_where(at_ns: u64, connection: u64, request: &OffsetFetchRequest) -> GroupAsked {
    let callers = request.groups.iter().map(|group| Caller {
        connection,
        group: group.group_id.0.to_string(),
        member: group.member_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        generation: group.member_epoch.into(),
    });
    GroupAsked::Where { callers: callers.collect(), stable: request.require_stable, at_ns }
}
