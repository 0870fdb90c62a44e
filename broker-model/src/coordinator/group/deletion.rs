//! What administrators delete: groups without members, with all their offsets, and offsets that no member reads.
//! Source: Kafka's `GroupCoordinatorShard.deleteGroups`, `OffsetMetadataManager.deleteAllOffsets`,
//! `OffsetMetadataManager.deleteOffsets`, `GroupCoordinatorService.deleteGroups`; KIP-229, KIP-496.
//!
//! A group that has members goes on from what it has committed: if that could go, its members would start from where
//! `auto.offset.reset` says and lose or repeat what lies between. So who asks is refused, and nothing has changed. What
//! transactions that are open want to commit goes with the rest.

use std::collections::BTreeMap;

use super::classic::group::ClassicGroup;
use super::conversion::Conversion;
use super::coordinator::{GroupCoordinator, Todo};
use super::modern::group::ConsumerGroup;
use super::modern::records::group_tombstones;
use super::pending_deletion::Deletion;
use super::records::{Place, group_tombstone, offset_tombstone};
use super::state::GroupState;
use super::waiter::Waiter;
use crate::caller::Caller;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::GroupDefect;
use crate::group_admin_message::GroupAdminResponse;
use crate::message::{ClientResponse, ResponseBody};
use crate::note::GroupNote;
use crate::proto::{
    DeletableGroupResult, DeleteGroupsResponse, ErrorCode, GroupId, OffsetDeleteRequest,
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic, TopicName,
};
use crate::types::Now;

impl GroupCoordinator {
    /// Deletes groups, each in the partition that it belongs to: those of one partition with one write. Each is
    /// answered for itself, once all are decided.
    pub(crate) fn delete_groups(&mut self, caller: Caller, asked: &[(GroupId, i32)]) {
        let mut by_partition: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (at, (_, partition)) in asked.iter().enumerate() {
            by_partition.entry(*partition).or_default().push(at);
        }
        let results =
            asked.iter().map(|(id, _)| DeletableGroupResult::default().with_group_id(id.clone()));
        let mut deletion = Deletion { caller, results: results.collect(), undecided: 0 };
        let number = self.deletions.keys().next_back().map_or(0, |last| last + 1);
        for (partition, places) in by_partition {
            let (mut records, mut deleted) = (Vec::new(), Vec::new());
            for at in places {
                match self.tombstones(partition, asked[at].0.as_str()) {
                    Ok(group) => {
                        records.extend(group);
                        deleted.push(at);
                    }
                    Err(error) => deletion.results[at].error_code = error.code(),
                }
            }
            if records.is_empty() {
                continue;
            }
            deletion.undecided += 1;
            let names = deleted.iter().map(|at| asked[*at].0.as_str());
            let waiter = names
                .fold(Waiter::Deletion { number, places: deleted.clone() }, |waiter, name| {
                    waiter.converting((partition, name), Some(Conversion::Deleted))
                });
            self.todo.push_back(Todo::Write(partition, records, waiter));
        }
        self.deletions.insert(number, deletion);
        self.answer_deletion(number);
    }

    /// All that is to be written for a group to be gone.
    fn tombstones(
        &mut self,
        partition: i32,
        name: &str,
    ) -> Result<Vec<CoordinatorRecord>, ErrorCode> {
        self.runtime.active(partition)?;
        let any_goes = self.defects.has(GroupDefect::DeletesActiveGroups);
        let keeps = self.defects.has(GroupDefect::DeletionKeepsOffsets);
        let classic = self.group(partition, name).map(ClassicGroup::check_deletable);
        let classic = classic.map(|checked| if any_goes { Ok(()) } else { checked });
        let context = self.runtime.active(partition)?;
        let state = context.written();
        let consumer = state.consumer_group(name).map(ConsumerGroup::check_deletable);
        consumer.or(classic).unwrap_or(Err(ErrorCode::GroupIdNotFound))?;
        let mut places = all_places(state, name);
        places.retain(|place| !keeps || state.is_pending(name, place));
        let mut records: Vec<CoordinatorRecord> =
            places.iter().map(|place| offset_tombstone(name, place)).collect();
        if consumer.is_some() {
            records.extend(group_tombstones(name));
        } else {
            records.push(group_tombstone(name));
        }
        Ok(records)
    }

