//! A follower's rules: what to ask the leader, and what to do with its answers. Source: rules 2.2.4 to 2.2.6.

use crate::defect::ReplicationDefect;
use crate::message::{
    ClusterError, EpochEnd, ReplicaFetchPartition, ReplicaFetchPartitionResponse,
    ReplicaOffsetsResponse,
};
use crate::node::Effects;
use crate::note::{Api, DeletionReason, ExchangeNote, Standing, TruncateReason};
use crate::partition::{Partition, Role};
use crate::record::RecordBatch;
use crate::replication::{Appendable, appendable, truncation_offset};
use crate::types::{LeaderEpoch, Offset};

/// What a fetch response means for the follower's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchOutcome {
    /// Fetch on at once.
    Continue,
    /// Ask the leader for its bounds before the next fetch.
    OutOfRange,
    /// Fetch no more until the metadata tells of a new epoch. Source: `AbstractFetcherThread.markPartitionFailed`.
    Failed,
    /// Wait for the back-off, or for new metadata.
    BackOff,
    /// The answer is not for the state we are in.
    Ignored,
}

impl Partition {
    /// What to ask the leader for; `None` if this replica does not follow anyone.
    pub fn next_fetch(&self) -> Option<ReplicaFetchPartition> {
        if self.is_leader() || self.leader.is_none() {
            return None;
        }
        // Before KIP-101 a follower told no epoch: its own truncation to the high watermark had to be enough.
        let last_fetched_epoch = if self.defects.has(ReplicationDefect::TruncateToHw) {
            LeaderEpoch::NONE
        } else {
            self.log.last_fetched_epoch()
        };
        Some(ReplicaFetchPartition {
            partition: self.log.partition(),
            current_leader_epoch: self.leader_epoch,
            fetch_offset: self.log.log_end_offset(),
            last_fetched_epoch,
            log_start_offset: self.log.log_start_offset(),
        })
    }

    /// Takes the leader's answer to `sent`.
    pub fn apply_fetch(
        &mut self,
        sent: &ReplicaFetchPartition,
        response: &ReplicaFetchPartitionResponse,
        effects: &mut Effects,
    ) -> FetchOutcome {
        if !self.follows_as_sent(sent) || sent.fetch_offset != self.log.log_end_offset() {
            return FetchOutcome::Ignored;
        }
        if self.is_damaged(&response.batches) {
            return FetchOutcome::BackOff;
        }
        if is_change(response, self.log.high_watermark()) {
            let asked = Standing {
                epoch: i64::from(sent.current_leader_epoch.0),
                position: sent.fetch_offset.0,
            };
            self.note_applied(Api::ReplicaFetch, asked, effects);
        }
        let outcome = match (response.error, response.diverging) {
            (Some(ClusterError::OffsetOutOfRange), _) => FetchOutcome::OutOfRange,
            (Some(ClusterError::FencedLeaderEpoch), _) => FetchOutcome::Failed,
            (Some(_), _) => FetchOutcome::BackOff,
            (None, Some(end)) => self.truncate_diverged(end, effects),
            (None, None) => self.append_fetched(response, effects),
        };
        self.self_check();
        outcome
    }

    /// Whether a batch that would be taken has rotted in the leader's log: then none of the answer is. A leader takes
    /// on trust what lies below its recovery point, so the same comes again with each fetch, and a follower that lags
    /// behind it stands still. Source: `UnifiedLog.analyzeAndValidateRecords`, `AbstractFetcherThread`.
    fn is_damaged(&self, batches: &[RecordBatch]) -> bool {
        let taken = batches.iter().take_while(|batch| batch.leader_epoch() <= self.leader_epoch);
        !taken.into_iter().all(RecordBatch::is_intact)
    }

    fn follows_as_sent(&self, sent: &ReplicaFetchPartition) -> bool {
        matches!(self.role, Role::Follower)
            && self.leader.is_some()
            && self.counts_in(sent.current_leader_epoch)
    }

    /// Whether an answer that was asked for in an epoch counts in the present one.
    fn counts_in(&self, asked_in: LeaderEpoch) -> bool {
        asked_in == self.leader_epoch || self.defects.has(ReplicationDefect::OldFetchAnswersCount)
    }

    /// States that an answer changes this replica, which may have moved since it asked.
    fn note_applied(&self, api: Api, asked: Standing, effects: &mut Effects) {
        let epoch = i64::from(self.leader_epoch.0);
        let own = Standing { epoch, position: self.log.log_end_offset().0 };
        let partition = Some(self.log.partition());
        effects.note(ExchangeNote::AnswerApplied { api, partition, asked, own });
    }

