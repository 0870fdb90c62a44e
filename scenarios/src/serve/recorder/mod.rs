//! The history of what clients asked and were told, taken down at the edge: what `harrow check` judges.
//!
//! A record is known again by the producer's id, epoch and sequence in its batch, else by the batch's checksum. So a
//! retry of an idempotent producer is the same send, and one of any other producer another send. Who fetches is where
//! its requests say: a client that skips records by itself has sought to where it reads.
//!
//! Of groups, joins, commits, where they are told to stand and what transactions commit for them are taken down. Not
//! taken down: end offsets that were asked for.

mod group_asked;
mod groups;
mod members;
mod names;
mod operations;
mod positions;
mod reader;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::note::IsolationLevel;
use harrow_broker_model::proto::{
    EndTxnRequest, FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse,
    PartitionData, ProduceRequest, ProduceResponse,
};
use harrow_broker_model::record::RecordBatch;
use harrow_reports::policy::MovedByHand;
use harrow_sim::history::asked_name;

use group_asked::GroupAsked;
use members::Members;
use names::{Numbered, PartitionIndex, Partitions, ProcessKey, Sent};
use operations::{Action, Ended, Operation, Part, Previews, Sends, Transacted};
use positions::Positions;
use reader::{Place, Reader, delivered};
use topics::Topics;

/// A record's value is told with so many of its characters.
const PREVIEW_CHARS: usize = 40;
/// They are looked for in so many of its bytes.
const PREVIEW_BYTES: usize = 4 * PREVIEW_CHARS;
/// More operations are not kept: then the history is cut off, and says so.
const OPERATIONS_MAX: usize = 5_000_000;

/// What is remembered of a request until it is answered.
#[derive(Debug)]
pub(super) struct Asked(Remembered);

#[derive(Debug)]
enum Remembered {
    /// Records: of each partition its batch, and whether the request is part of a transaction.
    Produce {
        /// The transactional id, if there is one.
        transaction: Option<String>,
        /// Topic and partition, the partition's index, and the records.
        batches: Vec<(Place, PartitionIndex, Numbered)>,
    },
    /// A fetch.
    Fetch {
        /// On which connection.
        connection: u64,
        /// When.
        at_ns: u64,
        /// Which records are to be told.
        isolation: IsolationLevel,
    },
    /// The end of a transaction.
    EndTxn {
        /// Which.
        transaction: String,
        /// Whether it is to be committed.
        commit: bool,
    },
    /// A producer begins anew.
    InitProducerId {
        /// As whom.
        transaction: String,
    },
    /// Something for a group.
    Group(GroupAsked),
}

/// A transaction that has begun and was not told its end.
#[derive(Debug)]
struct OpenTransaction {
    operation: usize,
    commit_asked: bool,
}

/// How a process sends, as its requests tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SenderTerms {
    /// `acks` as on the wire; the weakest of its requests.
    pub(super) acks: i16,
    /// Whether its batches have sequences.
    pub(super) idempotent: bool,
}

/// Takes down what passes the edge.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    partitions: Partitions,
    topics: Topics,
    processes: BTreeMap<ProcessKey, u32>,
    senders: BTreeMap<u32, SenderTerms>,
    operations: Vec<Operation>,
    previews: Previews,
    sent: BTreeMap<PartitionIndex, Sent>,
    open: BTreeMap<String, OpenTransaction>,
    readers: BTreeMap<u64, Reader>,
    members: Members,
    positions: Positions,
    /// Processes of which the history says that nobody sees what they read.
    unseen: BTreeSet<u32>,
    moved_by_hand: Vec<MovedByHand>,
    reads_uncommitted: bool,
    /// Whether logs have records from before it began.
    begins_late: bool,
    cut_off: bool,
}

impl Recorder {
    /// One that begins when logs have records already: what lies before all that it knows of is none of its business.
    pub(super) fn beginning_late() -> Self {
        Self { begins_late: true, ..Self::default() }
    }

    /// Takes over which topics a broker knows.
    pub(super) fn learn(&mut self, image: &MetadataImage) {
        self.topics.learn(image);
    }

