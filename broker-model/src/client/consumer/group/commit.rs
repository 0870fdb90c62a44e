//! Commits. Source: `ConsumerCoordinator.commitOffsetsSync`, `commitOffsetsAsync`, `OffsetCommitResponseHandler`.
//!
//! What is committed is what the application asks for: how far it has come. One that asks to wait is tried again while
//! what is wrong may pass; any other one is sent once. Whoever is woken up while it waits is told nothing of it: what
//! is on its way may be done. In the classic protocol nothing is tried again for it; in the consumer protocol the
//! background thread goes on until the commit's time is over. Source: `ConsumerNetworkClient.maybeTriggerWakeup`,
//! `WakeupTrigger.wakeup`, `CommitRequestManager.commitSyncWithRetries`.

use crate::client::consumer::Consumer;
use crate::client::consumer::purpose::Purpose;
use crate::client::metadata::PartitionKey;
use crate::config::{ms, topic_name};
use crate::consumer_protocol::Place;
use crate::defect::{ConsumerDefect, GroupDefect};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::note::{Api, ConsumerNote};
use crate::proto::{
    ErrorCode, GroupId, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetCommitResponse, TopicName,
};
use crate::types::{LeaderEpoch, NodeId, Offset, OperationId, Time};

use super::join::moved;
use super::membership::{Generation, MemberState, PendingCommit, departure};

impl Consumer {
    /// The application commits offsets. One that is where it stands is told with the epoch of the record before it.
    pub(in crate::client::consumer) fn commit(
        &mut self,
        now: Time,
        operation: OperationId,
        (offsets, sync, wakeup_ms): (Vec<(Place, Offset)>, bool, Option<u32>),
        effects: &mut Effects,
    ) {
        let from_background = self.membership.as_ref().is_some_and(|it| it.reconciler.is_some());
        let fetched = !sync && from_background && self.defects.has(ConsumerDefect::CommitsFetched);
        let at = |place: &Place, at| if fetched { self.fetched_up_to(place, at) } else { at };
        let offsets = offsets.into_iter().map(|(place, offset)| {
            let offset = at(&place, offset);
            self.with_epoch(place, offset)
        });
        let offsets: Vec<_> = offsets.collect();
        let Some(member) = self.membership.as_mut() else {
            let outcome = Outcome::Failed { error: ErrorCode::InvalidGroupId, partition: -1 };
            return effects.complete(operation, outcome);
        };
        if offsets.is_empty() {
            let generation = member.generation.id;
            return effects.complete(operation, Outcome::Committed { generation });
        }
        member.commits.push_back(PendingCommit {
            operation,
            sync,
            offsets,
            gives_up_at: now + ms(member.config.api_timeout_ms),
            woken_at: wakeup_ms.map(|after| now + ms(u64::from(after))),
            told: false,
            not_before: now,
            asked: false,
            sent: false,
            maybe_done: false,
            last_error: ErrorCode::RequestTimedOut,
        });
    }

    /// Known bug N01: where the fetched records of a partition end, though the application has not got them.
    fn fetched_up_to(&self, place: &Place, offset: Offset) -> Offset {
        let topic = self.metadata.find(&place.0);
        let key = topic.map(|topic| PartitionKey { topic, partition: place.1 });
        let position = key.and_then(|key| self.positions.get(&key));
        let end = position.and_then(|position| position.buffer.end);
        end.map_or(offset, |(end, _)| end.max(offset))
    }

    pub(super) fn with_epoch(&self, place: Place, offset: Offset) -> (Place, Offset, LeaderEpoch) {
        let topic = self.metadata.find(&place.0);
        let key = topic.map(|topic| PartitionKey { topic, partition: place.1 });
        let position = key.and_then(|key| self.positions.get(&key));
        let stands = position.filter(|position| position.offset == offset);
        let epoch = stands.map_or(LeaderEpoch::NONE, |position| position.last_epoch);
        (place, offset, epoch)
    }

