//! What all checks look up: who wrote a value, where it stands in its log, what a partition's log must have held.
//!
//! Everything is a flat vector of small entries that refer to the history's columns by position: about 20 bytes a
//! record beside the history itself. Nothing is indexed by offset, so an offset near 2^63 costs what offset 0
//! costs.
//!
//! A record's *place* is the lowest offset at which it was acknowledged or read; all other offsets at which it was
//! are *copies*, kept apart because there are few.

mod build;
mod keys;
mod survivors;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::RecordValue;
use harrow_sim::history::{
    Completion, History, NEVER, NO_OFFSET, NO_PARTITION, ReadRecord, Row, SendRecord,
};

use super::gap::Gap;
use super::occurrence::Observation;
use super::options::{Options, Removal};

/// Position of a send in the history's sends.
pub(crate) type SendId = u32;
/// Position of a read in the history's reads.
pub(crate) type ReadId = u32;

/// Stands for "nobody sent this".
pub(crate) const NONE: u32 = u32::MAX;
/// Stands for "nowhere".
const NO_PLACE: i64 = i64::MIN;

/// An `ok` poll returned it.
const READ_OK: u8 = 1;
/// Any poll returned it.
const READ: u8 = 2;

/// One value at one offset of a partition's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placement {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) value: u64,
    /// The operation that says so.
    pub(crate) operation: u32,
    /// Who sent it, or [`NONE`].
    pub(crate) writer: SendId,
}

/// The looked-up facts of one history.
#[derive(Debug)]
pub(crate) struct Index<'a> {
    pub(crate) history: &'a History,
    pub(crate) options: &'a Options,
    /// By send: its operation.
    operations: Vec<u32>,
    /// By send: its place, or [`NO_PLACE`].
    places: Vec<i64>,
    /// By send: [`READ_OK`] and [`READ`].
    seen: Vec<u8>,
    /// Partitions of sends whose producer never learned them, from reads.
    learned: BTreeMap<SendId, u32>,
    /// Places that no acknowledgement told, with the operation that read them.
    stated: BTreeMap<SendId, u32>,
    /// By read: who sent it, or [`NONE`].
    writers: Vec<SendId>,
    /// Reads of records that stand in another topic of the same name as well: nobody need have sent them here.
    elsewhere: BTreeSet<ReadId>,
    /// Sends that have a place, by partition and place.
    by_place: Vec<SendId>,
    /// Copies, and values that nobody sent; by partition, offset and value.
    copies: Vec<Placement>,
    /// Operations in order of invocation.
    begun: Vec<u32>,
    /// Per partition: the last read of the highest offset that an `ok` poll returned.
    highest_reads: Vec<Option<ReadId>>,
    /// Transactions of unknown outcome that committed, because a read returned one of their values.
    proved: Vec<u32>,
    /// What compaction may have removed.
    keys: keys::Keys,
    survivors: survivors::Survivors,
    /// Records that stand at several places, by process: the first read of each. Built when somebody asks.
    repeats: OnceCell<BTreeMap<(u32, SendId), ReadId>>,
}

