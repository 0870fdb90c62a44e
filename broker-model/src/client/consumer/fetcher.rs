//! Fetches, and what becomes of their answers. Source: Kafka's `AbstractFetch`, `FetchCollector`, `CompletedFetch`.

use bytes::Bytes;

use crate::client::consumer::purpose::{PositionTicket, Purpose};
use crate::client::metadata::PartitionKey;
use crate::config::rack_name;
use crate::defect::ConsumerDefect;
use crate::fetch_session::SessionError;
use crate::fetch_session::handler::SessionHandler;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, NoPosition, PolledRecord};
use crate::note::{Api, ExchangeNote, Standing};
use crate::proto::{
    AbortedTransaction, ErrorCode, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    ForgottenTopic, PartitionData, StrBytes, TopicName, told_topic, topic_uuid,
};
use crate::record::{BatchError, RecordBatch};
use crate::types::{LeaderEpoch, NodeId, Offset, Time, TopicId};

use super::Consumer;
use super::abort_filter::AbortFilter;
use super::fetch_position::FetchPosition;
use super::position::{Buffer, Stage, StartFrom};

/// What the bytes of a fetch hold from an offset on.
struct Fetched {
    buffer: Buffer,
    /// The bytes are not all batches, apart from a last one that is cut short.
    corrupt: bool,
}

impl Consumer {
    /// Sends a fetch to every leader that has none in flight, if there is a partition with nothing to deliver. Source:
    /// Kafka's `AbstractFetch.prepareFetchRequests`.
    pub(super) fn fetch(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        let buffered = self.buffered_leaders();
        let mut place = 0;
        while let Some(leader) = self.positions.leader(place) {
            place += 1;
            let asked = self.connections.in_flight(leader, Channel::ClientFetch) > 0;
            if asked || buffered.contains(&leader) {
                continue;
            }
            let at = self.connections.blocked_until(leader, Channel::ClientFetch);
            if at > now {
                wake = Deadline::earlier(wake, Some(Deadline { at, why: "fetch backoff" }));
            } else {
                self.fetch_from(now, leader, effects);
            }
        }
        if self.positions.has_leaderless() {
            self.metadata.request_update();
        }
        let delayed = self.positions.first_delayed();
        Deadline::earlier(wake, delayed.map(|at| Deadline { at, why: "fetch backoff" }))
    }

    /// Leaders of partitions with something to deliver: they are asked for nothing before that is delivered, as those
    /// partitions would fall out of the session. Source: `AbstractFetch.bufferedNodes`.
    fn buffered_leaders(&self) -> Vec<NodeId> {
        let buffered = self.deliverable.iter().filter(|key| {
            let position = self.positions.get(key);
            position.is_some_and(|it| !it.paused && !it.buffer.records.is_empty())
        });
        let replica = |key: &PartitionKey| {
            let replica = self.positions.get(key).and_then(|position| position.read_replica);
            replica.map(|replica| replica.node)
        };
        let asked = |key| replica(key).or(self.metadata.leadership(*key).leader);
        buffered.filter_map(asked).collect()
    }

    fn fetch_from(&mut self, now: Time, leader: NodeId, effects: &mut Effects) {
        let session = self.sessions.get_or_insert_with(leader, SessionHandler::new);
        let (positions, metadata) = (&self.positions, &self.metadata);
        let wanted = |key: PartitionKey| {
            let position = positions.get(&key)?;
            let of_it = || FetchPosition::of(position, metadata.id(key.topic));
            positions.is_fetchable(leader, &key).then(of_it)
        };
        let built = session.build(positions.fetchable(leader), wanted);
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut last_topic = None;
        for (key, wanted) in built.to_send {
            if last_topic != Some(key.topic) {
                let name = TopicName(self.metadata.name(key.topic).clone());
                let mut topic = FetchTopic::default().with_topic(name);
                if let Some(id) = wanted.topic {
                    topic.topic_id = topic_uuid(id);
                }
                topics.push(topic);
                last_topic = Some(key.topic);
            }
            let partition = FetchPartition::default()
                .with_partition(key.partition)
                .with_current_leader_epoch(wanted.current_leader_epoch.0)
                .with_fetch_offset(wanted.offset.0)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(self.max_bytes());
            topics.last_mut().expect("a topic was just added").partitions.push(partition);
        }
        let forgotten = built.to_forget.chunk_by(|a, b| a.topic == b.topic).map(|keys| {
            let name = TopicName(self.metadata.name(keys[0].topic).clone());
            let partitions = keys.iter().map(|key| key.partition).collect();
            ForgottenTopic::default().with_topic(name).with_partitions(partitions)
        });
        let request = FetchRequest::default()
            .with_max_wait_ms(i32::try_from(self.config.fetch_wait_max_ms).unwrap_or(i32::MAX))
            .with_min_bytes(1)
            .with_max_bytes(self.max_bytes())
            .with_isolation_level(self.config.isolation.wire())
            .with_rack_id(self.rack())
            .with_session_id(built.metadata.session_id)
            .with_session_epoch(built.metadata.epoch)
            .with_forgotten_topics_data(forgotten.collect())
            .with_topics(topics);
        let body = ClientRequest::Fetch(Box::new(request));
        let to = (leader, Channel::ClientFetch);
        self.connections.send(now, to, body, Purpose::Fetch(leader), effects);
    }

