//! The snapshots that a voter has, with their content, and when it looks at them again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::config::{MetadataLogConfig, ms};
use crate::disk_image::{DiskImage, FileId};
use crate::metadata::decode_snapshot;
use crate::node::{Deadline, Effect, Effects};
use crate::types::{Offset, SnapshotId, Time, WallTime};

/// The snapshots of a voter.
#[derive(Debug)]
pub(super) struct Snapshots {
    pub(super) config: MetadataLogConfig,
    pub(super) held: BTreeMap<SnapshotId, Held>,
    /// When it is looked at next what may be deleted.
    clean_at: Time,
}

/// A snapshot.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    /// Timestamp of the last record in it.
    pub(super) appended_at: WallTime,
}

impl Snapshots {
    /// Finds those that end at or above the log's start, and removes the others. Source:
    /// `KafkaMetadataLog.recoverSnapshots`.
    pub(super) fn open(
        config: MetadataLogConfig,
        image: &DiskImage,
        log_start: Offset,
        now: Time,
        effects: &mut Effects,
    ) -> Self {
        let mut held = BTreeMap::new();
        for (id, bytes) in image.metadata_snapshots() {
            match decode_snapshot(bytes).filter(|_| id.end_offset >= log_start) {
                Some((_, appended_at)) => {
                    held.insert(id, Held { bytes: bytes.clone(), appended_at });
                }
                None => effects.push(Effect::Delete { file: FileId::MetadataSnapshot(id) }),
            }
        }
        Self { config, held, clean_at: now + ms(config.clean_interval_ms) }
    }

    /// The first in Kafka's order: by epoch, then by offset.
    pub(super) fn earliest(&self) -> Option<SnapshotId> {
        self.held.keys().next().copied()
    }

    /// The last in that order.
    pub(super) fn latest(&self) -> Option<SnapshotId> {
        self.held.keys().next_back().copied()
    }

    /// The content of one.
    pub(super) fn bytes(&self, id: SnapshotId) -> Option<&Bytes> {
        self.held.get(&id).map(|held| &held.bytes)
    }

    /// Bytes of all of them.
    pub(super) fn size(&self) -> u64 {
        self.held.values().map(|held| held.bytes.len() as u64).sum()
    }

    /// When something may have to be deleted: there is nothing to look at before there are two.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.clean_at;
        (self.held.len() > 1).then_some(Deadline { at, why: "metadata log is cleaned" })
    }

    /// Whether it is time to look, at one of the times that are the interval apart.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        let due = self.clean_at <= now;
        let interval = ms(self.config.clean_interval_ms).max(Duration::from_millis(1));
        while self.clean_at <= now {
            self.clean_at = self.clean_at + interval;
        }
        due
    }
}