    pub(super) fn run_commits(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        self.end_late_commits(now, effects);
        self.wake_commits(now, effects);
        let mut wake = None;
        for index in 0..self.member().commits.len() {
            let commit = &self.member().commits[index];
            let over = Deadline { at: commit.gives_up_at, why: "commit timeout" };
            wake = Deadline::earlier(wake, Some(over));
            let woken_at = commit.woken_at.filter(|_| !commit.told);
            wake = Deadline::earlier(wake, woken_at.map(|at| Deadline { at, why: "wakeup" }));
            if commit.asked {
                continue;
            }
            match self.coordinator_now(now, commit.not_before) {
                Ok(coordinator) => self.send_commit(now, index, coordinator, effects),
                Err(retry) => wake = Deadline::earlier(wake, retry),
            }
        }
        // One that could not even be sent has ended.
        self.end_refused_commits(effects);
        wake
    }

    /// The application is woken up.
    fn wake_commits(&mut self, now: Time, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members commit");
        let goes_on = member.reconciler.is_some();
        for commit in &mut member.commits {
            if !commit.told && commit.woken_at.is_some_and(|at| at <= now) {
                commit.told = true;
                commit.sync &= goes_on;
                effects.complete(commit.operation, Outcome::WokenUp);
            }
        }
        member.commits.retain(|commit| !commit.told || commit.asked || goes_on);
    }

