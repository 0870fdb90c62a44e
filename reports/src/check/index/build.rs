//! Builds the index: four walks over the history's columns and two sorts.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::RecordValue;
use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_KEY, NO_PARTITION, ReadRecord, SendRecord,
};

use super::keys::{KeyedRecord, Keys, UnplacedRecord};
use super::survivors::Survivors;
use super::{Index, NO_PLACE, NONE, Placement, READ, READ_OK, ReadId, SendId};
use crate::check::options::Options;

/// Where searches begin, by the upper half of the value, in which the simulated clients put their own number.
const HINTS: usize = 64;

impl<'a> Index<'a> {
    /// Reads the history.
    pub(crate) fn new(history: &'a History, options: &'a Options) -> Self {
        let mut index = Self {
            history,
            options,
            operations: operations_of_sends(history),
            places: Vec::new(),
            seen: vec![0; history.sends().len()],
            learned: BTreeMap::new(),
            stated: BTreeMap::new(),
            writers: Vec::with_capacity(history.reads().len()),
            elsewhere: BTreeSet::new(),
            by_place: Vec::new(),
            copies: Vec::new(),
            begun: Vec::new(),
            highest_reads: vec![None; history.partitions.len()],
            proved: Vec::new(),
            keys: Keys::default(),
            survivors: Survivors::default(),
            repeats: OnceCell::new(),
        };
        index.find_writers();
        index.places = vec![NO_PLACE; history.sends().len()];
        index.proved = index.proved_operations();
        index.place_sends();
        index.place_reads();
        index.sort();
        index.keys = index.keys();
        index.survivors = index.survivors();
        index
    }

    fn keys(&self) -> Keys {
        if !self.options.any_compacted() {
            return Keys::default();
        }
        // The cleaner leaves the last copy of a record, as it leaves the last record of a key.
        let copies = self.copies.iter().filter(|copy| copy.writer != NONE);
        let copies = copies.map(|copy| (copy.writer, (copy.partition, copy.offset)));
        let placed = self.by_place.iter().map(|send| (*send, self.place_key(*send)));
        let keyed = placed.chain(copies).filter_map(|(send, (partition, place))| {
            let key = self.send(send).key;
            let lasting = self.completion_of(send) != Completion::Fail;
            let counts = key != NO_KEY && lasting && self.options.compacted(partition);
            let invoked_ns = self.row(self.operation_of_send(send)).invoked_ns;
            counts.then_some(KeyedRecord { key: (partition, key), place, invoked_ns })
        });
        Keys::of(keyed.collect(), self.unplaced_records(), self.history.final_reads)
    }

    /// What may stand somewhere in a compacted log, as it has a key, has not failed, and nobody was told its place.
    fn unplaced_records(&self) -> Vec<UnplacedRecord> {
        let unplaced = (0..self.send_count()).filter_map(|send| {
            let key = self.send(send).key;
            let partition = self.partition_of(send).unwrap_or(NO_PARTITION);
            let compacted = partition == NO_PARTITION || self.options.compacted(partition);
            let lasting = self.completion_of(send) != Completion::Fail;
            let counts = key != NO_KEY && self.place(send).is_none() && lasting && compacted;
            let invoked_ns = self.row(self.operation_of_send(send)).invoked_ns;
            let tombstone = RecordValue(self.send(send).value).is_tombstone();
            counts.then_some(UnplacedRecord { key: (partition, key), invoked_ns, send, tombstone })
        });
        unplaced.collect()
    }

    fn survivors(&self) -> Survivors {
        let failed = |send: &u32| self.completion_of(*send) == Completion::Fail;
        if !self.options.any_compacted() && !self.by_place.iter().any(failed) {
            return Survivors::default();
        }
        let removed = self.by_place.iter().map(|send| {
            let (partition, place) = self.place_key(*send);
            let superseded = self.superseded_ns(*send, (partition, place)).unwrap_or(NEVER);
            let goes = failed(send) || self.is_tombstone(*send, partition);
            if goes { 0 } else { superseded }
        });
        Survivors::of(self.by_place.len(), removed)
    }

    /// Who sent each read value, and what of each send was read.
    fn find_writers(&mut self) {
        let history = self.history;
        let values = Values::of(history);
        let mut hints = [0; HINTS];
        for (operation, row) in (0_u32..).zip(history.rows()) {
            for read in history.reads_of(operation) {
                let record = &history.reads()[read];
                let writer = self.find_writer(&values, &mut hints, record);
                if writer == NONE && self.is_sent_elsewhere(&values, record) {
                    self.elsewhere.insert(read as ReadId);
                }
                self.writers.push(writer);
                self.note_read(read as ReadId, record, row.completion == Completion::Ok);
            }
        }
    }

