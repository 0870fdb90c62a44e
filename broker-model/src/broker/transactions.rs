//! What ties a broker to its transaction coordinators, and its partitions to those of other brokers: records and
//! markers under way, and questions of whether a partition is in a transaction. Source: Kafka's
//! `TransactionMarkerChannelManager`, `AddPartitionsToTxnManager`, `ReplicaManager.appendRecords`.

use crate::broker::Broker;
use crate::broker::pending_transactions::{Append, Asked, MarkerSource, Outgoing, Owner};
use crate::config::ms;
use crate::coordinator::runtime::{CoordinatorKind, CoordinatorRecord, batch_of};
use crate::coordinator::transaction::{Added, MarkersToSend, Todo, WriteId};
use crate::defect::TransactionDefect;
use crate::message::{PeerRequest, RequestBody, WriteTxnMarkersResponse};
use crate::node::{Channel, Effect, Effects};
use crate::partition::{ProduceOutcome, ProduceTicket};
use crate::proto::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, ErrorCode};
use crate::types::{ConnectionId, CorrelationId, NodeId, Now, Time, TopicPartition};

/// How often a log that is to be loaded is looked at, until all of it is committed, in milliseconds.
const COMMIT_CHECK_MS: u64 = 5;

impl Broker {
    /// Does what the coordinator wants done, until it wants nothing.
    pub(super) fn run_transactions(&mut self, now: Now, effects: &mut Effects) {
        // Asked after each event, of brokers that coordinate nothing, too.
        if self.transactions.coordinator.has_nothing_to_send() {
            return;
        }
        let image = self.metadata.image();
        let is_gone = |partition: TopicPartition| image.has_deleted(partition.topic);
        self.transactions.coordinator.skip_deleted(now, is_gone);
        loop {
            while let Some(todo) = self.transactions.coordinator.next() {
                self.do_for_coordinator(now, todo, effects);
            }
            let partitions = &self.metadata.image().partitions;
            let leader_of = |id| partitions.get(&id).and_then(|known| known.leader);
            let requests = self.transactions.coordinator.markers_to_send(now, leader_of);
            if requests.is_empty() {
                return;
            }
            for request in requests {
                self.send_markers(now, request, effects);
            }
        }
    }

    fn do_for_coordinator(&mut self, now: Now, todo: Todo, effects: &mut Effects) {
        match todo {
            Todo::Reply(caller, body) => self.connections.reply(caller, body, effects),
            Todo::Added(asker, result) => self.partitions_added(now, asker, result, effects),
            Todo::Write(partition, record, id) => {
                self.append_transaction_record(now, partition, &record, id, effects);
            }
            Todo::Note(note) => effects.note(note),
            Todo::Exchanged(note) => effects.note(note),
        }
    }

    fn append_transaction_record(
        &mut self,
        now: Now,
        partition: i32,
        record: &CoordinatorRecord,
        write: WriteId,
        effects: &mut Effects,
    ) {
        let topic = self.internal_topics.id_of(CoordinatorKind::Transaction);
        let id = topic.map(|topic| TopicPartition { topic, partition });
        let ticket = self.purgatory.new_ticket();
        let batch = batch_of(now.wall, std::slice::from_ref(record));
        let alone = self.context.config.defects.has(TransactionDefect::LogUnreplicated);
        let acks = if alone { 1 } else { -1 };
        let missing = id.map_or(ErrorCode::NotLeaderOrFollower, |id| self.not_hosted(id));
        let (context, partitions) = self.partition_context(now);
        let outcome = match id.and_then(|id| partitions.get_mut(&id)) {
            Some(partition) => partition.produce(context, Ok(&batch), acks, ticket, effects),
            None => ProduceOutcome::Refused(missing),
        };
        if let Some(id) = id {
            self.touched.push(id);
            self.follow_append(now, (ticket, id), &outcome, Owner::Record(write), effects);
        }
    }

    /// Lets an append wait, or says what became of it.
    pub(super) fn follow_append(
        &mut self,
        now: Now,
        (ticket, partition): (ProduceTicket, TopicPartition),
        outcome: &ProduceOutcome,
        owner: Owner,
        effects: &mut Effects,
    ) {
        let result = match outcome {
            ProduceOutcome::Acknowledged(_) => Ok(()),
            ProduceOutcome::Refused(error) => Err(*error),
            ProduceOutcome::Waiting => {
                let until = now.time + ms(self.patience_ms(owner));
                self.transactions.appends.insert(ticket, Append { until, partition, owner });
                return;
            }
        };
        self.append_ended(now, owner, result, effects);
    }

