//! Which transactions of a log are open, and which were aborted: what the log says, markers and all.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{BatchKind, BatchSummary};
use harrow_broker_model::types::{Offset, ProducerId};

use crate::view::{LogEntry, LogMirror, ReplicaView};

/// The transactions of one log, up to an offset of it.
#[derive(Debug, Default)]
pub(super) struct LogTransactions {
    end: Offset,
    chain: u64,
    /// First and last offsets of the batches of each open transaction, in order.
    open: BTreeMap<ProducerId, Vec<(Offset, Offset)>>,
    /// Ended transactions of each producer, in order.
    ended: BTreeMap<ProducerId, Vec<Ended>>,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    first: Offset,
    marker: Offset,
    aborted: bool,
}

impl LogTransactions {
    /// Of a whole log.
    pub(super) fn of(log: &LogMirror) -> Self {
        let mut transactions = Self::default();
        transactions.follow(log);
        transactions
    }

    /// Reads the log up to its end; from its start, if it is another than before.
    pub(super) fn follow(&mut self, log: &LogMirror) {
        if log.chain_at(self.end) != Some(self.chain) {
            *self = Self { end: log.start(), ..Self::default() };
        }
        for entry in log.between(self.end, log.end()) {
            self.take(entry);
        }
        self.end = log.end();
        self.chain = log.chain();
    }

    fn take(&mut self, entry: &LogEntry) {
        let LogEntry { batch, .. } = entry;
        let aborted = batch.kind == BatchKind::AbortMarker;
        match batch.kind {
            BatchKind::Transactional => {
                let place = (batch.base_offset, batch.last_offset);
                self.open.entry(batch.producer_id).or_default().push(place);
            }
            BatchKind::CommitMarker | BatchKind::AbortMarker => {
                let batches = self.open.remove(&batch.producer_id);
                if let Some((first, _)) = batches.as_deref().and_then(<[_]>::first).copied() {
                    let ended = Ended { first, marker: batch.base_offset, aborted };
                    self.ended.entry(batch.producer_id).or_default().push(ended);
                }
            }
            BatchKind::Plain | BatchKind::Control => {}
        }
    }

    /// The first record of an open transaction in a log that starts there.
    pub(super) fn first_undecided(&self, log_start: Offset) -> Option<Offset> {
        self.first_undecided_of(log_start, &BTreeSet::new())
    }

    /// The same of a replica, which never saw what its leader's cleaner had taken before it copied the rest.
    pub(super) fn first_undecided_at(&self, replica: &ReplicaView) -> Option<Offset> {
        self.first_undecided_of(replica.log_start_offset, &replica.holes.gone)
    }

    /// The first record that a replica has of a producer's open transaction.
    pub(super) fn first_open_of(&self, id: ProducerId, replica: &ReplicaView) -> Option<Offset> {
        let open = self.open.get(&id)?;
        first_left(open, replica.log_start_offset, &replica.holes.gone)
    }

    fn first_undecided_of(&self, log_start: Offset, gone: &BTreeSet<Offset>) -> Option<Offset> {
        self.open.values().filter_map(|open| first_left(open, log_start, gone)).min()
    }

    /// Whether the batch's transaction is aborted; `None` if it is open or there is none.
    pub(super) fn is_aborted(&self, batch: &BatchSummary) -> Option<bool> {
        if batch.kind != BatchKind::Transactional {
            return None;
        }
        let ended = self.ended.get(&batch.producer_id)?;
        let next = ended.partition_point(|ended| ended.marker < batch.base_offset);
        let ended = ended.get(next)?;
        (ended.first <= batch.base_offset).then_some(ended.aborted)
    }

    /// Whether the batch is of an open transaction.
    pub(super) fn is_open(&self, batch: &BatchSummary) -> bool {
        batch.kind == BatchKind::Transactional && self.is_aborted(batch).is_none()
    }
}

/// The first of these batches that is in a log which begins at an offset and lacks the batches at others.
fn first_left(
    batches: &[(Offset, Offset)],
    log_start: Offset,
    gone: &BTreeSet<Offset>,
) -> Option<Offset> {
    let deleted = batches.partition_point(|(_, last)| *last < log_start);
    let mut left = batches[deleted..].iter().map(|(base, _)| *base);
    left.find(|base| !gone.contains(base)).map(|base| base.max(log_start))
}
