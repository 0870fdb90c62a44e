//! Renames that are in the page cache only. A file system writes them down in their order: of those that were not
//! synced, a power loss leaves a first part. Syncing any file of a log writes down all that were made in its directory.

use std::collections::VecDeque;

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::types::TopicPartition;

use crate::world::draw::Stream;

/// Renames that a power loss may undo, in order.
#[derive(Debug, Default)]
pub(super) struct Renames<F> {
    pending: VecDeque<PendingRename<F>>,
    count: u64,
    /// So many of the pending ones are undone.
    lost: usize,
}

/// A rename that may be undone.
#[derive(Debug)]
pub(super) struct PendingRename<F> {
    pub(super) from: FileId,
    pub(super) to: FileId,
    /// What had the new name before.
    pub(super) displaced: Option<F>,
    at_ns: u64,
    number: u64,
}

impl<F> Renames<F> {
    pub(super) fn push(&mut self, at_ns: u64, (from, to): (FileId, FileId), displaced: Option<F>) {
        self.count += 1;
        let number = self.count;
        self.pending.push_back(PendingRename { from, to, displaced, at_ns, number });
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    /// Those of a log are on durable storage, up to one.
    pub(super) fn settle(&mut self, partition: Option<TopicPartition>, upto: u64) {
        self.pending.retain(|it| it.number > upto || it.from.partition() != partition);
    }

    /// Those that are old enough are on durable storage.
    pub(super) fn settle_old(&mut self, is_old: impl Fn(u64) -> bool) {
        self.pending.retain(|it| !is_old(it.at_ns));
    }

    /// The power is lost, and with it a drawn last part of them; in half of the losses all.
    pub(super) fn lose(&mut self, stream: &mut Stream) {
        let all = self.pending.len() as u64;
        let kept = if stream.below(2) == 0 { 0 } else { stream.below(all + 1) };
        self.lost = (all - kept) as usize;
    }

    /// The next one that is undone, newest first. What is left is on durable storage.
    pub(super) fn pop_lost(&mut self) -> Option<PendingRename<F>> {
        if self.lost == 0 {
            self.pending.clear();
            return None;
        }
        self.lost -= 1;
        self.pending.pop_back()
    }
}
