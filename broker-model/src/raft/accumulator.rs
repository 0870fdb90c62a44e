//! What a leader has been given to append and has not appended yet.
//!
//! Obligation: what is given within `controller.quorum.append.linger.ms` of the first record goes to the log as one
//! batch, with one flush. A record of the quorum itself, such as a set of voters, goes at once in a batch of its own,
//! and with it all that was given before. A leader that gives the leadership up, or dies, forgets the rest: nobody was
//! told of it. Source: Kafka's `BatchAccumulator`, `KafkaRaftClient.maybeAppendBatches`.
//!
//! Not covered: a batch that is full, of 8 MiB in Kafka, goes at once; and at most ten such wait.

use std::time::Duration;

use crate::metadata::MetadataRecord;
use crate::types::{Time, WallTime};

/// A leader's records that wait to be appended.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    records: Vec<MetadataRecord>,
    /// When the first of them was given: its time is that of the batch.
    began: WallTime,
    drain_at: Option<Time>,
}

impl Accumulator {
    /// Takes records in; the first ones begin the wait.
    pub(super) fn push(
        &mut self,
        (now, wall): (Time, WallTime),
        records: &[MetadataRecord],
        linger: Duration,
    ) {
        if self.drain_at.is_none() {
            self.drain_at = Some(now + linger);
            self.began = wall;
        }
        self.records.extend_from_slice(records);
        self.self_check();
    }

    /// Takes all out, with their time.
    pub(super) fn drain(&mut self) -> (WallTime, Vec<MetadataRecord>) {
        self.drain_at = None;
        (self.began, std::mem::take(&mut self.records))
    }

    /// How many records wait.
    pub(super) fn len(&self) -> i64 {
        self.records.len() as i64
    }

    /// When they are to be appended.
    pub(super) fn drain_at(&self) -> Option<Time> {
        self.drain_at
    }

    /// Records wait if and only if their time runs.
    pub(super) fn self_check(&self) {
        let (waits, runs) = (!self.records.is_empty(), self.drain_at.is_some());
        assert!(waits == runs, "{} records wait until {:?}", self.records.len(), self.drain_at);
    }
}