    /// A client asks.
    pub(super) fn asked(
        &mut self,
        at_ns: u64,
        connection: u64,
        body: &ClientRequest,
    ) -> Option<Asked> {
        if self.operations.len() >= OPERATIONS_MAX {
            self.cut_off = true;
            return None;
        }
        let remembered = if let ClientRequest::Produce(request) = body {
            Some(self.produce(at_ns, connection, request))
        } else if let ClientRequest::Fetch(request) = body {
            Some(self.fetch(at_ns, connection, request))
        } else if let ClientRequest::EndTxn(request) = body {
            Some(self.end_transaction(request))
        } else if let ClientRequest::InitProducerId(request) = body {
            init(request)
        } else {
            self.group_asked(at_ns, connection, body).map(Remembered::Group)
        };
        remembered.map(Asked)
    }

    /// A client was told.
    pub(super) fn answered(&mut self, at_ns: u64, asked: Asked, body: &ClientResponse) {
        match (asked.0, body) {
            (Remembered::Produce { transaction, batches }, ClientResponse::Produce(response)) => {
                self.produced(at_ns, transaction.is_some(), &batches, response);
            }
            (
                Remembered::Fetch { connection, at_ns: asked_ns, isolation },
                ClientResponse::Fetch(it),
            ) => {
                self.fetched((asked_ns, at_ns), connection, isolation, it);
            }
            (Remembered::EndTxn { transaction, commit }, ClientResponse::EndTxn(response)) => {
                if response.error_code == 0
                    && let Some(open) = self.open.remove(&transaction)
                {
                    let how = if commit { Ended::Ok } else { Ended::Fail };
                    self.operations[open.operation].ended = Some((at_ns, how));
                    self.settle_positions(open.operation, Some(commit));
                }
            }
            (
                Remembered::InitProducerId { transaction },
                ClientResponse::InitProducerId(response),
            ) => {
                self.began_anew(at_ns, &transaction, response);
            }
            (Remembered::Group(asked), body) => self.group_answered(at_ns, asked, body),
            (_, _) => {}
        }
    }

    /// A client was told an error in place of what the broker has done, if it has done anything.
    pub(super) fn refused(&mut self, at_ns: u64, asked: Asked, body: &ClientResponse) {
        if let Remembered::Group(asked) = &asked.0 {
            self.group_refused(at_ns, asked);
        } else {
            self.answered(at_ns, asked, body);
        }
    }

    /// A connection is gone: nobody reads on it any more.
    pub(super) fn closed(&mut self, connection: u64) {
        self.readers.remove(&connection);
        self.members.closed(connection);
    }

    fn process(&mut self, key: ProcessKey) -> u32 {
        let next = self.processes.len() as u32 + 1;
        *self.processes.entry(key).or_insert(next)
    }

    fn begin(&mut self, process: u32, at_ns: u64, action: Action) -> usize {
        self.operations.push(Operation { process, began_ns: at_ns, ended: None, action });
        self.operations.len() - 1
    }

    fn produce(&mut self, at_ns: u64, connection: u64, request: &ProduceRequest) -> Remembered {
        let transaction = request.transactional_id.as_ref().map(|id| id.0.to_string());
        let mut batches = Vec::new();
        for topic in &request.topic_data {
            for data in &topic.partition_data {
                let name = self.topics.recorded(&topic.name, topic.topic_id.as_u128());
                let Some(index) = self.partitions.index(&name, data.index) else { continue };
                let mut bytes = data.records.clone().unwrap_or_default();
                let Ok(batch) = RecordBatch::split_front(&mut bytes) else { continue };
                let from = (connection, request.acks, transaction.as_deref());
                let numbered = self.send(at_ns, from, index, &batch);
                batches.push(((topic.name.0.to_string(), data.index), index, numbered));
            }
        }
        Remembered::Produce { transaction, batches }
    }

