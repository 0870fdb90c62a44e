//! What the rules look up that judge whole histories and growing ones alike.

use harrow_sim::history::{History, ReadRecord, Row, SendRecord};

use super::index::{Index, ReadId, SendId};
use super::{Anomaly, Circumstance, Options, Witness};

/// A history, and what is known by it.
pub(super) trait Facts {
    fn history(&self) -> &History;

    fn options(&self) -> &Options;

    /// Where a read's value stands in the log: its lowest place, so that a second copy counts as the same record.
    fn place_of(&self, read: ReadId) -> i64;

    fn witness_send(&self, send: SendId) -> Witness;

    fn witness_read(&self, read: ReadId) -> Witness;

    /// A record that must exist at an offset from `first` up to, and without, `end`, if one is known. Records of failed
    /// sends do not count, nor do those that retention or compaction may have removed, nor copies of `but`.
    fn record_between(
        &self,
        partition: u32,
        first: i64,
        end: i64,
        but: [u64; 2],
    ) -> Option<Witness>;

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

/// Offsets that were passed over: an anomaly if a record stands among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub(super) anomaly: Anomaly,
    pub(super) partition: u32,
    /// The first offset passed over.
    pub(super) first: i64,
    /// The offset that was gone on to.
    pub(super) end: i64,
    /// Values that do not count.
    pub(super) but: [u64; 2],
    /// What went on behind it.
    pub(super) subject: Witness,
    pub(super) circumstance: Circumstance,
}

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

    fn record_between(
        &self,
        partition: u32,
        first: i64,
        end: i64,
        but: [u64; 2],
    ) -> Option<Witness> {
        let place = self.exists_between(partition, first, end, but)?;
        Some(self.witness_placement(&place))
    }
}