    /// The send of a value to a partition, or one whose partition nobody knows.
    fn find_writer(
        &self,
        values: &Values,
        hints: &mut [usize; HINTS],
        read: &ReadRecord,
    ) -> SendId {
        let hint = &mut hints[(read.value >> 32) as usize % HINTS];
        *hint = values.gallop(*hint, (read.value, read.partition));
        if let Some(send) = values.at(*hint, (read.value, read.partition)) {
            return send;
        }
        let mut position = values.gallop(*hint, (read.value, NO_PARTITION));
        while let Some(send) = values.at(position, (read.value, NO_PARTITION)) {
            if self.learned.get(&send).is_none_or(|partition| *partition == read.partition) {
                return send;
            }
            position += 1;
        }
        NONE
    }

    /// Whether the record was sent to another topic of the same name, or may have been.
    fn is_sent_elsewhere(&self, values: &Values, read: &ReadRecord) -> bool {
        if !self.options.recreated.contains_key(&read.partition) {
            return false;
        }
        let first = values.gallop(0, (read.value, 0));
        let sent = values.sorted[first..].iter().take_while(|sent| sent.value == read.value);
        sent.map(|sent| sent.send).any(|send| {
            let to = self.partition_of(send);
            let acknowledged = self.completion_of(send) == Completion::Ok;
            to.is_some_and(|to| self.options.are_of_one_name((to, acknowledged), read.partition))
        })
    }

    fn note_read(&mut self, read: ReadId, record: &ReadRecord, ok: bool) {
        let writer = self.writers[read as usize];
        if writer != NONE {
            let seen = &mut self.seen[writer as usize];
            if *seen == 0 && self.history.sends()[writer as usize].partition == NO_PARTITION {
                // The producer never learned the partition; this read tells it.
                self.learned.insert(writer, record.partition);
            }
            *seen |= if ok { READ | READ_OK } else { READ };
        }
        let highest = &mut self.highest_reads[record.partition as usize];
        let reads = self.history.reads();
        if ok && highest.is_none_or(|highest| record.offset >= reads[highest as usize].offset) {
            *highest = Some(read);
        }
    }

    fn proved_operations(&self) -> Vec<u32> {
        let unknown = |(_, row): &(u32, &harrow_sim::history::Row)| {
            row.completion == Completion::Info && row.function == Function::Txn
        };
        let read = |operation: u32| {
            self.history.sends_of(operation).any(|send| self.was_read_ok(send as SendId))
        };
        let unknown = (0_u32..).zip(self.history.rows()).filter(unknown);
        unknown.map(|(operation, _)| operation).filter(|operation| read(*operation)).collect()
    }

    /// Places what was acknowledged, and what an unknown outcome must have done because a read proves it.
    fn place_sends(&mut self) {
        for send in 0..self.send_count() {
            let happened = match self.completion_of(send) {
                Completion::Ok => true,
                Completion::Fail => false,
                Completion::Info => {
                    self.was_read_ok(send) || self.is_proved(self.operation_of_send(send))
                }
            };
            if let Some(returned) = self.returned(send)
                && happened
                && self.partition_of(send).is_some()
            {
                self.places[send as usize] = returned;
            }
        }
    }

    fn place_reads(&mut self) {
        let history = self.history;
        for operation in 0..history.len() as u32 {
            for read in history.reads_of(operation) {
                let ReadRecord { value, offset, partition } = history.reads()[read];
                let writer = self.writers[read];
                let mut copy = Placement { partition, offset, value, operation, writer };
                if writer == NONE {
                    if !self.elsewhere.contains(&(read as ReadId)) {
                        self.copies.push(copy);
                    }
                    continue;
                }
                let place = self.places[writer as usize];
                if place == offset {
                    continue;
                }
                if place == NO_PLACE || offset < place {
                    if place != NO_PLACE {
                        copy = self.latest_placement(writer, place, copy);
                    }
                    self.places[writer as usize] = offset;
                    self.stated.insert(writer, operation);
                }
                if place != NO_PLACE {
                    self.copies.push(copy);
                }
            }
        }
    }

    /// What becomes a copy when a lower place is found: the record at the place where it was thought to be.
    fn latest_placement(&self, writer: SendId, place: i64, read: Placement) -> Placement {
        let operation = if self.returned(writer) == Some(place) {
            self.operation_of_send(writer)
        } else {
            self.stated.get(&writer).copied().unwrap_or(read.operation)
        };
        Placement { offset: place, operation, ..read }
    }