    /// What is to be written of a deletion is committed, or is not.
    pub(super) fn deletion_decided(
        &mut self,
        (number, places): (u64, &[usize]),
        error: Option<ErrorCode>,
    ) {
        let Some(deletion) = self.deletions.get_mut(&number) else { return };
        for at in places {
            let result = &mut deletion.results[*at];
            result.error_code = error.map_or(0, |error| error.code());
            if error.is_none() {
                let group = result.group_id.to_string();
                self.todo.push_back(Todo::Note(GroupNote::GroupDeleted { group }));
            }
        }
        deletion.undecided -= 1;
        self.answer_deletion(number);
    }

    fn answer_deletion(&mut self, number: u64) {
        if self.deletions.get(&number).is_none_or(|deletion| deletion.undecided > 0) {
            return;
        }
        let Some(Deletion { caller, results, .. }) = self.deletions.remove(&number) else { return };
        let response = DeleteGroupsResponse::default().with_results(results);
        self.todo.push_back(Todo::Reply(caller, body(GroupAdminResponse::DeleteGroups(response))));
    }

    /// Deletes a group's offsets in partitions that no member reads. `known` says which partitions there are.
    pub(crate) fn delete_offsets(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &OffsetDeleteRequest,
        known: impl Fn(&TopicName, i32) -> bool,
    ) {
        let name = request.group_id.as_str();
        let judged = self.judge_offsets(partition, request, known);
        let (records, response) = judged.unwrap_or_else(|error| {
            (Vec::new(), OffsetDeleteResponse::default().with_error_code(error.code()))
        });
        let refused = response.error_code != 0;
        let body = body(GroupAdminResponse::OffsetDelete(response));
        if refused {
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        if records.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        let (group, then) = (name.to_owned(), Box::new(waiter));
        let waiter = Waiter::OffsetsDeleted { group, then };
        self.todo.push_back(Todo::Write(partition, records, waiter));
    }

    fn judge_offsets(
        &mut self,
        partition: i32,
        request: &OffsetDeleteRequest,
        known: impl Fn(&TopicName, i32) -> bool,
    ) -> Result<(Vec<CoordinatorRecord>, OffsetDeleteResponse), ErrorCode> {
        let name = request.group_id.as_str();
        if name.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.runtime.active(partition)?;
        let classic = self.groups.get(&(partition, name.to_owned()));
        let state = self.runtime.active(partition)?.written();
        let consumer = state.consumer_group(name);
        match (consumer, classic) {
            (Some(_), _) => {}
            (None, Some(group)) => group.check_offsets_deletable()?,
            (None, None) => return Err(ErrorCode::GroupIdNotFound),
        }
        let reads = |topic: &str| match consumer {
            Some(group) => group.is_subscribed(topic),
            None => classic.is_some_and(|group| group.is_subscribed(topic)),
        };
        let mut records = Vec::new();
        let topics = request.topics.iter().map(|topic| {
            let is_read = reads(topic.name.as_str());
            let partitions = topic.partitions.iter().map(|asked| {
                let place: Place = (topic.name.0.to_string(), asked.partition_index);
                let answer = OffsetDeleteResponsePartition::default()
                    .with_partition_index(asked.partition_index);
                if !known(&topic.name, asked.partition_index) {
                    answer.with_error_code(ErrorCode::UnknownTopicOrPartition.code())
                } else if is_read {
                    answer.with_error_code(ErrorCode::GroupSubscribedToTopic.code())
                } else {
                    let there = state.offset(name, &place).is_some();
                    if there || state.is_pending(name, &place) {
                        records.push(offset_tombstone(name, &place));
                    }
                    answer
                }
            });
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        let topics = topics.collect();
        Ok((records, OffsetDeleteResponse::default().with_topics(topics)))
    }
}

/// Where a group has offsets, or will if transactions commit.
fn all_places(state: &GroupState, name: &str) -> Vec<Place> {
    let committed = state.offsets(name).map(|(place, _)| place);
    let mut places: Vec<Place> = committed.chain(state.pending_places(name)).cloned().collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn body(response: GroupAdminResponse) -> ResponseBody {
    ResponseBody::Client(ClientResponse::GroupAdmin(Box::new(response)))
}