    fn send_commit(&mut self, now: Time, index: usize, to: NodeId, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members commit");
        let generation = match member.commits_as() {
            Ok(generation) => generation,
            Err(error) => {
                member.commits[index].last_error = error;
                return member.commits[index].gives_up_at = now;
            }
        };
        let instance = member.config.instance.as_deref().filter(|_| member.subscribes());
        let commit = &member.commits[index];
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(topic_name(&member.config.group)))
            .with_generation_id_or_member_epoch(generation.id)
            .with_member_id(topic_name(&generation.member))
            .with_group_instance_id(instance.map(topic_name))
            .with_topics(topics_of(&commit.offsets));
        let operation = commit.operation;
        if commit.sent {
            let (group, waits) = (member.config.group.clone(), commit.sync);
            effects.note(ConsumerNote::CommitRepeated { group, waits });
        }
        (member.commits[index].asked, member.commits[index].sent) = (true, true);
        let purpose = Purpose::OffsetCommit(operation, Box::new(generation));
        let body = ClientRequest::OffsetCommit(Box::new(request));
        self.connections.send(now, (to, Channel::ClientCoordinator), body, purpose, effects);
    }

    pub(in crate::client::consumer) fn on_commit_answered(
        &mut self,
        now: Time,
        (operation, sent): (OperationId, &Generation),
        response: &OffsetCommitResponse,
        effects: &mut Effects,
    ) {
        let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
        let error = answers.find_map(|one| ErrorCode::try_from_code(one.error_code));
        let Some(error) = error else {
            if self.take_commit(operation).is_some_and(|commit| !commit.told) {
                effects.complete(operation, Outcome::Committed { generation: sent.id });
            }
            return;
        };
        let Some(member) = self.membership.as_mut() else { return };
        if moved(error) || error == ErrorCode::RequestTimedOut {
            member.finder.forget();
        }
        if error == ErrorCode::RebalanceInProgress {
            member.rejoin_needed = true;
        }
        let preparing = member.state == MemberState::PreparingRebalance;
        let is_classic = member.reconciler.is_none();
        let counts_late = self.defects.has(GroupDefect::StaleCommitErrorCounts) && !preparing;
        if is_classic
            && (member.error_counts(sent) || counts_late)
            && matches!(error, ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration)
        {
            effects.note(member.took(Api::OffsetCommit, sent));
            member.note_lost(departure(error), effects);
            member.reset(error == ErrorCode::UnknownMemberId);
        }
        // The record may be in the log although it was not committed in time, or although the coordinator was deposed
        // before it was: its successor may have it. And what was refused for one partition may stand for others.
        // Source: `CoordinatorRuntime.scheduleUnloadOperation`, which fails all that waits.
        let in_doubt = [ErrorCode::CoordinatorNotAvailable, ErrorCode::NotCoordinator];
        let mut answers = response.topics.iter().flat_map(|topic| &topic.partitions);
        let ambiguous = in_doubt.contains(&error) || answers.any(|one| one.error_code == 0);
        self.commit_failed(now, operation, error, ambiguous);
        self.end_refused_commits(effects);
    }

    pub(in crate::client::consumer) fn on_commit_lost(
        &mut self,
        now: Time,
        operation: OperationId,
    ) {
        if let Some(member) = self.membership.as_mut() {
            member.finder.forget();
        }
        self.commit_failed(now, operation, ErrorCode::NetworkException, true);
    }

    /// An attempt has failed: another one follows, if the application waits and it can help.
    fn commit_failed(
        &mut self,
        now: Time,
        operation: OperationId,
        error: ErrorCode,
        ambiguous: bool,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let repeats = self.defects.has(ConsumerDefect::AsyncCommitTriedAgain);
        let Some(member) = self.membership.as_mut() else { return };
        let found = member.commits.iter_mut().find(|commit| commit.operation == operation);
        let Some(commit) = found else { return };
        commit.asked = false;
        commit.not_before = retry_at;
        commit.last_error = error;
        commit.maybe_done |= ambiguous;
        if !commit.sync && !repeats || !may_pass(error) {
            commit.gives_up_at = now;
        }
    }

    fn take_commit(&mut self, operation: OperationId) -> Option<PendingCommit> {
        let commits = &mut self.membership.as_mut()?.commits;
        let index = commits.iter().position(|commit| commit.operation == operation)?;
        commits.remove(index)
    }

    fn end_late_commits(&mut self, now: Time, effects: &mut Effects) {
        let Some(member) = self.membership.as_mut() else { return };
        let late: Vec<PendingCommit> = {
            let (late, kept): (Vec<_>, Vec<_>) =
                member.commits.drain(..).partition(|commit| commit.gives_up_at <= now);
            member.commits.extend(kept);
            late
        };
        for commit in late.into_iter().filter(|commit| !commit.told) {
            let error = commit.last_error;
            let outcome = if commit.asked || commit.maybe_done {
                Outcome::Unknown { error, partition: -1 }
            } else {
                Outcome::Failed { error, partition: -1 }
            };
            effects.complete(commit.operation, outcome);
        }
    }

    /// Commits that have ended without a further attempt.
    fn end_refused_commits(&mut self, effects: &mut Effects) {
        let over = self.member().commits.iter().map(|commit| commit.gives_up_at).min();
        let refused = self
            .member()
            .commits
            .iter()
            .any(|commit| !commit.asked && commit.gives_up_at <= commit.not_before);
        if refused && let Some(over) = over {
            self.end_late_commits(over, effects);
        }
    }

    /// Ends all commits as they are: the process ends.
    pub(in crate::client::consumer) fn end_commits(&mut self, effects: &mut Effects) {
        self.end_late_commits(Time::MAX, effects);
    }
}

fn topics_of(offsets: &[(Place, Offset, LeaderEpoch)]) -> Vec<OffsetCommitRequestTopic> {
    let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
    for ((topic, index), offset, epoch) in offsets {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(offset.0)
            .with_committed_leader_epoch(epoch.0)
            .with_committed_metadata(Some(topic_name("")));
        match topics.last_mut().filter(|known| known.name.0 == *topic) {
            Some(known) => known.partitions.push(partition),
            None => topics.push(
                OffsetCommitRequestTopic::default()
                    .with_name(TopicName(topic.clone()))
                    .with_partitions(vec![partition]),
            ),
        }
    }
    topics
}

/// Whether a later attempt can succeed.
fn may_pass(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::RequestTimedOut
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::NetworkException
    )
}
