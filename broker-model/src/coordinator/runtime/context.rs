//! One partition's coordinator: what its log makes of it, and who waits for what.

use std::fmt::Debug;

use crate::log::Log;
use crate::node::Deadline;
use crate::record::{BatchHeader, Record, RecordBatch};
use crate::types::{LeaderEpoch, Offset, Time};

/// State that follows from a log's records alone.
pub(crate) trait Replicated: Default + Debug {
    /// Takes the next record. One of a control batch is a transaction's marker. What cannot be read is left out.
    fn replay(&mut self, batch: &BatchHeader, record: &Record);
}

/// One partition's coordinator.
#[derive(Debug)]
pub(crate) struct Context<S, W> {
    /// The leader epoch in which it coordinates.
    epoch: LeaderEpoch,
    /// When it will have read the log; `None` once it has.
    loaded_at: Option<Time>,
    /// What all records give.
    written: Replayed<S>,
    /// What the committed records give.
    committed: Replayed<S>,
    /// In order of offset.
    waiting: Vec<Waiting<W>>,
}

/// A state, and up to where the log is in it.
#[derive(Debug, Default)]
struct Replayed<S> {
    state: S,
    to: Offset,
}

/// Who waits until the high watermark passes an offset.
#[derive(Debug)]
struct Waiting<W> {
    end: Offset,
    until: Time,
    waiter: W,
}

impl<S: Replicated> Replayed<S> {
    fn follow(&mut self, log: &Log, upto: Offset) {
        if self.to >= upto {
            return;
        }
        // What is gone from the log's start says nothing any more.
        for batch in log.read(self.to.max(log.log_start_offset()), upto, u32::MAX) {
            self.take(&batch);
        }
        self.to = upto;
    }

    fn take(&mut self, batch: &RecordBatch) {
        let Ok(records) = batch.records() else { return };
        for record in records.iter().filter(|record| record.offset >= self.to) {
            self.state.replay(batch.header(), record);
        }
    }
}

impl<S: Replicated, W> Context<S, W> {
    pub(super) fn loading(epoch: LeaderEpoch, loaded_at: Time) -> Self {
        Self {
            epoch,
            loaded_at: Some(loaded_at),
            written: Replayed::default(),
            committed: Replayed::default(),
            waiting: Vec::new(),
        }
    }

    pub(super) fn elected_again(&mut self, epoch: LeaderEpoch) {
        self.epoch = self.epoch.max(epoch);
    }

    pub(super) fn load(&mut self, log: &Log) {
        assert!(self.waiting.is_empty(), "somebody waits for {} before its load", log.partition());
        self.loaded_at = None;
        self.written.follow(log, log.log_end_offset());
        self.committed.follow(log, log.high_watermark());
        self.self_check();
    }

    pub(super) fn loaded_at(&self) -> Option<Time> {
        self.loaded_at
    }

    /// The leader epoch in which it coordinates.
    pub(crate) fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// What counts for writes.
    pub(crate) fn written(&self) -> &S {
        &self.written.state
    }

    /// What clients may be told.
    pub(crate) fn committed(&self) -> &S {
        &self.committed.state
    }

    /// The offset behind what is committed.
    pub(crate) fn committed_to(&self) -> Offset {
        self.committed.to
    }

    /// Takes something from both copies of the state: from what is written, and from what is committed.
    pub(crate) fn take_from_both<T>(&mut self, take: impl Fn(&mut S) -> T) -> (T, T) {
        (take(&mut self.written.state), take(&mut self.committed.state))
    }

    /// Whether all that is written is committed.
    pub(crate) fn is_settled(&self) -> bool {
        self.committed.to >= self.written.to
    }

    /// Takes in what was appended and what was committed since; those whose record is committed, in order, each with
    /// the offset behind that record. Source: `CoordinatorRuntime.HighWatermarkListener`.
    pub(crate) fn follow(&mut self, log: &Log) -> Vec<(Offset, W)> {
        if self.loaded_at.is_some() {
            return Vec::new();
        }
        self.written.follow(log, log.log_end_offset());
        self.committed.follow(log, log.high_watermark());
        let passed = self.waiting.partition_point(|waiting| waiting.end <= self.committed.to);
        self.self_check();
        self.waiting.drain(..passed).map(|waiting| (waiting.end, waiting.waiter)).collect()
    }

    /// Lets somebody wait for the last record that is written, at most until then; gives it back if there is nothing to
    /// wait for: even what reads only must not be told before what it has read. Source: `CoordinatorRuntime.append`.
    pub(crate) fn wait(&mut self, until: Time, waiter: W) -> Option<W> {
        if self.is_settled() {
            return Some(waiter);
        }
        self.waiting.push(Waiting { end: self.written.to, until, waiter });
        self.self_check();
        None
    }

    /// Those who have waited too long. What they have written stays. Source: `CoordinatorRuntime.OperationTimeout`.
    pub(super) fn expired(&mut self, now: Time) -> Vec<W> {
        let late = self.waiting.extract_if(.., |waiting| waiting.until <= now);
        late.map(|waiting| waiting.waiter).collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn into_waiting(self) -> Vec<W> {
        self.waiting.into_iter().map(|waiting| waiting.waiter).collect()
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let load = self.loaded_at.map(|at| Deadline { at, why: "a coordinator is loaded" });
        let late = self.waiting.iter().map(|waiting| waiting.until).min();
        let late = late.map(|at| Deadline { at, why: "a coordinator's write times out" });
        Deadline::earlier(load, late)
    }

    fn self_check(&self) {
        assert!(
            self.committed.to <= self.written.to,
            "committed to {}, written to {}",
            self.committed.to,
            self.written.to
        );
        assert!(
            self.loaded_at.is_none() || self.waiting.is_empty(),
            "{} wait for records of a log that is being loaded",
            self.waiting.len()
        );
        let newest = self.waiting.last().map(|waiting| waiting.end);
        assert!(
            newest.is_none_or(|newest| newest <= self.written.to),
            "somebody waits for {newest:?}, written to {}",
            self.written.to
        );
        if let [.., before, last] = self.waiting.as_slice() {
            assert!(
                before.end <= last.end,
                "who waits for {} comes before {}",
                before.end,
                last.end
            );
        }
    }
}
