//! What the rules look up that judge whole histories and growing ones alike.

use harrow_sim::history::{History, ReadRecord, Row, SendRecord};

use super::gap::Gap;
use super::index::{Index, ReadId, SendId};
use super::occurrence::{Observation, Passed};
use super::options::Options;

/// A history, and what is known by it.
pub(super) trait Facts {
    fn history(&self) -> &History;

    fn options(&self) -> &Options;

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    fn place_of(&self, read: ReadId) -> i64;

    /// Whether the same process had been given the record before, elsewhere in the log.
    fn is_repeated(&self, read: ReadId) -> bool;

    fn observation_of_send(&self, send: SendId) -> Observation;

    /// A send at an offset: as its producer was told, or as the first read states that shows it there. What only a read
    /// shows is not known before.
    fn observation_at(&self, send: SendId, offset: i64) -> Observation {
        Observation { offset, ..self.observation_of_send(send) }
    }

    fn observation_of_read(&self, read: ReadId) -> Observation;

    /// Partition and offset of a send, as far as they are known.
    fn offset_of(&self, send: SendId) -> Option<(u32, i64)>;

    /// Records that must have existed in a gap when that was passed over, as far as they are known: of each process
    /// the one that it sent last, as other promises may hold for each. Records of failed sends do not count, nor those
    /// that were sent later, nor those that retention or compaction may have removed by then. With it how many there
    /// are, of all processes.
    fn records_in(&self, gap: &Gap) -> (Vec<Observation>, Option<Passed>);

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

/// So many records of a gap are told of.
const PASSED_MAX: usize = 64;
/// So many are counted.
const COUNTED_MAX: usize = 1 << 16;

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

    fn observation_at(&self, send: SendId, offset: i64) -> Observation {
        Index::observation_at(self, send, offset)
    }

    fn observation_of_read(&self, read: ReadId) -> Observation {
        Index::observation_of_read(self, read)
    }

    fn offset_of(&self, send: SendId) -> Option<(u32, i64)> {
        let returned = self.returned(send).filter(|_| self.happened(send));
        let offset = returned.or_else(|| self.place(send))?;
        Some((self.partition_of(send)?, offset))
    }

    fn is_repeated(&self, read: ReadId) -> bool {
        Index::is_repeated(self, read)
    }

    fn records_in(&self, gap: &Gap) -> (Vec<Observation>, Option<Passed>) {
        let passed = self.exist_in(gap).map(|place| self.observation_of_placement(&place));
        passed_over(self.history, gap, passed)
    }
}

/// Those to tell of, and how many there are.
pub(super) fn passed_over(
    history: &History,
    gap: &Gap,
    records: impl Iterator<Item = Observation>,
) -> (Vec<Observation>, Option<Passed>) {
    let mut shown = Vec::new();
    let mut passed: Option<Passed> = None;
    for record in records.take(COUNTED_MAX) {
        let Observation { offset, .. } = record;
        let none = Passed { stood: gap.stood, records: 0, first: offset, last: offset };
        let known = passed.unwrap_or(none);
        let (first, last) = (known.first.min(offset), known.last.max(offset));
        passed = Some(Passed { records: known.records + 1, first, last, ..known });
        if shown.len() < PASSED_MAX {
            shown.push(record);
        }
    }
    (newest_of_each(history, shown.into_iter()), passed)
}

/// Of each process the record that it sent last, in order of offset.
fn newest_of_each(
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