    fn rack(&self) -> StrBytes {
        match self.config.rack {
            0 => StrBytes::default(),
            rack => StrBytes::from_string(rack_name(rack)),
        }
    }

    fn max_bytes(&self) -> i32 {
        i32::try_from(self.config.fetch_max_bytes).unwrap_or(i32::MAX)
    }

    /// A leader answered a fetch: for each of its partitions, or, in a session, for those with news.
    pub(super) fn on_fetched(
        &mut self,
        now: Time,
        leader: NodeId,
        response: FetchResponse,
        effects: &mut Effects,
    ) {
        let outcome = match ErrorCode::try_from_code(response.error_code) {
            None => Ok(response.session_id),
            Some(ErrorCode::FetchSessionIdNotFound) => Err(SessionError::IdNotFound),
            // Whatever else it is, a new session is the way out of it.
            Some(_) => Err(SessionError::InvalidEpoch),
        };
        let mut answered: Vec<(PartitionKey, Option<TopicId>, PartitionData)> = Vec::new();
        for topic in response.responses {
            let place = self.metadata.place(&topic.topic.0);
            let key = |data: &PartitionData| PartitionKey {
                topic: place,
                partition: data.partition_index,
            };
            let id = told_topic(topic.topic_id.as_u128());
            answered.extend(topic.partitions.into_iter().map(|data| (key(&data), id, data)));
        }
        let Some(session) = self.sessions.get_mut(&leader) else { return };
        if !session.on_response(outcome, answered.iter().map(|(key, ..)| *key)) {
            return;
        }
        for (key, topic, data) in answered {
            let session = self.sessions.get(&leader);
            let asked = session.and_then(|session| session.asked(&key)).copied();
            let Some(asked) = asked else { continue };
            self.on_partition_fetched(now, (key, asked), (topic, data), effects);
        }
    }

    fn on_partition_fetched(
        &mut self,
        now: Time,
        (key, asked): (PartitionKey, FetchPosition),
        (topic, data): (Option<TopicId>, PartitionData),
        effects: &mut Effects,
    ) {
        let (leader, epoch) = (data.current_leader.leader_id.0, data.current_leader.leader_epoch);
        self.metadata.learn_leader(key, leader, epoch);
        let ticket = PositionTicket { key, version: asked.version, offset: asked.offset };
        let Some(position) = self.fetching(ticket) else { return };
        let own = position.leadership.epoch;
        let is_older = own != asked.current_leader_epoch;
        let error = ErrorCode::try_from_code(data.error_code);
        let moves = error.is_none_or(|error| error == ErrorCode::OffsetOutOfRange);
        if is_older && moves && !self.defects.has(ConsumerDefect::OlderFetchCounts) {
            return;
        }
        match error {
            None => {
                let aborted = data.aborted_transactions.unwrap_or_default();
                self.on_records(now, (ticket, topic), (data.records, &aborted));
                if data.preferred_read_replica.0 >= 0 {
                    self.prefer(now, ticket.key, NodeId(data.preferred_read_replica.0));
                }
            }
            Some(ErrorCode::OffsetOutOfRange) => {
                if !self.leave_read_replica(ticket.key) {
                    self.on_out_of_range(ticket);
                }
            }
            Some(error) => {
                self.on_fetch_refused(ticket.key, error);
                self.ask_again(now, ticket, error);
            }
        }
        if is_older && self.fetching(ticket).is_none() {
            note_older(asked, own, effects);
        }
    }

