//! The voters that a replica goes by: the last that its log has, committed or not.
//!
//! Obligation: a change of the voters counts from where it is appended, and a log that is cut takes it back. Who waited
//! for the commit, or kept what was cut, would count by other voters than the leader does: two majorities that do not
//! meet, two leaders. Source: KIP-853, Raft (Ongaro 2014) section 4.1; Kafka's `KRaftControlRecordStateMachine`,
//! `VoterSetHistory`.
//!
//! Not modelled: endpoints, and with them `UpdateRaftVoter`, by which a voter tells the leader of its own; changes of
//! `kraft.version`, which is that of the cluster's configuration.

use crate::defect::QuorumDefect;
use crate::metadata::MetadataRecord;
use crate::node::Effects;
use crate::note::QuorumNote;
use crate::raft::quorum::Quorum;
use crate::record::RecordBatch;
use crate::types::{DirectoryId, Offset};
use crate::voter_set::{ReplicaKey, VoterSet};

/// Bytes of the log that are read at once.
const READ_BYTES_MAX: u32 = 1 << 20;

impl Quorum {
    /// The voters by which this replica goes.
    pub(crate) fn voters(&self) -> &VoterSet {
        self.voters.current()
    }

    /// This replica.
    pub(crate) fn key(&self) -> ReplicaKey {
        ReplicaKey { id: self.node, directory: self.directory }
    }

    /// Whether this replica is a voter.
    pub(super) fn votes(&self) -> bool {
        self.is_voter(self.key())
    }

    /// Whether it is the only one.
    pub(super) fn is_only_voter(&self) -> bool {
        self.voters().count() == 1 && self.votes()
    }

    /// Whether a replica is a voter. Source: `VoterSet.isVoter`.
    pub(super) fn is_voter(&self, replica: ReplicaKey) -> bool {
        self.voters().voter(replica.id).is_some_and(|voter| self.is_same(voter, replica))
    }

    /// Whether a voter is this replica: on the same disk, unless the configuration has named it without one.
    pub(super) fn is_same(&self, voter: ReplicaKey, replica: ReplicaKey) -> bool {
        // QuorumDefect::IgnoresDirectory: the id alone counts, whatever became of its disk.
        let any = self.defects.has(QuorumDefect::IgnoresDirectory)
            || voter.directory == DirectoryId::UNASSIGNED;
        voter.id == replica.id && (any || voter.directory == replica.directory)
    }

    /// The other voters.
    pub(super) fn other_voters(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.voters().keys().iter().copied().filter(|voter| voter.id != self.node)
    }

    /// Reads the sets that the snapshot and the log have.
    pub(super) fn load_voters(&mut self) {
        if !self.reconfigurable {
            return;
        }
        let from = self.take_snapshot_voters();
        let end = self.log.log_end_offset();
        let mut at = from.max(self.log.log_start_offset());
        while at < end {
            let batches = self.log.read(at, end, READ_BYTES_MAX);
            at = batches.last().map_or(end, RecordBatch::next_offset);
            self.take_written(&batches);
        }
    }

    /// States at boot on which disk it is, and by which voters it goes.
    pub(super) fn note_replica(&self, effects: &mut Effects) {
        if self.reconfigurable {
            effects.note(QuorumNote::DirectoryFound { directory: self.directory });
            self.note_voters(effects);
        }
    }

    /// Goes by the voters of the latest snapshot alone: all that is written before it is in it. Where it ends.
    fn take_snapshot_voters(&mut self) -> Offset {
        let Some((snapshot, image)) = self.snapshot_beyond(Offset::ZERO) else {
            return Offset::ZERO;
        };
        self.voters.truncate(Offset::ZERO);
        if image.voters.count() > 0 {
            self.voters.write(snapshot.end_offset.plus(-1), image.voters);
        }
        snapshot.end_offset
    }

    /// A snapshot has taken the place of the log.
    pub(super) fn restart_voters(&mut self, effects: &mut Effects) {
        if self.reconfigurable {
            self.take_snapshot_voters();
            self.note_voters(effects);
        }
    }

    /// Batches were appended: a set of voters among their records counts from now on.
    pub(super) fn append_voters(&mut self, batches: &[RecordBatch], effects: &mut Effects) {
        if self.reconfigurable && self.take_written(batches) {
            self.follow_voters();
            self.note_voters(effects);
        }
    }

    fn take_written(&mut self, batches: &[RecordBatch]) -> bool {
        let mut changed = false;
        for record in batches.iter().flat_map(|it| it.records().expect("a leader wrote this")) {
            let read = record.value.as_ref().and_then(MetadataRecord::decode);
            if let Some(MetadataRecord::Voters { voters }) = read {
                self.voters.write(record.offset, voters);
                changed = true;
            }
        }
        changed
    }

    /// The log was cut: voters that were written behind its end count no more. Source:
    /// `KRaftControlRecordStateMachine.truncateNewEntries`.
    pub(super) fn cut_voters(&mut self, effects: &mut Effects) {
        // QuorumDefect::KeepsCutVoters: goes by voters that its log does not have any more.
        if !self.reconfigurable || self.defects.has(QuorumDefect::KeepsCutVoters) {
            return;
        }
        let before = self.voters.offset();
        self.voters.truncate(self.log.log_end_offset());
        if self.voters.offset() != before {
            self.note_voters(effects);
        }
    }

    fn note_voters(&self, effects: &mut Effects) {
        let offset = self.voters.offset().unwrap_or(Offset::NONE);
        let voters = self.voters().clone();
        effects.note(QuorumNote::VotersInEffect { offset, voters });
    }

    /// What is gone by is in the log, or in the snapshot at its front.
    pub(super) fn check_voters(&self) {
        let (offset, end) = (self.voters.offset(), self.log.log_end_offset());
        let kept = self.defects.has(QuorumDefect::KeepsCutVoters);
        assert!(
            kept || offset.is_none_or(|offset| offset < end),
            "{} goes by voters at {offset:?}, its log ends at {end}",
            self.node
        );
        assert!(
            self.reconfigurable || offset.is_none(),
            "{} goes by voters at {offset:?} that nobody may write",
            self.node
        );
    }
}