    /// A batch is sent, now or again.
    fn send(
        &mut self,
        at_ns: u64,
        (connection, acks, transaction): (u64, i16, Option<&str>),
        partition: PartitionIndex,
        batch: &RecordBatch,
    ) -> Numbered {
        if let Some(earlier) = self.sent.entry(partition).or_default().earlier(batch) {
            return earlier;
        }
        let header = *batch.header();
        let idempotent = header.has_producer();
        let process = self.process(if idempotent {
            ProcessKey::Producer(header.producer_id.0, header.producer_epoch.0)
        } else {
            ProcessKey::Connection(connection)
        });
        let terms = self.senders.entry(process).or_insert(SenderTerms { acks, idempotent });
        // 0 is the weakest, then 1, then -1.
        let strength = |acks: i16| if acks == -1 { 2 } else { i32::from(acks) };
        if strength(acks) < strength(terms.acks) {
            terms.acks = acks;
        }
        let first = self.previews.len() as u64;
        self.keep_previews(batch);
        let count = header.record_count.max(0) as u32;
        let mut records = Numbered { first, count, operation: 0 };
        let sends = Sends { partition, records, base_offset: None };
        records.operation = match transaction {
            Some(id) => self.send_in_transaction(at_ns, process, id, sends),
            None => self.begin(process, at_ns, Action::Send(sends)),
        };
        self.sent.entry(partition).or_default().add(batch, records);
        records
    }

    fn send_in_transaction(&mut self, at_ns: u64, process: u32, id: &str, sends: Sends) -> usize {
        let operation = self.open_transaction(at_ns, process, id);
        if let Action::Transact(transacted) = &mut self.operations[operation].action {
            transacted.sends.push(sends);
        }
        operation
    }

    /// The transaction that is open, or a new one.
    fn open_transaction(&mut self, at_ns: u64, process: u32, id: &str) -> usize {
        if let Some(open) = self.open.get(id) {
            return open.operation;
        }
        let operation = self.begin(process, at_ns, Action::Transact(Transacted::default()));
        self.open.insert(id.to_owned(), OpenTransaction { operation, commit_asked: false });
        operation
    }

    fn keep_previews(&mut self, batch: &RecordBatch) {
        let until = self.previews.len() + batch.header().record_count.max(0) as usize;
        // What is compressed is known by its number alone.
        let _ = batch.for_each_record(|record| {
            let front = record.value.map_or(&[][..], |it| it.get(..PREVIEW_BYTES).unwrap_or(it));
            let text = front.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            let text: String = text.chars().take(PREVIEW_CHARS).collect();
            let plain = text.chars().all(|letter| !letter.is_control());
            self.previews.push(if plain { text.into() } else { Box::default() });
        });
        self.previews.resize(until, Box::default());
    }

    fn produced(
        &mut self,
        at_ns: u64,
        in_transaction: bool,
        batches: &[(Place, PartitionIndex, Numbered)],
        response: &ProduceResponse,
    ) {
        for topic in &response.responses {
            let name = self.topics.recorded(&topic.name, topic.topic_id.as_u128());
            for answer in &topic.partition_responses {
                let place = (topic.name.0.to_string(), answer.index);
                let asked = batches.iter().find(|(asked, _, _)| *asked == place);
                let Some((_, partition, records)) = asked else { continue };
                // It may have been another topic of the name that the broker had by then.
                let same = self.partitions.index(&name, answer.index) == Some(*partition);
                let told = (answer.error_code == 0 && same).then_some(answer.base_offset);
                self.send_answered(at_ns, (*partition, *records), told, in_transaction);
            }
        }
    }

