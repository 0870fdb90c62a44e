//! What follows from a change of a partition: produces decided, waiting fetches looked at again, ISR proposals queued.

use crate::broker::Broker;
use crate::broker::purgatory::{Delayed, PendingPartition, ReplicaFetch, Wait};
use crate::defect::{BrokerDefect, LogDefect};
use crate::fetch_session::cache::FetchContext;
use crate::fetch_session::session::SessionKey;
use crate::message::{ClientResponse, ClusterError, ResponseBody};
use crate::node::Effects;
use crate::partition::{Changes, Partition, ProduceAck, ProduceTicket};
use crate::proto::ErrorCode;
use crate::types::{ConnectionId, Now, Offset, TopicPartition};

impl Broker {
    /// Looks at all touched partitions until none is left.
    pub(super) fn settle(&mut self, now: Now, effects: &mut Effects) {
        loop {
            self.settle_touched(now, effects);
            self.run_transactions(now, effects);
            if self.touched.is_empty() {
                return;
            }
        }
    }

    fn settle_touched(&mut self, now: Now, effects: &mut Effects) {
        while let Some(id) = self.touched.pop() {
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            let changes = partition.take_changes();
            if let Some(proposal) = partition.take_proposal()
                && !self.alter_partitions.submit(proposal)
            {
                partition.refuse_proposal(ClusterError::OperationNotAttempted, effects);
            }
            let lags = self.context.config.defects.has(LogDefect::LogStartCheckpointLags);
            if changes.log_start_moved && !lags {
                self.checkpoints.keep_moved_start(id, partition.log(), effects);
            }
            if changes.log_cut {
                if !lags {
                    self.checkpoints.keep_start(id, partition.log(), effects);
                }
                let place = (partition.log().directory(), id);
                self.checkpoints.lower(place, partition.log().recovery_point(), effects);
                self.cleaned_log_was_cut(now, id, effects);
            }
            if changes.log_start_moved {
                self.tell_log_start(now, id);
            }
            let low_watermark_moved = changes.log_start_moved || changes.follower_start_moved;
            if low_watermark_moved || changes.high_watermark_moved || changes.leadership_changed {
                self.wake_deletions(id, effects);
            }
            self.wake_fetches(now, id, &changes, effects);
            self.coordinate(now, id, &changes, effects);
            self.share_partition_changed(now, id, &changes, effects);
            for (ticket, result) in changes.produced {
                if self.append_decided(now, ticket, result.map(|_| ()), effects) {
                    continue;
                }
                if self.loses_wakeup(ticket) {
                    continue;
                }
                self.decide_produce(ticket, result, effects);
            }
        }
    }

    /// Kafka looked at a delayed operation only if it got its lock at once: whoever came while another thread looked
    /// went away, and nobody looked again. There are no threads here: one decision in eight stands for those.
    fn loses_wakeup(&self, ticket: ProduceTicket) -> bool {
        self.context.config.defects.has(BrokerDefect::LostWakeup) && ticket.0.is_multiple_of(8)
    }

    /// Fills in one partition of a waiting produce; the last one sends the answer.
    pub(super) fn decide_produce(
        &mut self,
        ticket: ProduceTicket,
        result: Result<ProduceAck, ErrorCode>,
        effects: &mut Effects,
    ) {
        let Some(connection) = self.purgatory.connection_of(ticket) else { return };
        let Some((produce, undecided)) = self.purgatory.decide(ticket) else { return };
        let slot = produce.slot(undecided);
        match result {
            Ok(ack) => slot.base_offset = ack.base_offset.0,
            Err(error) => {
                slot.error_code = error.code();
                slot.base_offset = Offset::NONE.0;
            }
        }
        if produce.undecided.is_empty() {
            self.answer_produce(connection, effects);
        }
    }

    fn answer_produce(&mut self, connection: ConnectionId, effects: &mut Effects) {
        let Some(delayed) = self.purgatory.remove(connection) else { return };
        if let Wait::Produce(produce) = delayed.wait {
            let body = ResponseBody::Client(ClientResponse::Produce(Box::new(produce.response)));
            self.connections.reply(delayed.caller, body, effects);
        }
    }

    /// Forgets produces at their partitions.
    pub(super) fn abandon(&mut self, undecided: &[PendingPartition]) {
        for one in undecided {
            if let Some(partition) = self.partitions.get_mut(&one.partition) {
                partition.abandon_produce(one.ticket);
            }
        }
    }

    /// The log start moved: the next answer to each follower tells of it, and the next fetch of the leader. Nobody is
    /// woken for that. Source: `CachedPartition.maybeUpdateResponseData`, `FetchSessionHandler`.
    fn tell_log_start(&mut self, now: Now, id: TopicPartition) {
        self.maintenance.retain(&self.context.config, now.time);
        self.fetchers.touch(id);
        let (_, rested) = self.fetch_sessions.changed(id);
        self.keep_up(&rested);
    }