    fn sort(&mut self) {
        self.copies.sort_unstable();
        self.copies.dedup_by_key(|copy| (copy.partition, copy.offset, copy.value));
        self.by_place = self.placed_by_partition();
        let mut by_place = std::mem::take(&mut self.by_place);
        let mut rest = by_place.as_mut_slice();
        while let Some(first) = rest.first() {
            let partition = self.partition_of(*first);
            let length = rest.partition_point(|send| self.partition_of(*send) == partition);
            let (log, others) = rest.split_at_mut(length);
            sort_nearly_sorted(log, |send| self.places[send as usize]);
            rest = others;
        }
        self.by_place = by_place;
        let rows = self.history.rows();
        let mut begun: Vec<u32> = (0..rows.len() as u32).collect();
        sort_nearly_sorted(&mut begun, |operation| rows[operation as usize].invoked_ns);
        self.begun = begun;
    }

    /// Sends that have a place, by partition, else in the order of the history.
    fn placed_by_partition(&self) -> Vec<SendId> {
        let placed = || {
            (0..self.send_count()).filter_map(|send| {
                let partition = self.partition_of(send)? as usize;
                self.place(send).map(|_| (send, partition))
            })
        };
        let mut next = vec![0; self.history.partitions.len() + 1];
        for (_, partition) in placed() {
            next[partition + 1] += 1;
        }
        for partition in 1..next.len() {
            next[partition] += next[partition - 1];
        }
        let mut sorted = vec![NONE; next.last().copied().unwrap_or(0)];
        for (send, partition) in placed() {
            sorted[next[partition]] = send;
            next[partition] += 1;
        }
        sorted
    }
}

/// Sorts what a history gives in almost the right order: by insertion as long as little moves, else by the library.
/// Stable.
fn sort_nearly_sorted<K: Ord>(list: &mut [u32], key: impl Fn(u32) -> K) {
    const MOVES: usize = 8;
    let mut left = MOVES * list.len();
    for end in 1..list.len() {
        let entry = list[end];
        let mut at = end;
        while at > 0 && key(list[at - 1]) > key(entry) {
            if left == 0 {
                list[at] = entry;
                return list.sort_by_key(|entry| key(*entry));
            }
            left -= 1;
            list[at] = list[at - 1];
            at -= 1;
        }
        list[at] = entry;
    }
}

fn operations_of_sends(history: &History) -> Vec<u32> {
    let mut operations = Vec::with_capacity(history.sends().len());
    for operation in 0..history.len() as u32 {
        operations.extend(history.sends_of(operation).map(|_| operation));
    }
    operations
}

/// A value in a partition, or in none that is known.
type Key = (u64, u32);

/// A send by its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    value: u64,
    partition: u32,
    send: SendId,
}

impl Sent {
    fn key(&self) -> Key {
        (self.value, self.partition)
    }
}

/// All sends by value, then partition.
struct Values {
    sorted: Vec<Sent>,
}

impl Values {
    fn of(history: &History) -> Self {
        let sends = history.sends().iter().zip(0..);
        let sent = |(record, send): (&SendRecord, SendId)| {
            let SendRecord { value, partition, .. } = *record;
            Sent { value, partition, send }
        };
        let mut sorted: Vec<Sent> = sends.map(sent).collect();
        if !sorted.is_sorted() {
            sorted.sort_unstable();
        }
        Self { sorted }
    }

    /// The send at a position, if it has this key.
    fn at(&self, position: usize, key: Key) -> Option<SendId> {
        self.sorted.get(position).filter(|sent| sent.key() == key).map(|sent| sent.send)
    }

    /// The first position whose key is not below `key`, searched outwards from `hint` in growing strides: neighbours
    /// in a log were sent at about the same time, so their sends are close together.
    fn gallop(&self, hint: usize, key: Key) -> usize {
        let sorted = &self.sorted;
        let below = |position: usize| sorted[position].key() < key;
        let (mut low, mut high) = (0, sorted.len());
        let mut stride = 1;
        if hint < sorted.len() && below(hint) {
            low = hint + 1;
            while hint + stride < high {
                if !below(hint + stride) {
                    high = hint + stride;
                    break;
                }
                low = hint + stride + 1;
                stride *= 2;
            }
        } else {
            high = hint.min(sorted.len());
            while stride <= high {
                let probe = hint.min(sorted.len()).saturating_sub(stride);
                if below(probe) {
                    low = probe + 1;
                    break;
                }
                high = probe;
                stride *= 2;
            }
        }
        low + sorted[low..high].partition_point(|sent| sent.key() < key)
    }
}