    fn send_answered(
        &mut self,
        at_ns: u64,
        (partition, records): (PartitionIndex, Numbered),
        told: Option<i64>,
        in_transaction: bool,
    ) {
        let operation = &mut self.operations[records.operation];
        match &mut operation.action {
            Action::Send(sends) => {
                let idempotent =
                    self.senders.get(&operation.process).is_some_and(|it| it.idempotent);
                let (first, open) = (operation.ended.is_none(), told.is_none() && idempotent);
                if first && !open {
                    sends.base_offset = told;
                    let how = if told.is_some() { Ended::Ok } else { Ended::Info };
                    operation.ended = Some((at_ns, how));
                }
            }
            Action::Transact(transacted) if in_transaction => {
                let sends = transacted.sends.iter_mut().find(|sends| {
                    sends.partition == partition && sends.records.first == records.first
                });
                if let Some(sends) = sends {
                    sends.base_offset = sends.base_offset.or(told);
                }
            }
            Action::Transact(_)
            | Action::Poll(_)
            | Action::Assign { .. }
            | Action::Join { .. }
            | Action::Commit { .. }
            | Action::Where { .. }
            | Action::Unseen => {}
        }
        if let Some(base_offset) = told.filter(|offset| *offset >= 0) {
            self.sent.entry(partition).or_default().placed(base_offset, records);
        }
    }

    fn fetch(&mut self, at_ns: u64, connection: u64, request: &FetchRequest) -> Remembered {
        self.readers.entry(connection).or_default().asks(request);
        let isolation = if request.isolation_level == 0 {
            IsolationLevel::ReadUncommitted
        } else {
            IsolationLevel::ReadCommitted
        };
        Remembered::Fetch { connection, at_ns, isolation }
    }

    fn fetched(
        &mut self,
        (asked_ns, at_ns): (u64, u64),
        connection: u64,
        isolation: IsolationLevel,
        response: &FetchResponse,
    ) {
        let mut parts = Vec::new();
        let mut told = Vec::new();
        for topic in &response.responses {
            for data in topic.partitions.iter().filter(|data| data.error_code == 0) {
                let place = (topic.topic.0.to_string(), data.partition_index);
                let name = self.topics.recorded(&topic.topic, topic.topic_id.as_u128());
                let from = (connection, isolation);
                let Some((part, next)) = self.read(from, (&place, &name), data) else {
                    continue;
                };
                parts.push(part);
                told.push((place, next));
            }
        }
        if parts.is_empty() {
            return;
        }
        self.note_moves(asked_ns, connection);
        let process = self.process(ProcessKey::Connection(connection));
        let poll = self.begin(process, asked_ns, Action::Poll(parts));
        self.operations[poll].ended = Some((at_ns, Ended::Ok));
        let reader = self.readers.entry(connection).or_default();
        for (place, next) in told {
            reader.position_given(place, next);
        }
    }

    /// The records of a partition that an answer gives, and where its reader stands after them.
    fn read(
        &mut self,
        (connection, isolation): (u64, IsolationLevel),
        (place, name): (&Place, &str),
        data: &PartitionData,
    ) -> Option<(Part, i64)> {
        let from = self.readers.get(&connection)?.wanted(place)?;
        let index = self.partitions.index(name, place.1)?;
        let (batches, next) = delivered(data, isolation);
        let sent = self.sent.entry(index).or_default();
        let mut records = Vec::new();
        for batch in &batches {
            let plain = !batch.header().is_transactional();
            self.reads_uncommitted |= !plain && isolation == IsolationLevel::ReadUncommitted;
            let known = sent.read(batch);
            if known.is_none() && self.begins_late && sent.is_before(batch) {
                continue;
            }
            for at in 0..i64::from(batch.header().record_count) {
                let offset = batch.base_offset().0 + at;
                if offset >= from {
                    records.push((offset, known.map(|known| known.first + at as u64)));
                }
            }
        }
        Some(((index, records), next?))
    }

    /// Who fetches is where its request says.
    fn note_moves(&mut self, at_ns: u64, connection: u64) {
        let reader = self.readers.entry(connection).or_default();
        let (places, seeks) = reader.moves();
        if seeks.is_empty() {
            return;
        }
        let topics = &self.topics;
        let mut index =
            |place: &Place| self.partitions.index(&topics.recorded(&place.0, 0), place.1);
        let partitions = places.iter().filter_map(&mut index).collect();
        let seeks: Vec<(PartitionIndex, i64)> =
            seeks.iter().filter_map(|(place, to)| Some((index(place)?, *to))).collect();
        let from_start = false;
        let process = self.process(ProcessKey::Connection(connection));
        let action = Action::Assign { partitions, seeks, from_start };
        let assign = self.begin(process, at_ns, action);
        self.operations[assign].ended = Some((at_ns, Ended::Ok));
    }

