//! Share coordinators: what is stored of share-partitions, over `__share_group_state`. Source: KIP-932, Kafka's
//! `ShareCoordinatorService`, `ShareCoordinatorShard`.
//!
//! The obligations, and what goes wrong without them:
//! - a leader that reads makes itself known by a record, and nothing of an earlier leader is taken after that: else who
//!   was deposed overwrites what its successor has stored, and records that are done come back (KAFKA-17796);
//! - only who reads does: a write of an epoch that nobody has read in is refused, too (KAFKA-19456);
//! - what is written is answered when it is committed.
//!
//! Not covered: state epochs and `InitializeShareGroupState`, which come with the group's own protocol; deletion; that
//! old records are removed from the log.

mod records;
mod state;
#[cfg(test)]
mod tests;

use crate::coordinator::runtime::{CoordinatorRecord, Runtime};
use crate::defect::{Defects, ShareDefect};
use crate::proto::ErrorCode;
use crate::share_message::{ShareState, ShareStateRequest, ShareStateResponse, ShareStateWrite};

pub(crate) use state::ShareStates;

use records::{ShareRecord, encode};
use state::KnownShare;

/// Who waits for a share coordinator's record, and for which answer.
#[derive(Debug)]
pub(crate) struct ShareWaiter<A> {
    /// Who asked.
    pub(crate) asker: A,
    /// What was asked.
    pub(crate) request: ShareStateRequest,
    /// What it is told when the record is committed.
    pub(crate) response: ShareStateResponse,
}

/// The share coordinators of a broker, by partition of the topic.
pub(crate) type ShareRuntime<A> = Runtime<ShareStates, ShareWaiter<A>>;

/// What is written for a request, and what it is answered once that is committed. Nothing is written of a leader that
/// reads again what it has read.
pub(crate) fn serve(
    states: &ShareStates,
    request: &ShareStateRequest,
    (updates_per_snapshot, defects): (u32, Defects),
) -> Result<(Option<CoordinatorRecord>, Option<ShareState>), ErrorCode> {
    let known = states.get(&request.key).cloned().unwrap_or_default();
    if let Some(write) = &request.write {
        let record = write_record(&known, request, write, (updates_per_snapshot, defects))?;
        return Ok((Some(encode(&request.key, &record)), None));
    }
    let record = read_record(&known, request, defects)?;
    Ok((record.map(|record| encode(&request.key, &record)), Some(known.told())))
}

/// Source: `ShareCoordinatorShard.readStateAndMaybeUpdateLeaderEpoch`.
fn read_record(
    known: &KnownShare,
    request: &ShareStateRequest,
    defects: Defects,
) -> Result<Option<ShareRecord>, ErrorCode> {
    if request.leader_epoch < known.leader_epoch && !defects.has(ShareDefect::LeaderNotFenced) {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    let is_news = request.leader_epoch > known.leader_epoch;
    if !is_news || defects.has(ShareDefect::ReadEpochNotStored) {
        return Ok(None);
    }
    let ShareState { start_offset, batches } = known.told();
    let leader_epoch = request.leader_epoch;
    Ok(Some(ShareRecord { snapshot: true, leader_epoch, start_offset, batches }))
}

/// Source: `ShareCoordinatorShard.writeState`, `generateShareStateRecord`.
fn write_record(
    known: &KnownShare,
    request: &ShareStateRequest,
    write: &ShareStateWrite,
    (updates_per_snapshot, defects): (u32, Defects),
) -> Result<ShareRecord, ErrorCode> {
    let (asked, held) = (request.leader_epoch, known.leader_epoch);
    // Where reads leave no record, the first write of a leader is the first that is heard of it.
    let is_stranger = asked > held && !defects.has(ShareDefect::ReadEpochNotStored);
    if !defects.has(ShareDefect::LeaderNotFenced) && (asked < held || is_stranger) {
        return Err(ErrorCode::FencedLeaderEpoch);
    }
    let update = ShareRecord {
        snapshot: false,
        leader_epoch: asked.max(held),
        start_offset: Some(write.start_offset),
        batches: write.batches.clone(),
    };
    if known.updates < updates_per_snapshot {
        return Ok(update);
    }
    let mut all = known.clone();
    all.take(&update);
    let ShareState { start_offset, batches } = all.told();
    Ok(ShareRecord { snapshot: true, start_offset, batches, ..update })
}
