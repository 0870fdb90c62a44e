//! What the rules look up in a history that grows.

use harrow_sim::history::{Completion, History, NO_KEY, NO_PARTITION, SendRecord};

use super::records::{Records, Sender};
use crate::check::facts::{Facts, passed_over};
use crate::check::gap::Gap;
use crate::check::index::{ReadId, SendId};
use crate::check::occurrence::{Observation, Passed};
use crate::check::options::Options;

/// A history so far, and the records that it has told of.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    pub(super) options: &'a Options,
    pub(super) records: &'a Records,
}

impl Known<'_> {
    /// Whether a record must be there, unless its send turns out to have failed.
    pub(super) fn lasts(&self, sender: &Sender, partition: u32) -> bool {
        // A later record of its key may remove it yet.
        let replaceable = sender.key != NO_KEY && self.options.compacted(partition);
        !sender.failed() && !replaceable
    }

    /// The same, with what is known of who sent it.
    pub(super) fn with_sender(&self, partition: u32, seen: Observation) -> Observation {
        let sender = self.records.sender(seen.value, partition);
        let read = seen.read || sender.is_some_and(|sender| sender.was_read());
        let writer = sender.map_or(seen.writer, |sender| sender.position);
        Observation { writer, read, ..seen }
    }
}

impl Facts for Known<'_> {
    fn history(&self) -> &History {
        self.history
    }

    fn options(&self) -> &Options {
        self.options
    }

    /// As second copies count only in the end, a record stands where it was read.
    fn place_of(&self, read: ReadId) -> i64 {
        self.read(read).offset
    }

    /// Second copies count only in the end.
    fn is_repeated(&self, _read: ReadId) -> bool {
        false
    }

    fn observation_of_send(&self, send: SendId) -> Observation {
        let operation = self.history.operation_of_send(send as usize);
        let sent = *self.send(send);
        let (value, offset, writer) = (sent.value, sent.offset, Some(operation));
        self.with_sender(
            sent.partition,
            Observation { value, offset, operation, writer, read: false },
        )
    }

    fn observation_of_read(&self, read: ReadId) -> Observation {
        let operation = self.history.operation_of_read(read as usize);
        let record = *self.read(read);
        let (value, offset, writer) = (record.value, record.offset, None);
        self.with_sender(
            record.partition,
            Observation { value, offset, operation, writer, read: true },
        )
    }

    /// What was told: where else it may be read, a send may be twice.
    fn offset_of(&self, send: SendId) -> Option<(u32, i64)> {
        let SendRecord { offset, partition, .. } = *self.send(send);
        let operation = self.history.operation_of_send(send as usize);
        let unknown = self.history.row(operation).completion == Completion::Info;
        let happened = !unknown || self.observation_of_send(send).read;
        (offset >= 0 && partition != NO_PARTITION && happened).then_some((partition, offset))
    }

    fn records_in(&self, gap: &Gap) -> (Vec<Observation>, Option<Passed>) {
        let Gap { partition, end, but, .. } = *gap;
        let at_ns = self.history.row(gap.subject.operation).completed_ns;
        let first = gap.first.max(self.options.log_start_at(partition, at_ns));
        let sent_by_ns = gap.sent_by_ns(self.history);
        let there =
            |sender: Sender| sender.invoked_ns <= sent_by_ns && self.lasts(&sender, partition);
        let fits = |seen: &&Observation| {
            let sender = self.records.sender(seen.value, partition);
            !but.contains(&seen.value) && sender.is_some_and(there)
        };
        let seen = self.records.places(partition, first, end).filter(fits);
        let seen = seen.map(|seen| self.with_sender(partition, *seen));
        passed_over(self.history, gap, seen)
    }
}