    /// Rule 2.2.4. When the leader names an epoch that we do not have, we cut to the end of ours before it and ask
    /// again: the next fetch carries the new last epoch.
    fn truncate_diverged(&mut self, leader: EpochEnd, effects: &mut Effects) -> FetchOutcome {
        let own = self.log.end_offset_for(leader.epoch);
        let to = truncation_offset(leader, own, self.log.log_end_offset(), self.defects);
        self.log.truncate_to(to, TruncateReason::Diverged, effects);
        self.changes.log_end_moved = true;
        self.changes.log_cut = true;
        FetchOutcome::Continue
    }

    /// Rule 2.2.5. The high watermark follows the leader's, downwards too: a leader that was just elected may not know
    /// yet how far its predecessor had come. Source: `ReplicaFetcherThread.processPartitionData`,
    /// `UnifiedLog.maybeUpdateHighWatermark`.
    fn append_fetched(
        &mut self,
        response: &ReplicaFetchPartitionResponse,
        effects: &mut Effects,
    ) -> FetchOutcome {
        let epoch = if self.defects.has(ReplicationDefect::NoFetchEpochFencing) {
            LeaderEpoch(i32::MAX)
        } else {
            self.leader_epoch
        };
        self.start_at_batch(&response.batches, effects);
        let end = self.log.log_end_offset();
        let rules = (self.defects, self.log.has_holes());
        let appendable = appendable(&response.batches, end, epoch, rules);
        let Appendable::Batches(batches) = appendable else {
            return FetchOutcome::Failed;
        };
        self.log.append_as_follower(batches, self.leader_epoch, effects);
        self.changes.log_end_moved |= !batches.is_empty();
        let watermark = response.high_watermark.min(self.log.log_end_offset());
        self.set_high_watermark(watermark, effects);
        self.note_stable_offset(effects);
        self.follow_log_start(response.log_start_offset, effects);
        FetchOutcome::Continue
    }

    /// An empty log starts where the leader's does, which may be inside of a batch: then it starts with that. Source:
    /// `Partition.appendRecordsToFollowerOrFutureReplica`, KAFKA-6975.
    fn start_at_batch(&mut self, batches: &[RecordBatch], effects: &mut Effects) {
        let (start, end) = (self.log.log_start_offset(), self.log.log_end_offset());
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return };
        let across = first.base_offset() < end && last.last_offset() >= end;
        if across && start == end {
            self.log.start_at_batch(first.base_offset(), effects);
            self.changes.log_cut = true;
        }
    }

    /// The log starts where the leader's does, if that is further. Source: `ReplicaFetcherThread.processPartitionData`,
    /// KIP-107.
    fn follow_log_start(&mut self, leaders: Offset, effects: &mut Effects) {
        let before = self.log.log_start_offset();
        let keeps = self.defects.has(ReplicationDefect::KeepsLogStart);
        if leaders > before && !keeps {
            let start = leaders.min(self.log.high_watermark());
            self.log.advance_log_start(start, DeletionReason::Leader, effects);
            self.log_start_was(before, effects);
        }
    }

    /// Rule 2.2.6: out of range, now that the leader's bounds are known.
    pub fn apply_leader_bounds(
        &mut self,
        sent_epoch: LeaderEpoch,
        response: &ReplicaOffsetsResponse,
        effects: &mut Effects,
    ) -> FetchOutcome {
        if self.is_leader() || self.leader.is_none() || !self.counts_in(sent_epoch) {
            return FetchOutcome::Ignored;
        }
        match response.error {
            Some(ClusterError::FencedLeaderEpoch) => return FetchOutcome::Failed,
            Some(_) => return FetchOutcome::BackOff,
            None => {}
        }
        let end = self.log.log_end_offset();
        // Nothing is asked from an offset: the log stands still until the bounds are there.
        let asked = Standing { epoch: i64::from(sent_epoch.0), position: end.0 };
        self.note_applied(Api::ReplicaOffsets, asked, effects);
        if response.log_end_offset < end {
            let to = response.log_end_offset;
            self.log.truncate_to(to, TruncateReason::OutOfRange, effects);
        } else if response.log_start_offset > end {
            self.log.truncate_fully_and_start_at(response.log_start_offset, effects);
        } else {
            // The leader caught up between its refusal and this answer (KAFKA-2143): nothing to cut.
            return FetchOutcome::Continue;
        }
        self.changes.log_end_moved = true;
        self.changes.log_cut = true;
        self.self_check();
        FetchOutcome::Continue
    }
}

/// Whether a fetch's answer changes the follower: its log, its high watermark, or whether it goes on fetching.
fn is_change(response: &ReplicaFetchPartitionResponse, high_watermark: Offset) -> bool {
    match response.error {
        Some(error) => {
            matches!(error, ClusterError::FencedLeaderEpoch | ClusterError::OffsetOutOfRange)
        }
        None => {
            response.diverging.is_some()
                || !response.batches.is_empty()
                || response.high_watermark != high_watermark
        }
    }
}
