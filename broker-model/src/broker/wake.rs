//! What follows from a change of a partition: produces decided, waiting fetches looked at again, ISR proposals queued.

use crate::broker::Broker;
use crate::broker::handle::fetch::Answer;
use crate::broker::purgatory::{PendingPartition, Wait};
use crate::defect::BrokerDefect;
use crate::message::{ReplicaFetchRequest, ResponseBody};
use crate::node::Effects;
use crate::partition::{Changes, ProduceAck, ProduceTicket};
use crate::proto::ErrorCode;
use crate::types::{ConnectionId, Now, Offset, TopicPartition};

impl Broker {
    /// Looks at all touched partitions until none is left.
    pub(super) fn settle(&mut self, now: Now, effects: &mut Effects) {
        while let Some(id) = self.touched.pop() {
            let Some(partition) = self.partitions.get_mut(&id) else { continue };
            let changes = partition.take_changes();
            if partition.has_proposal() {
                self.alter_partitions.enqueue(id);
            }
            if changes.log_cut {
                self.checkpoints.lower(id, partition.log().recovery_point(), effects);
            }
            self.wake_fetches(now, id, &changes, effects);
            for (ticket, result) in changes.produced {
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
    fn decide_produce(
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
            let body = ResponseBody::Produce(Box::new(produce.response));
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

    fn wake_fetches(
        &mut self,
        now: Now,
        id: TopicPartition,
        changes: &Changes,
        effects: &mut Effects,
    ) {
        if !changes.log_end_moved && !changes.high_watermark_moved && !changes.leadership_changed {
            return;
        }
        for connection in self.purgatory.watchers(id) {
            let Some(delayed) = self.purgatory.get(connection) else { continue };
            match &delayed.wait {
                Wait::ReplicaFetch(request) => {
                    if changes.leadership_changed
                        || (changes.log_end_moved && self.has_news(id, request))
                    {
                        self.answer_replica_fetch(now, connection, effects);
                    }
                }
                Wait::Fetch(request) => {
                    if changes.leadership_changed || changes.high_watermark_moved {
                        let answer = self.read_for_consumer(request);
                        if answer.is_due(request) {
                            self.answer_fetch(connection, answer, effects);
                        }
                    }
                }
                Wait::Produce(_) | Wait::ProducerId => panic!("{:?} watches {id}", delayed.wait),
            }
        }
    }

    /// Whether the log goes beyond what a waiting follower has.
    fn has_news(&self, id: TopicPartition, request: &ReplicaFetchRequest) -> bool {
        let asked = request.partitions.iter().find(|asked| asked.partition == id);
        let end = self.partitions.get(&id).map(|partition| partition.log().log_end_offset());
        asked.is_some_and(|asked| end.is_some_and(|end| end > asked.fetch_offset))
    }

    fn answer_replica_fetch(&mut self, now: Now, connection: ConnectionId, effects: &mut Effects) {
        let Some(delayed) = self.purgatory.remove(connection) else { return };
        if let Wait::ReplicaFetch(request) = delayed.wait {
            let response = self.read_for_replica(now, &request, false, effects);
            self.connections.reply(
                delayed.caller,
                ResponseBody::ReplicaFetch(Box::new(response)),
                effects,
            );
        }
    }

    fn answer_fetch(&mut self, connection: ConnectionId, answer: Answer, effects: &mut Effects) {
        if let Some(delayed) = self.purgatory.remove(connection) {
            self.reply_fetch(delayed.caller, answer, effects);
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
                    let body = ResponseBody::Produce(Box::new(produce.response));
                    self.connections.reply(caller, body, effects);
                }
                Wait::Fetch(request) => {
                    let answer = self.read_for_consumer(&request);
                    self.reply_fetch(caller, answer, effects);
                }
                Wait::ReplicaFetch(request) => {
                    let response = self.read_for_replica(now, &request, false, effects);
                    self.connections.reply(
                        caller,
                        ResponseBody::ReplicaFetch(Box::new(response)),
                        effects,
                    );
                }
                Wait::ProducerId => {
                    self.producer_ids.leave(caller);
                    self.refuse_producer_id(caller, ErrorCode::CoordinatorLoadInProgress, effects);
                }
            }
        }
    }
}
