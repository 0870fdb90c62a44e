//! What share-partitions ask of their coordinators: first what is known, then that changes be stored, one after
//! another. Source: KIP-932, Kafka's `DefaultStatePersister`, `PersisterStateManager`.
//!
//! A question is asked again until it is answered; a change that cannot be stored for as long as a request may take is
//! given up, although it may be stored yet. A leader that is told that there is a later one forgets the
//! share-partition.

use super::state::{Asking, Question, StateAsker};
use crate::broker::Broker;
use crate::config::ms;
use crate::coordinator::runtime::CoordinatorKind;
use crate::message::{PeerRequest, RequestBody};
use crate::node::{Channel, Effect, Effects};
use crate::note::ShareNote;
use crate::partition::Changes;
use crate::proto::ErrorCode;
use crate::share_message::{SharePartitionKey, ShareState, ShareStateRequest, ShareStateResponse};
use crate::types::{CorrelationId, LeaderEpoch, NodeId, Now, Offset, Time, TopicPartition};

use super::share_partition::Answered;

/// Pause before a coordinator is asked again, in milliseconds.
const RETRY_BACKOFF_MS: u64 = 50;

impl Broker {
    /// Does all that is to be done for share groups.
    pub(in crate::broker) fn run_shares(&mut self, now: Now, effects: &mut Effects) {
        if self.shares.rests() {
            return;
        }
        self.forget_deposed();
        self.expire_locks(now, effects);
        loop {
            self.ask_share_coordinators(now, effects);
            let Some((number, answer)) = self.shares.answers.pop_front() else { break };
            self.on_share_state_answer(now, number, answer, effects);
        }
        self.answer_waiting(now, effects);
    }

    /// What is led otherwise now, or elsewhere, is forgotten before anything else is done: of several partitions that
    /// metadata has changed, the others may not have been looked at yet.
    fn forget_deposed(&mut self) {
        let registered = &self.metadata.image().partitions;
        let leads = |key: &SharePartitionKey, epoch: LeaderEpoch| {
            let known = self.partitions.get(&key.partition);
            let leads = known.is_some_and(|it| it.is_leader() && it.leader_epoch() == epoch);
            leads && registered.get(&key.partition).is_some_and(|it| it.leader_epoch == epoch)
        };
        let led = self.shares.led.iter();
        let deposed = led.filter(|(key, led)| !leads(key, led.share.leader_epoch()));
        let deposed: Vec<SharePartitionKey> = deposed.map(|(key, _)| key.clone()).collect();
        for key in deposed {
            self.forget_share(&key, ErrorCode::NotLeaderOrFollower);
        }
    }

    fn log_start(&self, partition: TopicPartition) -> Offset {
        self.partitions.get(&partition).map_or(Offset(0), |it| it.log().log_start_offset())
    }

    fn expire_locks(&mut self, now: Now, effects: &mut Effects) {
        for (key, led) in &mut self.shares.led {
            if led.share.deadline().is_some_and(|due| due.at <= now.time) {
                let known = self.partitions.get(&key.partition);
                let log_start = known.map_or(Offset(0), |it| it.log().log_start_offset());
                self.shares.woken |= led.share.expire(now.time, log_start, effects);
            }
        }
    }

