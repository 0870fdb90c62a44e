//! What the rules look up that judge whole histories and growing ones alike.

use harrow_sim::history::{History, ReadRecord, Row, SendRecord};

use super::gap::Gap;
use super::index::{Index, ReadId, SendId};
use super::occurrence::Observation;
use super::options::Options;

/// A history, and what is known by it.
pub(super) trait Facts {
    fn history(&self) -> &History;

    fn options(&self) -> &Options;

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    fn place_of(&self, read: ReadId) -> i64;

    fn observation_of_send(&self, send: SendId) -> Observation;

    fn observation_of_read(&self, read: ReadId) -> Observation;

    /// Partition and offset of a send, as far as they are known.
    fn offset_of(&self, send: SendId) -> Option<(u32, i64)>;

    /// Records that must have existed in a gap when that was passed over, as far as they are known: of each process
    /// the one that it sent last, as other promises may hold for each. Records of failed sends do not count, nor those
    /// that were sent later, nor those that retention or compaction may have removed by then.
    fn records_in(&self, gap: &Gap) -> Vec<Observation>;

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

    fn observation_of_send(&self, send: SendId) -> Observation {
        Index::observation_of_send(self, send)
    }

    fn observation_of_read(&self, read: ReadId) -> Observation {
        Index::observation_of_read(self, read)
    }

    fn offset_of(&self, send: SendId) -> Option<(u32, i64)> {
        let offset = self.returned(send).or_else(|| self.place(send))?;
        Some((self.partition_of(send)?, offset))
    }

    fn records_in(&self, gap: &Gap) -> Vec<Observation> {
        let passed = self.exist_in(gap).take(PASSED_MAX);
        let observations = passed.map(|place| self.observation_of_placement(&place));
        newest_of_each(self.history, observations)
    }
}

/// Of each process the record that it sent last, in order of offset.
pub(super) fn newest_of_each(
    history: &History,
    records: impl Iterator<Item = Observation>,
) -> Vec<Observation> {
    let mut newest: Vec<Observation> = Vec::new();
    let sent = |record: &Observation| record.writer.map(|writer| history.row(writer));
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
