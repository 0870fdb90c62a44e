//! Commits and fetches of offsets. Source: Kafka's `OffsetMetadataManager`, `GroupCoordinatorService.commitOffsets`,
//! `GroupCoordinatorService.fetchOffsets`.

use super::classic::group::{ClassicGroup, State};
use super::coordinator::{GroupCoordinator, Todo};
use super::records::{CommittedOffset, Place, offset_record};
use super::state::GroupState;
use super::waiter::Waiter;
use crate::caller::Caller;
use crate::consumer_protocol;
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::note::{Api, ExchangeNote, GroupNote};
use crate::proto::{
    ErrorCode, OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics, TopicName,
};
use crate::types::Now;

impl GroupCoordinator {
    /// Commits offsets. `known` says which partitions there are: others are refused one by one, and the rest is
    /// committed. Source: `KafkaApis.handleOffsetCommitRequest`, `OffsetMetadataManager.commitOffset`.
    pub(crate) fn commit_offsets(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &OffsetCommitRequest,
        known: impl Fn(&TopicName, i32) -> bool,
    ) {
        let group = request.group_id.0.to_string();
        let is_known = |topic: &OffsetCommitRequestTopic| {
            topic.partitions.iter().any(|asked| known(&topic.name, asked.partition_index))
        };
        if !request.topics.is_empty() && !request.topics.iter().any(is_known) {
            let body = commit_response(request, |_, _| ErrorCode::UnknownTopicOrPartition.code());
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        let checked = self.check_commit(partition, request);
        if let Err(error) = checked.and_then(|()| self.check_order(caller, partition, request)) {
            self.note_fenced(request, error);
            let body = commit_response(request, |_, _| error.code());
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        self.after_commit(now, partition, request);
        self.note_accepted(request);
        let limit = self.config.offset_metadata_bytes_max as usize;
        let judge = |topic: &TopicName, asked: &OffsetCommitRequestPartition| {
            let size = asked.committed_metadata.as_ref().map_or(0, |text| text.len());
            if !known(topic, asked.partition_index) {
                ErrorCode::UnknownTopicOrPartition.code()
            } else if size > limit {
                ErrorCode::OffsetMetadataTooLarge.code()
            } else {
                0
            }
        };
        let mut records = Vec::new();
        for topic in &request.topics {
            for asked in topic.partitions.iter().filter(|asked| judge(&topic.name, asked) == 0) {
                let place: Place = (topic.name.0.to_string(), asked.partition_index);
                let position = (asked.committed_offset, asked.committed_leader_epoch);
                let metadata = asked.committed_metadata.as_ref();
                let committed = CommittedOffset::new(now, position, metadata);
                records.push(offset_record(&group, &place, &committed));
            }
        }
        let body = commit_response(request, judge);
        if records.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        self.todo.push_back(Todo::Write(partition, records, waiter));
    }

    /// Who may commit. Source: `OffsetMetadataManager.validateOffsetCommit`.
    fn check_commit(
        &mut self,
        partition: i32,
        request: &OffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let name = request.group_id.as_str();
        let generation = request.generation_id_or_member_epoch;
        let ignores = self.defects.has(GroupDefect::CommitIgnoresGeneration);
        let is_nobody =
            generation < 0 && request.member_id.is_empty() && request.group_instance_id.is_none();
        let anybody = is_nobody && self.defects.has(GroupDefect::AnybodyCommits);
        let refuses_joining = self.defects.has(GroupDefect::CommitRefusedWhileJoining);
        let context = self.runtime.active(partition)?;
        if ignores || anybody {
            return Ok(());
        }
        if let Some(group) = context.written().consumer_group(name) {
            let member = (request.member_id.as_str(), request.group_instance_id.as_deref());
            return group.validate_commit(member, generation, false);
        }
        match self.group(partition, request.group_id.as_str()) {
            Some(group) => {
                let instance = request.group_instance_id.as_deref();
                group.validate_commit((&request.member_id, instance), generation, false)?;
                let refused = refuses_joining && group.state() == State::PreparingRebalance;
                if refused { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
            }
            None if generation < 0 => Ok(()),
            None => Err(ErrorCode::GroupIdNotFound),
        }
    }

    /// A commit that lay on the way, while its member was heard of on another connection since, would set the group
    /// back. Known weakness: Kafka looks at generations and epochs alone, and takes it.
    fn check_order(
        &mut self,
        caller: Caller,
        partition: i32,
        request: &OffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let member = (request.group_id.as_str(), request.member_id.as_str());
        if member.1.is_empty() || self.defects.has(GroupDefect::LateCommitCounts) {
            return Ok(());
        }
        if self.is_late_commit(caller, partition, member) {
            return Err(ErrorCode::RequestTimedOut);
        }
        self.hear_on(caller, partition, member);
        Ok(())
    }

    fn note_accepted(&mut self, request: &OffsetCommitRequest) {
        let places = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|asked| (topic.name.0.clone(), asked.partition_index))
        });
        let by = (&*request.group_id.0, &*request.member_id);
        self.accepted(by, request.generation_id_or_member_epoch, places.collect());
    }