    /// Asks all coordinators of which something is wanted.
    fn ask_share_coordinators(&mut self, now: Now, effects: &mut Effects) {
        self.give_up_questions(now, effects);
        let due: Vec<SharePartitionKey> = self
            .shares
            .led
            .iter()
            .filter(|(_, led)| match led.asking {
                Asking::Idle => !led.share.is_active() || led.share.next_write().is_some(),
                Asking::Later(at) => at <= now.time,
                Asking::Until(_) => false,
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.ask_share_coordinator(now, key, effects);
        }
    }

    fn ask_share_coordinator(&mut self, now: Now, key: SharePartitionKey, effects: &mut Effects) {
        let timeout = ms(self.context.config.request_timeout_ms);
        let Some(led) = self.shares.led.get_mut(&key) else { return };
        led.since.get_or_insert(now.time);
        let write = if led.share.is_active() { led.share.next_write() } else { None };
        let leader_epoch = led.share.leader_epoch();
        let request = ShareStateRequest { key: key.clone(), leader_epoch, write };
        let Some(to) = self.share_coordinator_of(now, &key, effects) else {
            return self.ask_later(now, &key);
        };
        self.shares.asked += 1;
        let number = self.shares.asked;
        if let Some(led) = self.shares.led.get_mut(&key) {
            (led.asking, led.question) = (Asking::Until(now.time + timeout), number);
        }
        if to == self.context.node {
            return self.serve_share_state(now, StateAsker::Own(number), request, effects);
        }
        let body = RequestBody::Peer(PeerRequest::ShareState(Box::new(request)));
        let id = self.context.send(to, Channel::ShareState, body, effects);
        self.shares.outgoing.insert((to, id), Question { key, number });
    }

    /// Source: `FindCoordinator` with a share-partition's key.
    fn share_coordinator_of(
        &mut self,
        now: Now,
        key: &SharePartitionKey,
        effects: &mut Effects,
    ) -> Option<NodeId> {
        let Some(topic) = self.internal_topics.id_of(CoordinatorKind::Share) else {
            self.create_internal_topic(now, CoordinatorKind::Share, effects);
            return None;
        };
        let partition = self.partition_of_key(CoordinatorKind::Share, &key.coordinator_key());
        let known = self.metadata.image().partitions.get(&TopicPartition { topic, partition });
        known.and_then(|known| known.leader)
    }

    fn ask_later(&mut self, now: Now, key: &SharePartitionKey) {
        if let Some(led) = self.shares.led.get_mut(key) {
            led.asking = Asking::Later(now.time + ms(RETRY_BACKOFF_MS));
        }
    }

    /// Questions that nobody has answered in time: connections to others are closed.
    fn give_up_questions(&mut self, now: Now, effects: &mut Effects) {
        let is_late = |asking| matches!(asking, Asking::Until(until) if until <= now.time);
        let late: Vec<Question> = self
            .shares
            .led
            .iter()
            .filter(|(_, led)| is_late(led.asking))
            .map(|(key, led)| Question { key: key.clone(), number: led.question })
            .collect();
        for question in late {
            let asked = self.shares.outgoing.iter().find(|(_, asked)| **asked == question);
            if let Some(to) = asked.map(|((to, _), _)| *to) {
                effects.push(Effect::Disconnect { to, channel: Channel::ShareState });
                self.on_share_connection_lost(to);
            } else {
                self.lose_question(question, ErrorCode::RequestTimedOut);
            }
        }
    }

    fn lose_question(&mut self, Question { key, number }: Question, error: ErrorCode) {
        self.shares.answers.push_back((number, ShareStateResponse { key, result: Err(error) }));
    }

    /// A connection to a share coordinator stands.
    pub(in crate::broker) fn on_share_connected(&mut self, now: Time, to: NodeId) {
        let until = now + ms(self.context.config.request_timeout_ms);
        for (_, question) in self.shares.outgoing.iter().filter(|((node, _), _)| *node == to) {
            let led = self.shares.led.get_mut(&question.key);
            if let Some(led) = led.filter(|led| led.question == question.number) {
                led.asking = Asking::Until(until);
            }
        }
    }

    /// A connection to a share coordinator is gone, with what was asked there.
    pub(in crate::broker) fn on_share_connection_lost(&mut self, to: NodeId) {
        let lost = self.shares.outgoing.extract_if(.., |(node, _), _| *node == to);
        for (_, question) in lost.collect::<Vec<_>>() {
            self.lose_question(question, ErrorCode::NetworkException);
        }
    }

    /// Another broker's share coordinator has answered.
    pub(in crate::broker) fn on_share_state(
        &mut self,
        now: Now,
        from: (NodeId, CorrelationId),
        response: &ShareStateResponse,
        effects: &mut Effects,
    ) {
        if let Some(question) = self.shares.outgoing.remove(&from) {
            self.shares.answers.push_back((question.number, response.clone()));
            self.run_shares(now, effects);
        }
    }

    fn on_share_state_answer(
        &mut self,
        now: Now,
        number: u64,
        answer: ShareStateResponse,
        effects: &mut Effects,
    ) {
        let ShareStateResponse { key, result } = answer;
        let log_start = self.log_start(key.partition);
        let request_timeout = ms(self.context.config.request_timeout_ms);
        let Some(led) = self.shares.led.get_mut(&key) else { return };
        if led.question != number || !matches!(led.asking, Asking::Until(_)) {
            return;
        }
        let answered = match result {
            Ok(Some(state)) if !led.share.is_active() => {
                self.share_loaded(&key, &state, effects);
                return;
            }
            Ok(_) => led.share.written(now.time, Ok(()), log_start, effects),
            Err(ErrorCode::FencedLeaderEpoch) => {
                let leader_epoch = led.share.leader_epoch();
                let (group, partition) = (key.group.clone(), key.partition);
                effects.note(ShareNote::Fenced { group, partition, leader_epoch });
                return self.forget_share(&key, ErrorCode::FencedLeaderEpoch);
            }
            Err(error) => {
                let tried = led.since.is_some_and(|since| now.time >= since + request_timeout);
                if !tried || !led.share.is_active() {
                    return self.ask_later(now, &key);
                }
                led.share.written(now.time, Err(error), log_start, effects)
            }
        };
        (led.asking, led.since) = (Asking::Idle, None);
        self.shares.woken = true;
        self.acknowledgement_answered(answered);
    }

    fn share_loaded(&mut self, key: &SharePartitionKey, state: &ShareState, effects: &mut Effects) {
        let log_start = self.log_start(key.partition);
        let Some(led) = self.shares.led.get_mut(key) else { return };
        led.share.load(state, log_start, effects);
        (led.asking, led.since) = (Asking::Idle, None);
        self.shares.woken = true;
    }

    fn acknowledgement_answered(&mut self, answered: Option<Answered>) {
        let Some((ticket, result)) = answered else { return };
        let waiting = self.shares.waiting.iter_mut();
        for waiting in waiting.filter(|waiting| waiting.caller == ticket.caller) {
            if waiting.undecided > 0 && waiting.acknowledged[ticket.at].1.is_none() {
                waiting.undecided -= 1;
                waiting.acknowledged[ticket.at].1 = result.err();
            }
        }
    }

    /// This broker does not serve a share-partition any more.
    fn forget_share(&mut self, key: &SharePartitionKey, error: ErrorCode) {
        let Some(led) = self.shares.led.remove(key) else { return };
        for ticket in led.share.abandon() {
            self.acknowledgement_answered(Some((ticket, Err(error))));
        }
        self.shares.outgoing.retain(|_, asked| asked.key != *key);
        self.shares.woken = true;
    }

    /// A partition has changed. Who leads anew reads again what is stored. Source: `SharePartitionManager`'s
    /// `PartitionListener`, `DelayedShareFetch`.
    pub(in crate::broker) fn share_partition_changed(
        &mut self,
        now: Now,
        id: TopicPartition,
        changes: &Changes,
        effects: &mut Effects,
    ) {
        if self.shares.rests() {
            return;
        }
        let keys: Vec<SharePartitionKey> =
            self.shares.led.keys().filter(|key| key.partition == id).cloned().collect();
        self.forget_deposed();
        if changes.log_start_moved {
            let log_start = self.log_start(id);
            for key in &keys {
                if let Some(led) = self.shares.led.get_mut(key) {
                    led.share.move_start(log_start, effects);
                }
            }
        }
        self.shares.woken |= !keys.is_empty();
        self.shares.log_moved |= !keys.is_empty();
        self.run_shares(now, effects);
    }
}