    fn patience_ms(&self, owner: Owner) -> u64 {
        let record = match owner {
            Owner::Record(write) => self.transactions.coordinator.patience_ms(write),
            Owner::Marker(..) => None,
        };
        record.unwrap_or(self.context.config.request_timeout_ms)
    }

    /// An append that may be a transaction's is decided; false if it is somebody else's.
    pub(super) fn append_decided(
        &mut self,
        now: Now,
        ticket: ProduceTicket,
        result: Result<(), ErrorCode>,
        effects: &mut Effects,
    ) -> bool {
        let Some(append) = self.transactions.appends.remove(&ticket) else { return false };
        self.append_ended(now, append.owner, result, effects);
        true
    }

    fn append_ended(
        &mut self,
        now: Now,
        owner: Owner,
        result: Result<(), ErrorCode>,
        effects: &mut Effects,
    ) {
        match owner {
            Owner::Record(write) => self.transactions.coordinator.written(now, write, result),
            Owner::Marker(batch, place) => {
                self.marker_ended(now, (batch, place), result.err(), effects);
            }
        }
    }

    fn send_markers(&mut self, now: Now, send: MarkersToSend, effects: &mut Effects) {
        let MarkersToSend { to, request, body } = send;
        if to == self.context.node {
            return self.write_markers(now, MarkerSource::Own(request), &body, effects);
        }
        let body = RequestBody::Peer(PeerRequest::WriteTxnMarkers(Box::new(body)));
        self.ask(now, to, body, Asked::Markers(request), effects);
    }

    fn ask(&mut self, now: Now, to: NodeId, body: RequestBody, what: Asked, effects: &mut Effects) {
        let until = now.time + ms(self.context.config.request_timeout_ms);
        let id = self.context.send(to, what.channel(), body, effects);
        self.transactions.outgoing.insert((to, id), Outgoing { until, what });
    }

    /// Asks the coordinator of another broker whether partitions are in a transaction, or to add them.
    pub(super) fn ask_for_partitions(
        &mut self,
        now: Now,
        (to, connection): (NodeId, ConnectionId),
        request: AddPartitionsToTxnRequest,
        effects: &mut Effects,
    ) {
        let body = RequestBody::Peer(PeerRequest::AddPartitionsToTxn(Box::new(request)));
        self.ask(now, to, body, Asked::Verification(connection), effects);
    }

    /// A leader has written markers, or says of each why not.
    pub(super) fn on_markers_written(
        &mut self,
        now: Now,
        from: (NodeId, CorrelationId),
        response: &WriteTxnMarkersResponse,
    ) {
        let outgoing = self.transactions.outgoing.remove(&from);
        if let Some(Outgoing { what: Asked::Markers(request), .. }) = outgoing {
            self.transactions.coordinator.markers_answered(now, request, Some(response));
        }
    }

    /// The coordinator of another broker says whether partitions are in a transaction.
    pub(super) fn on_partitions_verified(
        &mut self,
        now: Now,
        from: (NodeId, CorrelationId),
        response: &AddPartitionsToTxnResponse,
        effects: &mut Effects,
    ) {
        let outgoing = self.transactions.outgoing.remove(&from);
        if let Some(Outgoing { what: Asked::Verification(connection), .. }) = outgoing {
            let added = self.read_added(response);
            self.verified(now, connection, &added, effects);
        }
    }

    /// What another broker says of partitions: each may be refused alone for not being in the transaction, else all are
    /// told the same.
    fn read_added(&self, response: &AddPartitionsToTxnResponse) -> Added {
        let mut missing = Vec::new();
        let results = response.results_by_transaction.iter();
        for topic in results.flat_map(|result| &result.topic_results) {
            for one in &topic.results_by_partition {
                match ErrorCode::try_from_code(one.partition_error_code) {
                    None => {}
                    Some(ErrorCode::TransactionAbortable) => {
                        missing.extend(self.resolve(&topic.name, one.partition_index));
                    }
                    Some(error) => return Err(error),
                }
            }
        }
        Ok(missing)
    }

