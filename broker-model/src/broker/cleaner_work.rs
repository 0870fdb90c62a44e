//! What a broker's log cleaner is at.

use crate::broker::cleaner_checkpoint::CleanerCheckpoint;
use crate::disk_image::DiskImage;
use crate::log::Log;
use crate::log::cleaner::{CleanedSegment, CleaningRound};
use crate::node::{Deadline, Effects};
use crate::types::{FlushToken, LogDirectory, Time, TopicPartition};

/// A broker's log cleaner.
#[derive(Debug)]
pub(super) struct Cleaner {
    pub(super) checkpoint: CleanerCheckpoint,
    /// When it looks for a dirty log; none as long as nothing is compacted, or while it cleans.
    pub(super) wakes_at: Option<Time>,
    pub(super) work: Option<Work>,
}

/// A round that is under way: a cleaned segment is being flushed.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) partition: TopicPartition,
    pub(super) round: CleaningRound,
    pub(super) written: CleanedSegment,
    pub(super) token: FlushToken,
}

impl Cleaner {
    /// At boot nothing is cleaned.
    pub(super) fn new(image: &DiskImage, directories: impl Iterator<Item = LogDirectory>) -> Self {
        Self { checkpoint: CleanerCheckpoint::new(image, directories), wakes_at: None, work: None }
    }

    /// When it looks for a dirty log next.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.wakes_at.map(|at| Deadline { at, why: "log cleaner is due" })
    }

    /// Ends the round of a log, if it is being cleaned; `log` is that, if it is still there. Source:
    /// `LogCleanerManager.abortCleaning`.
    pub(super) fn abort(
        &mut self,
        id: TopicPartition,
        log: Option<&Log>,
        now: Time,
        effects: &mut Effects,
    ) {
        let Some(work) = self.work.take_if(|work| work.partition == id) else { return };
        if let Some(log) = log {
            log.drop_cleaned(&work.written, effects);
        }
        self.wakes_at = Some(now);
    }
}
