//! Records by sender and by place, as far as they are known.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, NO_PARTITION, Row, SendRecord};

use super::ticket::Ticket;
use crate::check::occurrence::Observation;

/// Who sent a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub(super) ticket: Ticket,
    /// When it began, in nanoseconds.
    pub(super) invoked_ns: u64,
    pub(super) key: u32,
    /// Its operation and how it ended; none while it is open.
    pub(super) position: Option<u32>,
    pub(super) completion: Option<Completion>,
    /// The first `ok` read of it.
    read: Option<Observation>,
    /// Where it was first seen.
    place: Option<Observation>,
}

impl Sender {
    pub(super) fn failed(&self) -> bool {
        self.completion == Some(Completion::Fail)
    }

    pub(super) fn was_read(&self) -> bool {
        self.read.is_some()
    }
}

/// What is at odds with a record's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conflicts {
    /// The record that was seen at this offset first.
    pub(super) other_record: Option<Observation>,
    /// Where the record was seen first.
    pub(super) other_place: Option<Observation>,
}

#[derive(Debug, Default)]
pub(super) struct Records {
    /// By value and partition, or [`NO_PARTITION`] while nobody knows it.
    senders: BTreeMap<(u64, u32), Sender>,
    /// By partition and offset: what was first seen there.
    places: BTreeMap<(u32, i64), Observation>,
}

impl Records {
    pub(super) fn begin(&mut self, ticket: Ticket, invoked_ns: u64, send: &SendRecord) {
        let (position, completion, read, place) = (None, None, None, None);
        let sender =
            Sender { ticket, invoked_ns, key: send.key, position, completion, read, place };
        self.senders.entry((send.value, send.partition)).or_insert(sender);
    }

    /// A send has ended; returns the first `ok` read of it and the partition in which it was.
    pub(super) fn end(
        &mut self,
        ticket: Ticket,
        send: &SendRecord,
        (position, row): (u32, &Row),
    ) -> Option<(u32, Observation)> {
        // A begin need not say what is sent.
        let named = [send.partition, NO_PARTITION].map(|partition| (send.value, partition));
        if !named.iter().any(|key| self.senders.contains_key(key)) {
            self.begin(ticket, row.invoked_ns, send);
        }
        self.learn_partition(send.value, send.partition);
        // Its producer may not know the partition that a read has told.
        let copies = self.senders.range_mut((send.value, 0)..=(send.value, u32::MAX));
        let mut own = copies.filter(|(_, sender)| sender.ticket == ticket);
        let ((_, partition), sender) = own.next()?;
        (sender.position, sender.completion) = (Some(position), Some(row.completion));
        sender.read.map(|read| (*partition, read))
    }

    /// Who sent a value to a partition, or to one that nobody knows.
    pub(super) fn sender(&self, value: u64, partition: u32) -> Option<Sender> {
        let known = self.senders.get(&(value, partition));
        known.or_else(|| self.senders.get(&(value, NO_PARTITION))).copied()
    }

    pub(super) fn note_read(&mut self, partition: u32, read: Observation, ok: bool) {
        self.learn_partition(read.value, partition);
        if let Some(sender) = self.senders.get_mut(&(read.value, partition)).filter(|_| ok) {
            sender.read.get_or_insert(read);
        }
    }

    /// A record stands at an offset: it stands nowhere else, and nothing else there.
    pub(super) fn place(&mut self, partition: u32, seen: Observation) -> Conflicts {
        let here = *self.places.entry((partition, seen.offset)).or_insert(seen);
        let there = self.senders.get_mut(&(seen.value, partition));
        let there = there.map(|sender| *sender.place.get_or_insert(seen));
        Conflicts {
            other_record: Some(here).filter(|here| here.value != seen.value),
            other_place: there.filter(|there| there.offset != seen.offset),
        }
    }

    /// What was first seen at offsets from `first` up to, and without, `end`.
    pub(super) fn places(
        &self,
        partition: u32,
        first: i64,
        end: i64,
    ) -> impl Iterator<Item = &Observation> {
        let range = (partition, first)..(partition, end.max(first));
        self.places.range(range).map(|(_, seen)| seen)
    }

    fn learn_partition(&mut self, value: u64, partition: u32) {
        if partition != NO_PARTITION
            && !self.senders.contains_key(&(value, partition))
            && let Some(sender) = self.senders.remove(&(value, NO_PARTITION))
        {
            self.senders.insert((value, partition), sender);
        }
    }
}