    /// States that somebody is served who names a generation, or the epoch of a member, and which one it is in.
    pub(super) fn served(&mut self, api: Api, caller: Caller, (named, own): (i32, i32)) {
        let note = ExchangeNote::served(api, caller.from, named, own);
        self.todo.push_back(Todo::Served(note));
    }

    /// States that a commit is taken; one that names no generation is nobody's.
    pub(super) fn accepted(
        &mut self,
        (group, member): (&str, &str),
        generation: i32,
        places: Vec<consumer_protocol::Place>,
    ) {
        if generation >= 0 {
            let (group, member) = (group.to_owned(), member.to_owned());
            self.todo.push_back(Todo::Accepted { group, member, generation, places });
        }
    }

    fn note_fenced(&mut self, request: &OffsetCommitRequest, error: ErrorCode) {
        let fenced = matches!(
            error,
            ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
                | ErrorCode::FencedInstanceId
                | ErrorCode::StaleMemberEpoch
        );
        if fenced {
            let group = request.group_id.0.to_string();
            let generation = request.generation_id_or_member_epoch;
            self.todo.push_back(Todo::Note(GroupNote::CommitFenced { group, generation }));
        }
    }

    /// Whoever commits is alive; a group that only commits begins with it. Source:
    /// `OffsetMetadataManager.commitOffset`.
    fn after_commit(&mut self, now: Now, partition: i32, request: &OffsetCommitRequest) {
        let name = request.group_id.as_str();
        match self.group(partition, name).map(ClassicGroup::state) {
            Some(State::Stable | State::PreparingRebalance) => {
                self.extend_session(now, partition, name, &request.member_id);
            }
            Some(State::Empty | State::CompletingRebalance) => {}
            None if self.is_consumer_group(partition, name) => {}
            None => {
                let group = self.take_group(now, partition, name);
                self.put_group(partition, group);
            }
        }
    }

    /// Whether there is a group of the consumer protocol of this name.
    pub(super) fn is_consumer_group(&mut self, partition: i32, name: &str) -> bool {
        let context = self.runtime.active(partition);
        context.is_ok_and(|context| context.written().consumer_group(name).is_some())
    }

    /// Answers with committed offsets. One that needs a stable answer waits for all that is written, and is told of
    /// transactions that are open; any other gets what is committed now. Where another broker may coordinate by now
    /// (`replaced`), nothing stable is told: it may have taken commits since. Source: KIP-447,
    /// `OffsetMetadataManager.fetchOffsets`, which does not look at that.
    pub(crate) fn fetch_offsets(
        &mut self,
        now: Now,
        (caller, replaced): (Caller, bool),
        partition_of: impl Fn(&str) -> i32,
        request: &OffsetFetchRequest,
    ) {
        let tells_unstable = self.defects.has(GroupDefect::UnstableOffsetsTold);
        let mut answers = Vec::new();
        let (mut waits_at, mut served) = (None, Vec::new());
        for asked in &request.groups {
            let partition = partition_of(asked.group_id.as_str());
            let stable = request.require_stable;
            answers.push(match self.runtime.active(partition) {
                Ok(_) if stable && replaced => fetch_refused(asked, ErrorCode::NotCoordinator),
                Ok(context) => {
                    waits_at = stable.then_some(partition).or(waits_at);
                    let state = if stable { context.written() } else { context.committed() };
                    let answer = validated(state, asked, stable && !tells_unstable);
                    served.extend(epochs(state, asked).filter(|_| answer.error_code == 0));
                    answer
                }
                Err(error) => fetch_refused(asked, error),
            });
        }
        for epochs in served {
            self.served(Api::OffsetFetch, caller, epochs);
        }
        let response = OffsetFetchResponse::default().with_groups(answers);
        let body = ResponseBody::Client(ClientResponse::OffsetFetch(Box::new(response)));
        match waits_at {
            Some(partition) => self.answer_when_committed(now, partition, (caller, body)),
            None => self.todo.push_back(Todo::Reply(caller, body)),
        }
    }
}

