//! The snapshots on a voter's disk, and what of the log may go because one of them holds it.
//!
//! Obligation: the log begins where a snapshot on this disk ends, at the latest: of what is deleted, all that it gave
//! stays. Without that a voter that restarts has no metadata, and who was away for long finds neither the log nor a
//! snapshot to begin with (KAFKA-14238). A snapshot counts once it is whole and on the disk (KAFKA-15312), and holds
//! committed records only. Source: KIP-630, Kafka's `KafkaMetadataLog`.
//!
//! Kafka writes snapshots on a thread of their own while the voter goes on; here the voter waits for it. A snapshot
//! that is deleted is renamed first and removed a minute later; here it is gone at once. A snapshot that cannot be read
//! is taken for one that an operator has deleted; Kafka fails when it reads it.

use bytes::Bytes;

use crate::defect::QuorumDefect;
use crate::disk_image::FileId;
use crate::metadata::{MetadataImage, decode_snapshot, encode_snapshot};
use crate::node::{Effect, Effects};
use crate::note::{DeletionReason, QuorumNote};
use crate::raft::quorum::Quorum;
use crate::raft::snapshot_store::Held;
use crate::types::{LeaderEpoch, Now, Offset, SnapshotId, WallTime};
use crate::voter_set::VoterSet;

impl Quorum {
    /// Whether records are gone from the log's front that no snapshot holds: this voter cannot go on. Source:
    /// `KafkaMetadataLog.recoverSnapshots`.
    pub(crate) fn lacks_snapshot(&self) -> bool {
        let start = self.log.log_start_offset();
        let covered = self.snapshots.latest().is_some_and(|latest| latest.end_offset >= start);
        start > Offset::ZERO && !covered
    }

    /// The latest snapshot and what it holds, if it ends beyond an offset.
    pub(crate) fn snapshot_beyond(&self, end: Offset) -> Option<(SnapshotId, MetadataImage)> {
        let latest = self.snapshots.latest().filter(|latest| latest.end_offset > end)?;
        let bytes = self.snapshots.bytes(latest).expect("the latest one is held");
        let (image, _) = decode_snapshot(bytes).expect("it was read, or made, before it was held");
        Some((latest, image))
    }

    /// A log that a snapshot has overtaken begins again at its end, empty. At boot, too: the process may have ended
    /// between the two. Whether it did so. Source: `KafkaMetadataLog.truncateToLatestSnapshot`.
    pub(super) fn truncate_to_latest_snapshot(&mut self, effects: &mut Effects) -> bool {
        let Some(latest) = self.snapshots.latest() else { return false };
        let own = SnapshotId {
            epoch: self.log.latest_epoch().max(LeaderEpoch(0)),
            end_offset: self.log.log_end_offset(),
        };
        if latest <= own {
            return false;
        }
        self.log.start_at_snapshot(latest, effects);
        self.forget_before(latest, effects);
        self.restart_voters(effects);
        true
    }

    /// What a snapshot holds is committed: who starts on one knows so much of the high watermark. Kafka's voter waits
    /// with that until it hears of one.
    pub(super) fn start_on_snapshot(&mut self, effects: &mut Effects) {
        self.truncate_to_latest_snapshot(effects);
        if let Some(latest) = self.snapshots.latest() {
            self.log.set_high_watermark(latest.end_offset);
        }
    }

    /// A log that was cut to where its snapshot ends is of that one's epoch still. Source:
    /// `KafkaMetadataLog.lastFetchedEpoch`.
    pub(super) fn know_snapshot_epoch(&mut self, effects: &mut Effects) {
        let end = self.log.log_end_offset();
        if self.log.latest_epoch() == LeaderEpoch::NONE
            && let Some(latest) = self.snapshots.latest().filter(|it| it.end_offset == end)
        {
            self.log.assign_epoch(latest.epoch, effects);
        }
    }

    /// Makes a snapshot of the metadata that all committed records give, the last of which is of an epoch and was
    /// appended at a time; nothing if there is such a one. Source: `KafkaMetadataLog.createNewSnapshot`.
    pub(crate) fn create_snapshot(
        &mut self,
        image: &MetadataImage,
        epoch: LeaderEpoch,
        appended_at: WallTime,
        effects: &mut Effects,
    ) {
        let id = SnapshotId { epoch, end_offset: image.end_offset };
        let (start, committed) = (self.log.log_start_offset(), self.log.high_watermark());
        assert!(id.end_offset <= committed, "snapshot {id} is made, and {committed} is committed");
        if id.end_offset >= start && self.snapshots.bytes(id).is_none() {
            let forgets = self.defects.has(QuorumDefect::SnapshotWithoutVoters);
            // QuorumDefect::SnapshotWithoutVoters: holds all of the metadata but for who votes.
            let without = MetadataImage { voters: VoterSet::default(), ..image.clone() };
            let image = if forgets { &without } else { image };
            let bytes = encode_snapshot(image, appended_at);
            self.hold_snapshot(id, bytes, appended_at, effects);
            let digest = image.digest();
            effects.note(QuorumNote::SnapshotWritten { snapshot: id, digest, fetched: false });
        }
    }