    /// A connection to another broker stands.
    pub(super) fn on_transaction_connected(&mut self, now: Time, to: NodeId, channel: Channel) {
        let until = now + ms(self.context.config.request_timeout_ms);
        for ((node, _), outgoing) in &mut self.transactions.outgoing {
            if *node == to && outgoing.what.channel() == channel {
                outgoing.until = until;
            }
        }
    }

    /// A connection to another broker is gone.
    pub(super) fn on_transaction_connection_lost(
        &mut self,
        now: Now,
        to: NodeId,
        channel: Channel,
        effects: &mut Effects,
    ) {
        let on_it = |(node, _): &(NodeId, CorrelationId), outgoing: &Outgoing| {
            *node == to && outgoing.what.channel() == channel
        };
        let outgoing = &self.transactions.outgoing;
        let lost: Vec<_> =
            outgoing.iter().filter(|(key, it)| on_it(key, it)).map(|(key, _)| *key).collect();
        for key in lost {
            let Some(outgoing) = self.transactions.outgoing.remove(&key) else { continue };
            match outgoing.what {
                Asked::Markers(request) => {
                    self.transactions.coordinator.markers_answered(now, request, None);
                }
                Asked::Verification(connection) => {
                    let error = ErrorCode::NetworkException;
                    self.verified(now, connection, &Err(error), effects);
                }
            }
        }
    }

    /// Does what time alone brings to transactions.
    pub(super) fn tick_transactions(&mut self, now: Now, effects: &mut Effects) {
        self.load_transaction_logs(now);
        let ids = &mut self.producer_ids;
        self.transactions.coordinator.tick(now, &mut || ids.generate(now.time));
        if !self.transactions.outgoing.is_empty() {
            self.expire_outgoing(now, effects);
        }
        if !self.transactions.appends.is_empty() {
            self.expire_appends(now, effects);
        }
        self.run_transactions(now, effects);
    }

    /// Requests to other brokers that were not answered in time.
    fn expire_outgoing(&mut self, now: Now, effects: &mut Effects) {
        let late = |outgoing: &Outgoing| outgoing.until <= now.time;
        let outgoing = &self.transactions.outgoing;
        let late: Vec<(NodeId, Channel)> = outgoing
            .iter()
            .filter(|(_, outgoing)| late(outgoing))
            .map(|((to, _), outgoing)| (*to, outgoing.what.channel()))
            .collect();
        for (to, channel) in late {
            effects.push(Effect::Disconnect { to, channel });
            self.on_transaction_connection_lost(now, to, channel, effects);
        }
    }

    /// Records of transactions that were not committed in time. A coordinator may go on waiting for its own.
    fn expire_appends(&mut self, now: Now, effects: &mut Effects) {
        let appends = &self.transactions.appends;
        let late: Vec<ProduceTicket> = appends
            .iter()
            .filter(|(_, append)| append.until <= now.time)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in late {
            let Some(append) = self.transactions.appends.get_mut(&ticket) else { continue };
            if let Owner::Record(write) = append.owner
                && self.transactions.coordinator.overdue(write)
            {
                append.until = Time::MAX;
                continue;
            }
            if let Some(partition) = self.partitions.get_mut(&append.partition) {
                partition.abandon_produce(ticket);
            }
            self.append_decided(now, ticket, Err(ErrorCode::RequestTimedOut), effects);
        }
    }

    /// Loads what is due. A decision that may yet be lost must not be acted on, so a log is taken once all of it is
    /// committed; by `TransactionDefect::LoadsUncommitted`, as in Kafka, it is read to its end whatever the high
    /// watermark.
    fn load_transaction_logs(&mut self, now: Now) {
        let waits = !self.context.config.defects.has(TransactionDefect::LoadsUncommitted);
        while let Some(index) = self.transactions.coordinator.to_load(now.time) {
            let topic = self.internal_topics.id_of(CoordinatorKind::Transaction);
            let id = topic.map(|topic| TopicPartition { topic, partition: index });
            let partition = id.and_then(|id| self.partitions.get(&id));
            let partition = partition.expect("what is loaded is led here");
            let log = partition.log();
            if waits && log.high_watermark() < log.log_end_offset() {
                let until = now.time + ms(COMMIT_CHECK_MS);
                self.transactions.coordinator.postpone(index, until);
            } else {
                self.transactions.coordinator.load(now, index, log);
            }
        }
    }
}
