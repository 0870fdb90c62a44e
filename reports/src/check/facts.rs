//! What the rules look up that judge whole histories and growing ones alike.

use harrow_sim::history::{History, ReadRecord, Row, SendRecord};

use super::gap::Gap;
use super::index::{Index, ReadId, SendId};
use super::occurrence::Witness;
use super::options::Options;

/// A history, and what is known by it.
pub(super) trait Facts {
    fn history(&self) -> &History;

    fn options(&self) -> &Options;

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    fn place_of(&self, read: ReadId) -> i64;

    fn witness_send(&self, send: SendId) -> Witness;

    fn witness_read(&self, read: ReadId) -> Witness;

    /// Partition and offset of a send, as far as they are known.
    fn offset_of(&self, send: SendId) -> Option<(u32, i64)>;

    /// Records that must have existed in a gap when that was passed over, as far as they are known: of each process
    /// the one that it sent last, as other promises may hold for each. Records of failed sends do not count, nor those
    /// that were sent later, nor those that retention or compaction may have removed by then.
    fn records_in(&self, gap: &Gap) -> Vec<Witness>;

    fn row(&self, operation: u32) -> &Row {
        self.history().row(operation)
    }

    fn send(&self, send: SendId) -> &SendRecord {
        &self.history().sends()[send as usize]
    }

    fn read(&self, read: ReadId) -> &ReadRecord {
        &self.history().reads()[read as usize]
    }

    /// Positions of the records that an operation's polls returned, in the order of delivery.
    fn reads_of(&self, operation: u32) -> std::ops::Range<ReadId> {
        let reads = self.history().reads_of(operation);
        reads.start as ReadId..reads.end as ReadId
    }
}

/// So many records of a gap are looked at.
pub(super) const PASSED_MAX: usize = 64;

impl Facts for Index<'_> {
    fn history(&self) -> &History {
        self.history
    }

    fn options(&self) -> &Options {
        self.options
    }

    fn place_of(&self, read: ReadId) -> i64 {
        Index::place_of(self, read)
    }

    fn witness_send(&self, send: SendId) -> Witness {
        Index::witness_send(self, send)
    }

    fn witness_read(&self, read: ReadId) -> Witness {
        Index::witness_read(self, read)
    }

    fn offset_of(&self, send: SendId) -> Option<(u32, i64)> {
        let offset = self.told(send).or_else(|| self.place(send))?;
        Some((self.partition_of(send)?, offset))
    }

    fn records_in(&self, gap: &Gap) -> Vec<Witness> {
        let passed = self.exist_in(gap).take(PASSED_MAX);
        let witnesses = passed.map(|place| self.witness_placement(&place));
        newest_of_each(self.history, witnesses)
    }
}

/// Of each process the record that it sent last, in order of offset.
pub(super) fn newest_of_each(
    history: &History,
    records: impl Iterator<Item = Witness>,
) -> Vec<Witness> {
    let mut newest: Vec<Witness> = Vec::new();
    let sent = |record: &Witness| record.writer.map(|writer| history.row(writer));
    for record in records {
        let process = sent(&record).map(|row| row.process);
        let same = newest.iter_mut().find(|known| sent(known).map(|row| row.process) == process);
        match same {
            None => newest.push(record),
            Some(known) => {
                let later =
                    sent(&record).map(|row| row.invoked_ns) > sent(known).map(|row| row.invoked_ns);
                *known = if later { record } else { *known };
            }
        }
    }
    newest
}
