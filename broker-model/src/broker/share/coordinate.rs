//! The share coordinators of a broker: they load what their partitions of `__share_group_state` have, and answer when
//! what they write is committed. Source: KIP-932, Kafka's `ShareCoordinatorService`.

use super::state::StateAsker;
use crate::broker::Broker;
use crate::config::ms;
use crate::coordinator::runtime::CoordinatorKind;
use crate::coordinator::share::{ShareWaiter, serve};
use crate::message::{PeerResponse, ResponseBody};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, ShareNote};
use crate::proto::ErrorCode;
use crate::share_message::{ShareStateRequest, ShareStateResponse};
use crate::types::{LeaderEpoch, Now, Offset, Time, TopicPartition};

/// What a leader is told that asks in vain.
type Refusal = (ShareStateRequest, ErrorCode);

impl Broker {
    /// A question to a share coordinator of this broker.
    pub(in crate::broker) fn serve_share_state(
        &mut self,
        now: Now,
        asker: StateAsker,
        request: ShareStateRequest,
        effects: &mut Effects,
    ) {
        let key = request.key.coordinator_key();
        let index = self.partition_of_key(CoordinatorKind::Share, &key);
        if let Err((request, error)) = self.write_share_state(now, (index, asker), request, effects)
        {
            let response = ShareStateResponse { key: request.key, result: Err(error) };
            self.answer_share_state(asker, response, effects);
        }
    }

    fn write_share_state(
        &mut self,
        now: Now,
        (index, asker): (i32, StateAsker),
        request: ShareStateRequest,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let config = &self.context.config;
        let rules = (config.coordinators.share_groups.updates_per_snapshot, config.defects);
        let timeout = ms(config.coordinators.offset_commit_timeout_ms);
        let context = self.shares.coordinator.active(index);
        let served = context.and_then(|context| {
            let states = context.written();
            Ok((serve(states, &request, rules)?, states.leader_epoch(&request.key)))
        });
        let ((record, state), known) = served.map_err(|error| (request.clone(), error))?;
        if request.leader_epoch < known {
            let by = asker.node().unwrap_or(self.context.node);
            let (named, own) = (request.leader_epoch.0, known.0);
            effects.note(ExchangeNote::served(Api::ShareState, by, named, own));
        }
        if let Some(record) = record {
            let at = (CoordinatorKind::Share, index);
            let appended = self.append_records(now, at, &[record], effects);
            appended.map_err(|error| (request.clone(), error))?;
            self.note_share_state_appended(index, &request, effects);
            self.share_log_moved(index, effects);
        }
        let response = ShareStateResponse { key: request.key.clone(), result: Ok(state) };
        let log_end = self.share_log_end(index);
        let context = self.shares.coordinator.active(index);
        let context = context.map_err(|error| (request.clone(), error))?;
        let waiter = ShareWaiter { asker, request, response };
        if let Some(waiter) = context.wait(now.time + timeout, waiter) {
            self.share_state_committed(log_end, waiter, effects);
        }
        Ok(())
    }

    fn note_share_state_appended(
        &self,
        index: i32,
        request: &ShareStateRequest,
        effects: &mut Effects,
    ) {
        let Some(write) = &request.write else { return };
        effects.note(ShareNote::StateAppended {
            group: request.key.group.clone(),
            partition: request.key.partition,
            leader_epoch: request.leader_epoch,
            at: self.share_log_end(index),
            start_offset: write.start_offset,
            batches: write.batches.clone(),
        });
    }

    fn share_log_end(&self, index: i32) -> Offset {
        let log = self.share_topic_partition(index).and_then(|id| self.partitions.get(&id));
        log.map_or(Offset(0), |partition| partition.log().log_end_offset())
    }

    fn share_topic_partition(&self, partition: i32) -> Option<TopicPartition> {
        let topic = self.internal_topics.id_of(CoordinatorKind::Share)?;
        Some(TopicPartition { topic, partition })
    }

    fn share_state_committed(
        &mut self,
        at: Offset,
        waiter: ShareWaiter<StateAsker>,
        effects: &mut Effects,
    ) {
        let ShareStateRequest { key, leader_epoch, write } = waiter.request;
        let (group, partition) = (key.group, key.partition);
        effects.note(match write {
            Some(_) => ShareNote::StateWritten { group, partition, leader_epoch, at },
            None => ShareNote::StateRead { group, partition, leader_epoch, at },
        });
        self.answer_share_state(waiter.asker, waiter.response, effects);
    }

    fn answer_share_state(
        &mut self,
        asker: StateAsker,
        response: ShareStateResponse,
        effects: &mut Effects,
    ) {
        match asker {
            StateAsker::Own(number) => self.shares.answers.push_back((number, response)),
            StateAsker::Remote(caller) => {
                let body = ResponseBody::Peer(PeerResponse::ShareState(Box::new(response)));
                self.connections.reply(caller, body, effects);
            }
        }
    }

    /// The log of a partition of `__share_group_state` that is coordinated here goes on.
    pub(in crate::broker) fn share_log_moved(&mut self, index: i32, effects: &mut Effects) {
        let Some(id) = self.share_topic_partition(index) else { return };
        let Some(partition) = self.partitions.get(&id) else { return };
        let Ok(context) = self.shares.coordinator.active(index) else { return };
        for (end, waiter) in context.follow(partition.log()) {
            self.share_state_committed(end, waiter, effects);
        }
    }

    /// This broker leads a partition of `__share_group_state`, or does not any more.
    pub(in crate::broker) fn share_coordinator_elected(
        &mut self,
        index: i32,
        (epoch, loaded_at): (LeaderEpoch, Time),
    ) {
        self.shares.coordinator.elected(index, epoch, loaded_at);
    }

    /// This broker does not lead it any more: who waits asks elsewhere.
    pub(in crate::broker) fn share_coordinator_resigned(
        &mut self,
        index: i32,
        epoch: LeaderEpoch,
        effects: &mut Effects,
    ) {
        for waiter in self.shares.coordinator.resigned(index, epoch) {
            self.fail_share_state(waiter, ErrorCode::NotCoordinator, effects);
        }
    }

    fn fail_share_state(
        &mut self,
        waiter: ShareWaiter<StateAsker>,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        let response = ShareStateResponse { key: waiter.request.key, result: Err(error) };
        self.answer_share_state(waiter.asker, response, effects);
    }

    /// Does what time alone brings to share coordinators.
    pub(in crate::broker) fn tick_share_coordinators(&mut self, now: Now, effects: &mut Effects) {
        while let Some(index) = self.shares.coordinator.to_load(now.time) {
            let id = self.share_topic_partition(index);
            let partition = id.and_then(|id| self.partitions.get(&id));
            let partition = partition.expect("what is loaded is led here");
            self.shares.coordinator.load(index, partition.log());
        }
        for waiter in self.shares.coordinator.expired(now.time) {
            self.fail_share_state(waiter, ErrorCode::RequestTimedOut, effects);
        }
        self.run_shares(now, effects);
    }
}