    /// A snapshot that the leader gave is whole; false if it is none.
    pub(super) fn take_snapshot(
        &mut self,
        id: SnapshotId,
        bytes: Bytes,
        effects: &mut Effects,
    ) -> bool {
        let Some((image, appended_at)) = decode_snapshot(&bytes) else { return false };
        let digest = image.digest();
        self.hold_snapshot(id, bytes, appended_at, effects);
        effects.note(QuorumNote::SnapshotWritten { snapshot: id, digest, fetched: true });
        true
    }

    /// Writes it aside, syncs and renames it: it is whole or not there. Source: `FileRawSnapshotWriter.freeze`.
    fn hold_snapshot(
        &mut self,
        id: SnapshotId,
        bytes: Bytes,
        appended_at: WallTime,
        effects: &mut Effects,
    ) {
        let file = FileId::MetadataSnapshot(id);
        let written = bytes.clone();
        effects.push(if self.defects.has(QuorumDefect::SnapshotNotSynced) {
            // QuorumDefect::SnapshotNotSynced: it has its name before its bytes are on the disk.
            Effect::Write { file, bytes: written }
        } else {
            Effect::Replace { file, bytes: written }
        });
        self.snapshots.held.insert(id, Held { bytes, appended_at });
    }

    /// Deletes snapshots, and with them what of the log a later one holds, as long as log and snapshots are too large,
    /// then as long as they are too old. One always stays. Source: `KafkaMetadataLog.maybeClean`.
    pub(super) fn clean_if_due(&mut self, now: Now, effects: &mut Effects) {
        if self.snapshots.is_due(now.time) && self.snapshots.held.len() > 1 {
            self.clean_beyond_size(now, effects);
            self.clean_expired(now, effects);
        }
    }

    fn clean_beyond_size(&mut self, now: Now, effects: &mut Effects) {
        let Ok(limit) = u64::try_from(self.snapshots.config.retention_bytes) else { return };
        let mut snapshots_size = self.snapshots.size();
        for (oldest, next) in self.successors() {
            if self.log.size_bytes() + snapshots_size <= limit {
                return;
            }
            snapshots_size -= self.snapshots.held[&oldest].bytes.len() as u64;
            if !self.delete_before(next, now, effects) {
                return;
            }
        }
    }

    fn clean_expired(&mut self, now: Now, effects: &mut Effects) {
        let limit_ms = self.snapshots.config.retention_ms;
        if limit_ms < 0 {
            return;
        }
        for (oldest, next) in self.successors() {
            let age_ms = now.wall.0.saturating_sub(self.snapshots.held[&oldest].appended_at.0);
            if age_ms <= limit_ms || !self.delete_before(next, now, effects) {
                return;
            }
        }
    }

    /// Each snapshot but the last, with the one after it.
    fn successors(&self) -> Vec<(SnapshotId, SnapshotId)> {
        let ids: Vec<SnapshotId> = self.snapshots.held.keys().copied().collect();
        ids.windows(2).map(|pair| (pair[0], pair[1])).collect()
    }

    /// Lets the log begin where a snapshot ends; segments and snapshots below go. Whether anything did. Source:
    /// `KafkaMetadataLog.deleteBeforeSnapshot`.
    fn delete_before(&mut self, id: SnapshotId, now: Now, effects: &mut Effects) -> bool {
        if self.log.log_start_offset() >= id.end_offset {
            return false;
        }
        self.log.advance_log_start(id.end_offset, DeletionReason::Snapshot, effects);
        self.log.delete_old_segments(now.wall, effects);
        self.forget_before(id, effects);
        true
    }

    fn forget_before(&mut self, id: SnapshotId, effects: &mut Effects) {
        let kept = self.snapshots.held.split_off(&id);
        for older in std::mem::replace(&mut self.snapshots.held, kept).into_keys() {
            effects.push(Effect::Delete { file: FileId::MetadataSnapshot(older) });
        }
    }

    /// What is held begins the log, or lies in it, and is committed.
    pub(super) fn check_snapshots(&self) {
        let (start, committed) = (self.log.log_start_offset(), self.log.high_watermark());
        let (earliest, latest) = (self.snapshots.earliest(), self.snapshots.latest());
        let past = self.defects.has(QuorumDefect::RetentionPastSnapshot);
        assert!(
            past || earliest.is_none_or(|earliest| earliest.end_offset >= start),
            "{earliest:?} is held, and the log begins at {start}"
        );
        assert!(
            latest.is_none_or(|latest| latest.end_offset <= committed),
            "{latest:?} is held, and {committed} is committed"
        );
        assert!(past || !self.lacks_snapshot(), "no snapshot holds what is below {start}");
    }
}