    /// The position is not in the log. An answer for another offset says nothing about it. Source:
    /// `FetchCollector.handleInitializeErrors`.
    fn on_out_of_range(&mut self, ticket: PositionTicket) {
        let version = self.new_version();
        let reset = if self.defects.has(ConsumerDefect::ResetsToEnd) {
            Stage::Start(StartFrom::Latest)
        } else {
            self.reset_policy(NoPosition::OutOfRange)
        };
        if let Some(position) = self.fetching(ticket) {
            position.enter(reset, version);
        }
    }

    fn on_records(
        &mut self,
        now: Time,
        (ticket, topic_id): (PositionTicket, Option<TopicId>),
        (bytes, aborted): (Option<Bytes>, &[AbortedTransaction]),
    ) {
        let key = ticket.key;
        let topic = self.metadata.name(key.topic).clone();
        let mut filter = AbortFilter::new(self.config.isolation, aborted, self.defects);
        let bytes = bytes.unwrap_or_default();
        let fetched = read_records(
            bytes,
            (ticket.offset, self.foreign_values),
            (&topic, topic_id, key.partition),
            &mut filter,
        );
        if fetched.corrupt && fetched.buffer.end.is_none() {
            return self.ask_again(now, ticket, ErrorCode::CorruptMessage);
        }
        let Some(position) = self.fetching(ticket) else {
            return;
        };
        position.asked = false;
        position.buffer = fetched.buffer;
        position.skip_to_end();
        // It may still be listed for records that were dropped since.
        if !position.buffer.records.is_empty() && !self.deliverable.contains(&key) {
            self.deliverable.push_back(key);
        }
    }
}

/// States that an answer moved a position which goes by another epoch of the leader than when it asked. No other answer
/// to a fetch is stated.
fn note_older(asked: FetchPosition, own: LeaderEpoch, effects: &mut Effects) {
    let standing =
        |epoch: LeaderEpoch| Standing { epoch: i64::from(epoch.0), position: asked.offset.0 };
    let (asked, own) = (standing(asked.current_leader_epoch), standing(own));
    effects.note(ExchangeNote::AnswerApplied { api: Api::Fetch, partition: None, asked, own });
}

/// Reads what is at or above an offset. Batches begin where the leader's batches do, so that the first may hold
/// records that were delivered before; the last may be cut short. Control batches are for brokers and are skipped.
/// With `read_committed`, batches of aborted transactions are skipped, too.
fn read_records(
    mut bytes: Bytes,
    (from, foreign): (Offset, bool),
    place: (&StrBytes, Option<TopicId>, i32),
    filter: &mut AbortFilter,
) -> Fetched {
    let mut buffer = Buffer::default();
    while !bytes.is_empty() {
        let batch = match RecordBatch::split_front(&mut bytes) {
            Ok(batch) => batch,
            Err(BatchError::Truncated { .. }) => break,
            Err(BatchError::Checksum { .. } | BatchError::Field { .. }) => {
                return Fetched { buffer, corrupt: true };
            }
        };
        if batch.last_offset() < from {
            continue;
        }
        let hidden = filter.hides(&batch) || batch.is_control();
        if !hidden && !read_batch(&batch, (from, foreign), place, &mut buffer) {
            return Fetched { buffer, corrupt: true };
        }
        buffer.end = Some((batch.last_offset().next(), batch.leader_epoch()));
    }
    Fetched { buffer, corrupt: false }
}

/// Adds what is at or above an offset; whether the batch's body was readable. Else nothing is added.
fn read_batch(
    batch: &RecordBatch,
    (from, foreign): (Offset, bool),
    (topic, topic_id, partition): (&StrBytes, Option<TopicId>, i32),
    buffer: &mut Buffer,
) -> bool {
    let (before, leader_epoch) = (buffer.records.len(), batch.leader_epoch());
    let is_read = batch.for_each_record(|record| {
        if record.offset >= from {
            buffer.records.push_back(PolledRecord {
                topic: topic.clone(),
                topic_id,
                partition,
                offset: record.offset,
                leader_epoch,
                value: match record.value.filter(|_| foreign) {
                    Some(value) => Some(RecordBatch::number_of(value)),
                    None => RecordBatch::record_number(&record),
                },
            });
        }
    });
    if is_read.is_err() {
        buffer.records.truncate(before);
    }
    is_read.is_ok()
}