fn commit_response(
    request: &OffsetCommitRequest,
    error_of: impl Fn(&TopicName, &OffsetCommitRequestPartition) -> i16,
) -> ResponseBody {
    let topics = request.topics.iter().map(|topic| {
        let answers = topic.partitions.iter().map(|asked| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(error_of(&topic.name, asked))
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(answers.collect())
    });
    let response = OffsetCommitResponse::default().with_topics(topics.collect());
    ResponseBody::Client(ClientResponse::OffsetCommit(Box::new(response)))
}

fn fetch_refused(asked: &OffsetFetchRequestGroup, error: ErrorCode) -> OffsetFetchResponseGroup {
    OffsetFetchResponseGroup::default()
        .with_group_id(asked.group_id.clone())
        .with_error_code(error.code())
}

/// The epoch that a member of a group of the consumer protocol names who asks for offsets, and the one it is in.
fn epochs(state: &GroupState, asked: &OffsetFetchRequestGroup) -> Option<(i32, i32)> {
    let group = state.consumer_group(asked.group_id.as_str())?;
    let member = group.members().get(asked.member_id.as_deref()?);
    Some((asked.member_epoch, member.map_or(-1, |member| member.holding.epoch)))
}

/// A group's offsets, if who asks may know them. Source: `OffsetMetadataManager.validateOffsetFetch`.
fn validated(
    state: &GroupState,
    asked: &OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let member = asked.member_id.as_deref();
    let group = state.consumer_group(asked.group_id.as_str());
    match group.map_or(Ok(()), |group| group.validate_fetch(member, asked.member_epoch)) {
        Ok(()) => fetched(state, asked, require_stable),
        Err(error) => fetch_refused(asked, error),
    }
}

/// A group's offsets, those asked for or all.
fn fetched(
    state: &GroupState,
    asked: &OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let group = asked.group_id.as_str();
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    let mut add = |name: &TopicName, index: i32| {
        let place = (name.0.to_string(), index);
        let answer = fetched_one(state, group, &place, require_stable);
        match topics.last_mut().filter(|topic| topic.name == *name) {
            Some(topic) => topic.partitions.push(answer),
            None => topics.push(
                OffsetFetchResponseTopics::default()
                    .with_name(name.clone())
                    .with_partitions(vec![answer]),
            ),
        }
    };
    match &asked.topics {
        Some(wanted) => {
            for topic in wanted {
                topic.partition_indexes.iter().for_each(|index| add(&topic.name, *index));
            }
        }
        None => {
            for ((topic, index), _) in state.offsets(group) {
                add(&TopicName(crate::config::topic_name(topic)), *index);
            }
        }
    }
    OffsetFetchResponseGroup::default().with_group_id(asked.group_id.clone()).with_topics(topics)
}

fn fetched_one(
    state: &GroupState,
    group: &str,
    place: &Place,
    require_stable: bool,
) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default()
        .with_partition_index(place.1)
        .with_committed_offset(-1)
        .with_committed_leader_epoch(-1)
        .with_metadata(Some(crate::config::topic_name("")));
    if require_stable && state.is_pending(group, place) {
        return answer.with_error_code(ErrorCode::UnstableOffsetCommit.code());
    }
    match state.offset(group, place) {
        Some(committed) => answer
            .with_committed_offset(committed.offset.0)
            .with_committed_leader_epoch(committed.leader_epoch.0)
            .with_metadata(Some(crate::config::topic_name(&committed.metadata))),
        None => answer,
    }
}