impl<'a> Index<'a> {
    pub(crate) fn row(&self, operation: u32) -> &'a Row {
        self.history.row(operation)
    }

    /// When the last answer came: the completion of the last operation that has one.
    pub(crate) fn ended_ns(&self) -> u64 {
        let rows = self.history.rows();
        let answered = rows.partition_point(|row| row.completed_ns != harrow_sim::history::NEVER);
        answered.checked_sub(1).map_or(0, |last| rows[last].completed_ns)
    }

    /// Operations in order of invocation.
    pub(crate) fn begun(&self) -> &[u32] {
        &self.begun
    }

    // --- sends

    pub(crate) fn send(&self, send: SendId) -> &'a SendRecord {
        &self.history.sends()[send as usize]
    }

    pub(crate) fn send_count(&self) -> u32 {
        self.operations.len() as u32
    }

    pub(crate) fn operation_of_send(&self, send: SendId) -> u32 {
        self.operations[send as usize]
    }

    pub(crate) fn completion_of(&self, send: SendId) -> Completion {
        self.row(self.operation_of_send(send)).completion
    }

    /// Where it went, as told or as a read shows.
    pub(crate) fn partition_of(&self, send: SendId) -> Option<u32> {
        let returned = self.send(send).partition;
        if returned != NO_PARTITION {
            return Some(returned);
        }
        self.learned.get(&send).copied()
    }

    /// The offset that its producer was told.
    pub(crate) fn returned(&self, send: SendId) -> Option<i64> {
        Some(self.send(send).offset).filter(|offset| *offset >= 0)
    }

    /// Its lowest offset.
    pub(crate) fn place(&self, send: SendId) -> Option<i64> {
        Some(self.places[send as usize]).filter(|place| *place != NO_PLACE)
    }

    pub(crate) fn was_read_ok(&self, send: SendId) -> bool {
        self.seen[send as usize] & READ_OK != 0
    }

    pub(crate) fn was_read(&self, send: SendId) -> bool {
        self.seen[send as usize] & READ != 0
    }

    /// Whether it took effect, as far as anyone can tell: what an answer of unknown outcome tells of a send counts
    /// once a read proves it.
    pub(crate) fn happened(&self, send: SendId) -> bool {
        match self.completion_of(send) {
            Completion::Ok => true,
            Completion::Fail => false,
            Completion::Info => self.was_read(send) || self.is_proved(self.operation_of_send(send)),
        }
    }

    /// Whether its operation is known to have committed.
    pub(crate) fn committed(&self, send: SendId) -> bool {
        match self.completion_of(send) {
            Completion::Ok => true,
            Completion::Fail => false,
            Completion::Info => self.is_proved(self.operation_of_send(send)),
        }
    }

    /// Whether this is a transaction of unknown outcome that committed, because a read returned one of its values.
    pub(crate) fn is_proved(&self, operation: u32) -> bool {
        self.proved.binary_search(&operation).is_ok()
    }

    /// Whether retention or compaction may have removed what is at this place by this time, in nanoseconds.
    pub(crate) fn may_be_removed(
        &self,
        send: SendId,
        (partition, offset): (u32, i64),
        by_ns: u64,
    ) -> bool {
        offset < self.options.log_start_at(partition, by_ns)
            || self.superseded_ns(send, (partition, offset)).is_some_and(|at_ns| at_ns <= by_ns)
            || self.is_tombstone(send, partition)
    }

    /// When another record of the key began to be sent that stands behind this place, or may, in nanoseconds.
    fn superseded_ns(&self, send: SendId, (partition, offset): (u32, i64)) -> Option<u64> {
        let compacted = self.options.compacted(partition);
        let key = (partition, self.send(send).key);
        compacted.then(|| self.keys.superseded_ns(key, offset, send)).flatten()
    }

    /// Whether a record deletes its key: the cleaner takes it, too, when it has been there for long enough. A client
    /// that comes too late for it cannot tell.
    fn is_tombstone(&self, send: SendId, partition: u32) -> bool {
        self.options.compacted(partition) && RecordValue(self.send(send).value).is_tombstone()
    }

    /// Why what is at this place may be gone in the end, if it may.
    pub(crate) fn removal(&self, send: SendId, (partition, offset): (u32, i64)) -> Option<Removal> {
        let retained = offset < self.options.log_start_offset(partition);
        let removed = self.may_be_removed(send, (partition, offset), NEVER);
        removed.then_some(if self.options.deleted.contains(&partition) {
            Removal::Deletion
        } else if retained {
            Removal::Retention
        } else {
            Removal::Compaction
        })
    }

    /// Whether compaction may have removed a record without a place: then another of its key is known.
    pub(crate) fn may_be_replaced(&self, send: SendId, partition: u32) -> bool {
        self.superseded_ns(send, (partition, NO_OFFSET)).is_some()
    }

    // --- reads

    pub(crate) fn read(&self, read: ReadId) -> &'a ReadRecord {
        &self.history.reads()[read as usize]
    }

    pub(crate) fn writer(&self, read: ReadId) -> Option<SendId> {
        Some(self.writers[read as usize]).filter(|writer| *writer != NONE)
    }

    /// Whether it is of a record that stands in another topic of the same name.
    pub(crate) fn stands_elsewhere(&self, read: ReadId) -> bool {
        self.elsewhere.contains(&read)
    }

    pub(crate) fn operation_of_read(&self, read: ReadId) -> u32 {
        self.history.operation_of_read(read as usize)
    }

    /// Positions of the records that an operation's polls returned, in the order of delivery.
    pub(crate) fn reads_of(&self, operation: u32) -> std::ops::Range<ReadId> {
        let reads = self.history.reads_of(operation);
        reads.start as ReadId..reads.end as ReadId
    }

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    pub(crate) fn place_of(&self, read: ReadId) -> i64 {
        let place = self.writer(read).and_then(|writer| self.place(writer));
        place.unwrap_or(self.read(read).offset)
    }

    /// Whether the same process had been given the record before, elsewhere in the log.
    pub(crate) fn is_repeated(&self, read: ReadId) -> bool {
        let Some(writer) = self.writer(read) else { return false };
        let process = self.row(self.operation_of_read(read)).process;
        let first = self.repeats.get_or_init(|| self.repeats()).get(&(process, writer)).copied();
        first.is_some_and(|first| self.read(first).offset != self.read(read).offset)
    }

    fn repeats(&self) -> BTreeMap<(u32, SendId), ReadId> {
        let mut copied: Vec<SendId> = self.copies.iter().map(|copy| copy.writer).collect();
        copied.sort_unstable();
        let mut first = BTreeMap::new();
        for (operation, row) in (0_u32..).zip(self.history.rows()) {
            for read in self.reads_of(operation) {
                let writer = self.writers[read as usize];
                if writer != NONE && copied.binary_search(&writer).is_ok() {
                    first.entry((row.process, writer)).or_insert(read);
                }
            }
        }
        first
    }

    /// The last read of the highest offset that an `ok` poll returned.
    pub(crate) fn highest_read(&self, partition: u32) -> Option<ReadId> {
        self.highest_reads[partition as usize]
    }

    // --- the log

    /// Copies, and values that nobody sent; by partition, offset and value.
    pub(crate) fn copies(&self) -> &[Placement] {
        &self.copies
    }

    /// Sends that have a place, by partition and place.
    pub(crate) fn by_place(&self) -> &[SendId] {
        &self.by_place
    }

    /// Whether two sends have the same place.
    pub(crate) fn same_place(&self, a: SendId, b: SendId) -> bool {
        self.place_key(a) == self.place_key(b)
    }

    /// A sent record at its place.
    pub(crate) fn placement(&self, send: SendId) -> Placement {
        let (partition, offset) = self.place_key(send);
        let operation = if self.returned(send) == Some(offset) {
            self.operation_of_send(send)
        } else {
            self.stated.get(&send).copied().unwrap_or(self.operation_of_send(send))
        };
        Placement { partition, offset, value: self.send(send).value, operation, writer: send }
    }

    /// Sends with a place in this partition, at offsets from `first` on, in order.
    pub(crate) fn placed_from(&self, partition: u32, first: i64) -> &[SendId] {
        let begin =
            self.by_place.partition_point(|send| self.place_key(*send) < (partition, first));
        let rest = &self.by_place[begin..];
        &rest[..rest.partition_point(|send| self.place_key(*send).0 == partition)]
    }

    /// Records that must have existed in a gap when that was passed over, in order of offset. Records of failed
    /// sends do not count, nor those that were sent later, nor those that retention or compaction may have removed
    /// by then.
    pub(crate) fn exist_in(&self, gap: &Gap) -> impl Iterator<Item = Placement> + '_ {
        let Gap { partition, end, but, .. } = *gap;
        let passed_ns = self.row(gap.subject.operation).completed_ns;
        let first = gap.first.max(self.options.log_start_at(partition, passed_ns));
        let sent_by_ns = gap.sent_by_ns(self.history);
        let fits = move |place: &Placement| {
            let Placement { writer, offset, .. } = *place;
            writer != NONE
                && !but.contains(&place.value)
                && self.completion_of(writer) != Completion::Fail
                && self.row(self.operation_of_send(writer)).invoked_ns <= sent_by_ns
                && !self.may_be_removed(writer, (partition, offset), passed_ns)
        };
        let here = move |place: &Placement| place.partition == partition && place.offset < end;
        let sent = self.survivors_from(partition, first, passed_ns);
        let copies = &self.copies;
        let begin =
            copies.partition_point(|copy| (copy.partition, copy.offset) < (partition, first));
        let copies = copies[begin..].iter().copied().take_while(here);
        sent.take_while(here).chain(copies).filter(fits)
    }

    /// Sent records in this partition from an offset on, in order, that had not failed and were not compacted away
    /// by this time, in nanoseconds.
    fn survivors_from(
        &self,
        partition: u32,
        first: i64,
        by_ns: u64,
    ) -> impl Iterator<Item = Placement> + '_ {
        let begin =
            self.by_place.partition_point(|send| self.place_key(*send) < (partition, first));
        let next = move |position: &usize| self.survivors.next(*position + 1, by_ns);
        let positions = std::iter::successors(self.survivors.next(begin, by_ns), next);
        let sends = positions.map_while(|position| self.by_place.get(position));
        let placed = sends.map(|send| self.placement(*send));
        placed.take_while(move |place| place.partition == partition)
    }

    fn place_key(&self, send: SendId) -> (u32, i64) {
        (self.partition_of(send).unwrap_or(NONE), self.places[send as usize])
    }

    // --- witnesses

    pub(crate) fn observation_of_send(&self, send: SendId) -> Observation {
        let operation = self.operation_of_send(send);
        Observation {
            value: self.send(send).value,
            offset: self.returned(send).unwrap_or(NO_OFFSET),
            operation,
            writer: Some(operation),
            read: self.was_read(send),
        }
    }

    /// A send at an offset, as its producer was told, or as a read states that shows it there.
    pub(crate) fn observation_at(&self, send: SendId, offset: i64) -> Observation {
        let seen = self.observation_of_send(send);
        let returned = self.returned(send) == Some(offset);
        let stated = self.stated.get(&send).copied().filter(|_| !returned);
        Observation { offset, operation: stated.unwrap_or(seen.operation), ..seen }
    }

    pub(crate) fn observation_of_read(&self, read: ReadId) -> Observation {
        let writer = self.writer(read).map(|writer| self.operation_of_send(writer));
        let ReadRecord { value, offset, .. } = *self.read(read);
        Observation { value, offset, operation: self.operation_of_read(read), writer, read: true }
    }

    pub(crate) fn observation_of_placement(&self, place: &Placement) -> Observation {
        let Placement { value, offset, operation, writer, .. } = *place;
        let sent = writer != NONE;
        Observation {
            value,
            offset,
            operation,
            writer: sent.then(|| self.operation_of_send(writer)),
            read: !sent || self.was_read(writer),
        }
    }
}