    pub(super) fn wake_fetches(
        &mut self,
        now: Now,
        id: TopicPartition,
        changes: &Changes,
        effects: &mut Effects,
    ) {
        if !changes.log_end_moved && !changes.high_watermark_moved && !changes.leadership_changed {
            return;
        }
        let misses = !changes.log_end_moved
            && !changes.leadership_changed
            && self.context.config.defects.has(BrokerDefect::SessionMissesWatermark);
        let (mut waiting, rested) =
            if misses { (Vec::new(), Vec::new()) } else { self.fetch_sessions.changed(id) };
        self.keep_up(&rested);
        waiting.extend(self.purgatory.watchers(id));
        for connection in waiting {
            let Some(delayed) = self.purgatory.get(connection) else { continue };
            let is_fetch = !matches!(delayed.wait, Wait::DeleteRecords(_));
            let mut held_up = false;
            let due = changes.leads_anew() && is_fetch
                || match &delayed.wait {
                    Wait::ReplicaFetch(fetch) => {
                        let has_news = changes.log_end_moved && self.has_news(id, fetch);
                        held_up = has_news && self.is_held_up(now, id, fetch);
                        has_news && !held_up && !self.is_delayed(id)
                    }
                    Wait::Fetch(fetch) => {
                        changes.high_watermark_moved
                            && self.read_for_waiting(fetch).is_due(&fetch.request)
                    }
                    Wait::DeleteRecords(_) => false,
                    Wait::Produce(_) => panic!("{:?} watches {id}", delayed.wait),
                };
            if held_up && let Some(fetch) = self.purgatory.replica_fetch_mut(connection) {
                fetch.held_up.push(id);
            }
            if due && let Some(delayed) = self.purgatory.remove(connection) {
                self.answer_delayed_fetch(now, delayed, effects);
            }
        }
    }

    /// Whether the log goes beyond what a waiting follower has.
    pub(super) fn has_news(&self, id: TopicPartition, fetch: &ReplicaFetch) -> bool {
        let asked = match fetch.context {
            FetchContext::Incremental(session) => {
                let wanted = self.fetch_sessions.wanted(session, SessionKey::of(id));
                wanted.map(|wanted| wanted.fetch_offset)
            }
            FetchContext::Full | FetchContext::Sessionless => {
                let asked = fetch.request.partitions.iter().find(|asked| asked.partition == id);
                asked.map(|asked| asked.fetch_offset)
            }
        };
        let end = self.partitions.get(&id).map(|partition| partition.log().log_end_offset());
        asked.is_some_and(|offset| end.is_some_and(|end| end > offset))
    }

    /// Whether what is there is no reason to answer a waiting follower, for now. Source: `DelayedFetch.tryComplete`.
    fn is_held_up(&self, now: Now, id: TopicPartition, fetch: &ReplicaFetch) -> bool {
        self.context.quotas.leader.is_exceeded(now.time)
            && self.partitions.get(&id).is_some_and(|it| it.throttles(fetch.request.replica))
    }

    /// Known bug: whether no follower is answered for what a throttled partition has, in sync or not.
    fn is_delayed(&self, id: TopicPartition) -> bool {
        self.context.config.defects.has(BrokerDefect::ThrottleDelaysInSync)
            && self.partitions.get(&id).is_some_and(Partition::is_throttled)
    }

    /// Answers a fetch that has waited, with what there is.
    fn answer_delayed_fetch(&mut self, now: Now, delayed: Delayed, effects: &mut Effects) {
        match delayed.wait {
            Wait::ReplicaFetch(fetch) => {
                let answered = self.read_for_replica(now, &fetch, false, effects);
                self.reply_replica_fetch(now, delayed.caller, &fetch, answered, effects);
            }
            Wait::Fetch(fetch) => {
                let answer = self.read_for_consumer(&fetch);
                self.reply_fetch(now, delayed.caller, fetch.context, answer, effects);
            }
            Wait::Produce(_) | Wait::DeleteRecords(_) => panic!("{:?} is no fetch", delayed.wait),
        }
    }

    /// Answers all requests whose time is up with what there is.
    pub(super) fn expire_delayed(&mut self, now: Now, effects: &mut Effects) {
        while let Some(delayed) = self.purgatory.expired(now.time) {
            let caller = delayed.caller;
            match delayed.wait {
                Wait::Produce(mut produce) => {
                    let undecided = std::mem::take(&mut produce.undecided);
                    for one in &undecided {
                        let slot = produce.slot(*one);
                        slot.error_code = ErrorCode::RequestTimedOut.code();
                        slot.base_offset = Offset::NONE.0;
                    }
                    self.abandon(&undecided);
                    let body =
                        ResponseBody::Client(ClientResponse::Produce(Box::new(produce.response)));
                    self.connections.reply(caller, body, effects);
                }
                Wait::DeleteRecords(deletion) => self.reply_deletion(caller, deletion, effects),
                Wait::Fetch(_) | Wait::ReplicaFetch(_) => {
                    self.answer_delayed_fetch(now, delayed, effects);
                }
            }
        }
    }
}
