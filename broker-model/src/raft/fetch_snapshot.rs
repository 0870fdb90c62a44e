//! Who is behind the start of the leader's metadata log fetches a snapshot instead, part by part.
//!
//! Obligation: a leader that does not have the records any more names a snapshot of what they gave. Without that a
//! voter or broker that was away for long never comes back: it is told to cut its log, or to ask again, for ever.
//! Source: KIP-630; `KafkaRaftClient.tryCompleteFetchRequest`, `handleFetchSnapshotRequest`,
//! `handleFetchSnapshotResponse`,
//! `ReplicatedLog.validateOffsetAndEpoch`.

use crate::message::{
    ClusterError, FetchSnapshotRequest, FetchSnapshotResponse, QuorumFetchRequest, QuorumRequest,
    RequestBody,
};
use crate::metadata::{FetchingSnapshot, Part};
use crate::node::{COMMITTED_METADATA_GONE, Effect, Effects};
use crate::note::Api;
use crate::raft::quorum::Quorum;
use crate::raft::role::Role;
use crate::types::{LeaderEpoch, NodeId, Offset, SnapshotId, Time};
use crate::voter_set::ReplicaKey;

impl Quorum {
    /// The snapshot that is to be fetched instead of what was asked for. Who has nothing is given one even if the log
    /// is whole: that is quicker.
    pub(super) fn snapshot_instead(&self, request: &QuorumFetchRequest) -> Option<SnapshotId> {
        let (earliest, latest) = (self.snapshots.earliest()?, self.snapshots.latest()?);
        let (offset, epoch) = (request.fetch_offset, request.last_fetched_epoch);
        let start = self.log.log_start_offset();
        let older =
            offset < start || offset == start && epoch != earliest.epoch || epoch < earliest.epoch;
        (offset == Offset::ZERO || older).then_some(latest)
    }

    /// A voter or broker asks for a part of a snapshot. It counts for check-quorum as a fetch does.
    pub(super) fn on_fetch_snapshot_request(
        &mut self,
        now: Time,
        request: &FetchSnapshotRequest,
        effects: &mut Effects,
    ) -> FetchSnapshotResponse {
        let mut response = FetchSnapshotResponse {
            epoch: self.state.epoch,
            leader: self.leader(),
            error: self.leader_error(request.epoch),
            snapshot: request.snapshot,
            size: 0,
            position: request.position,
            bytes: bytes::Bytes::new(),
        };
        if response.error.is_some() {
            return response;
        }
        if request.epoch != self.state.epoch {
            self.note_served(Api::FetchSnapshot, request.replica, request.epoch, effects);
        }
        let Some(bytes) = self.snapshots.bytes(request.snapshot) else {
            response.error = Some(ClusterError::SnapshotNotFound);
            return response;
        };
        response.size = bytes.len() as u64;
        let rest = usize::try_from(request.position).ok().filter(|from| *from < bytes.len());
        let Some(from) = rest else {
            response.error = Some(ClusterError::PositionOutOfRange);
            return response;
        };
        let count = (bytes.len() - from).min(request.bytes_max as usize);
        response.bytes = bytes.slice(from..from + count);
        let replica = ReplicaKey { id: request.replica, directory: request.replica_directory };
        self.note_contact(now, replica);
        response
    }

    /// The leader names a snapshot: it is fetched next, unless it is there already. Source:
    /// `KafkaRaftClient.handleFetchResponse`.
    pub(super) fn begin_snapshot(&mut self, id: SnapshotId) {
        let stored = self.snapshots.bytes(id).is_some();
        self.fetching = (!stored).then(|| FetchingSnapshot::new(id));
    }

    /// What a follower asks its leader for next.
    pub(super) fn next_part_request(&self) -> Option<RequestBody> {
        let bytes_max = self.snapshots.config.fetch_snapshot_max_bytes;
        let request = self.fetching.as_ref()?.request(self.key(), self.state.epoch, bytes_max);
        Some(RequestBody::Quorum(QuorumRequest::FetchSnapshot(Box::new(request))))
    }

    /// Takes a part from the leader that this voter follows, in the epoch in which it asked.
    pub(super) fn on_fetch_snapshot_response(
        &mut self,
        now: Time,
        from: NodeId,
        asked_in: LeaderEpoch,
        response: &FetchSnapshotResponse,
        effects: &mut Effects,
    ) {
        let gone = response.error == Some(ClusterError::SnapshotNotFound);
        let told = (response.epoch, response.leader, response.error.is_some() && !gone);
        if !self.is_of_leader(now, (from, asked_in), told, effects) {
            return;
        }
        self.role = Role::Follower { fetch_deadline: now + self.timeouts.fetch, has_fetched: true };
        if gone {
            // The leader has deleted it meanwhile: the next fetch names another one.
            self.fetching = None;
            return;
        }
        self.note_applied(Api::FetchSnapshot, asked_in, effects);
        self.take_part(now, from, response, effects);
    }

    fn take_part(
        &mut self,
        now: Time,
        from: NodeId,
        response: &FetchSnapshotResponse,
        effects: &mut Effects,
    ) {
        let Some(fetching) = &mut self.fetching else { return };
        let id = fetching.id();
        match fetching.take(response) {
            Part::Other => self.hold_fetch(now, from),
            Part::More => {}
            Part::Last(bytes) => {
                self.fetching = None;
                let committed = self.log.high_watermark();
                if !self.take_snapshot(id, bytes, effects) {
                    self.hold_fetch(now, from);
                } else if id.end_offset < committed || !self.truncate_to_latest_snapshot(effects) {
                    // Kafka ends with an exception where the snapshot is not beyond the log.
                    effects.push(Effect::Halt { reason: COMMITTED_METADATA_GONE });
                }
            }
        }
    }
}