    fn end_transaction(&mut self, request: &EndTxnRequest) -> Remembered {
        let transaction = request.transactional_id.0.to_string();
        if let Some(open) = self.open.get_mut(&transaction) {
            open.commit_asked |= request.committed;
        }
        Remembered::EndTxn { transaction, commit: request.committed }
    }

    /// Whoever begins anew has ended what was open: it is aborted, unless its commit was asked for.
    fn began_anew(&mut self, at_ns: u64, id: &str, response: &InitProducerIdResponse) {
        if response.error_code != 0 {
            return;
        }
        if let Some(open) = self.open.remove(id) {
            let how = if open.commit_asked { Ended::Info } else { Ended::Fail };
            self.operations[open.operation].ended = Some((at_ns, how));
            self.settle_positions(open.operation, (!open.commit_asked).then_some(false));
        }
    }

    /// The partitions that anybody has named, of topics that are there, as clients ask for them.
    pub(super) fn partitions(&self, image: &MetadataImage) -> Vec<(String, i32)> {
        let all = self.partitions.all().map(|(name, index)| (asked_name(name), name, index));
        let there = all.filter(|(asked, name, _)| self.topics.is_there(asked, name, image));
        there.map(|(asked, _, index)| (asked.into_owned(), index)).collect()
    }

    /// The partitions, as the history names them, of topics that are gone.
    pub(super) fn gone(&self, image: &MetadataImage) -> Vec<String> {
        let is_gone = |name: &str| !self.topics.is_there(&asked_name(name), name, image);
        let gone = self.partitions.all().filter(|(name, _)| is_gone(name));
        gone.map(|(name, index)| format!("{name}-{index}")).collect()
    }

    /// Somebody begins to read these partitions from their start, on a connection.
    pub(super) fn reads_from_start(
        &mut self,
        at_ns: u64,
        connection: u64,
        places: &[(String, i32)],
    ) {
        self.readers.entry(connection).or_default().reads_all();
        let partitions = places.iter();
        let partitions = partitions
            .filter_map(|(topic, it)| self.partitions.index(&self.topics.recorded(topic, 0), *it))
            .collect();
        let process = self.process(ProcessKey::Connection(connection));
        let action = Action::Assign { partitions, seeks: Vec::new(), from_start: true };
        let assign = self.begin(process, at_ns, action);
        self.operations[assign].ended = Some((at_ns, Ended::Ok));
    }

    /// How many operations were taken down.
    pub(super) fn operations(&self) -> usize {
        self.operations.len()
    }

    /// Whether a consumer that reads uncommitted records has read some of transactions.
    pub(super) fn reads_uncommitted(&self) -> bool {
        self.reads_uncommitted
    }

    /// Groups whose offsets administrators have deleted.
    pub(super) fn moved_by_hand(&self) -> &[MovedByHand] {
        &self.moved_by_hand
    }

    /// Whether members of any group have epochs of their own (KIP-848).
    pub(super) fn has_member_epochs(&self) -> bool {
        self.members.have_epochs()
    }

    /// Groups whose members share a generation.
    pub(super) fn classic_groups(&self) -> impl Iterator<Item = &String> {
        self.members.classic()
    }

    /// How each process sends.
    pub(super) fn senders(&self) -> &BTreeMap<u32, SenderTerms> {
        &self.senders
    }

    /// The history so far, as `harrow check` reads it.
    pub(super) fn history(&self, final_reads: bool) -> String {
        let mut text =
            operations::lines(&self.operations, &self.partitions, &self.previews, final_reads);
        if self.cut_off {
            // Without its last line a history says that it is not whole.
            let end = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
            text.truncate(end);
        }
        text
    }
}

fn init(request: &InitProducerIdRequest) -> Option<Remembered> {
    let id = request.transactional_id.as_ref()?;
    Some(Remembered::InitProducerId { transaction: id.0.to_string() })
}
