//! A share-partition at the partition's leader: which record is with whom, until when, and what became of it. Source:
//! KIP-932, Kafka's `SharePartition`.
//!
//! A record is available, acquired by one member until its lock expires, or done: acknowledged or archived. Who is done
//! is never delivered again. The obligations, and what goes wrong without them:
//! - an acknowledgement is provisional until the share coordinator has stored it, and nobody gets the record meanwhile
//!   (KAFKA-18084); only then is it answered: else who leads next knows nothing of it;
//! - if it cannot be stored, all is as before, and what has happened meanwhile counts: a lock that has expired ends
//!   (KAFKA-19476), else the record is with nobody for ever;
//! - a member acknowledges only what it holds; if one offset of a request is not its own, nothing of it counts;
//! - each delivery is counted, and who was delivered as often as it may is archived: else a poison record comes back
//!   for ever;
//! - as many offsets are in flight as `group.share.partition.max.record.locks` allows: the window.
//!
//! Writes are stored one after another. Not covered: renewed locks, the acquisition of whole batches only, deliveries
//! that are not counted (KAFKA-17541), `share.isolation.level`, `share.auto.offset.reset` (a group begins at the log's
//! start).

use std::collections::{BTreeMap, VecDeque};

use crate::config::{ShareGroupConfig, ms};
use crate::defect::{Defects, ShareDefect};
use crate::node::{Deadline, Effects};
use crate::note::{LockEnd, ShareNote};
use crate::proto::ErrorCode;
use crate::share_message::{
    AcknowledgeType, Acknowledgement, AcquiredRecords, DeliveryState, SharePartitionKey,
    ShareState, ShareStateWrite, StateBatch,
};
use crate::types::{LeaderEpoch, Offset, Time};

use super::tickets::AckTicket;

/// One share-partition.
#[derive(Debug)]
pub(super) struct SharePartition {
    key: SharePartitionKey,
    leader_epoch: LeaderEpoch,
    config: ShareGroupConfig,
    defects: Defects,
    /// Whether the coordinator has told what it knows.
    active: bool,
    /// The first offset that is not done.
    start: Offset,
    /// The first offset that nobody ever got.
    end: Offset,
    records: BTreeMap<Offset, InFlight>,
    /// What is to be stored, in order; the first is under way.
    writes: VecDeque<Write>,
}

/// A record in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InFlight {
    delivery_count: u32,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Stored(DeliveryState),
    Acquired(Lock),
    /// What the member said is being stored.
    Transition {
        lock: Lock,
        to: DeliveryState,
    },
}

/// Who holds a record, and until when; none if that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lock {
    member: String,
    until: Option<Time>,
}

/// What is to be stored.
#[derive(Debug)]
struct Write {
    batches: Vec<StateBatch>,
    /// Whose acknowledgement it is; none if a lock expired: that stands whether or not it is stored.
    acknowledges: Option<(AckTicket, Vec<Acknowledgement>)>,
}

/// What became of an acknowledgement, for who waits for it.
pub(super) type Answered = (AckTicket, Result<(), ErrorCode>);

impl SharePartition {
    pub(super) fn new(
        key: SharePartitionKey,
        leader_epoch: LeaderEpoch,
        (config, defects): (ShareGroupConfig, Defects),
    ) -> Self {
        Self {
            key,
            leader_epoch,
            config,
            defects,
            active: false,
            start: Offset(0),
            end: Offset(0),
            records: BTreeMap::new(),
            writes: VecDeque::new(),
        }
    }

    pub(super) fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    fn identity(&self) -> (String, crate::types::TopicPartition, LeaderEpoch) {
        (self.key.group.clone(), self.key.partition, self.leader_epoch)
    }

    /// The coordinator tells what is stored. Offsets that it knows nothing of are available. Source:
    /// `SharePartition.maybeInitialize`.
    pub(super) fn load(&mut self, stored: &ShareState, log_start: Offset, effects: &mut Effects) {
        assert!(!self.active, "{:?} is loaded twice", self.key);
        self.active = true;
        self.start = stored.start_offset.unwrap_or(log_start).max(log_start);
        self.end = self.start;
        let forgets = self.defects.has(ShareDefect::LoadForgetsCounts);
        for batch in &stored.batches {
            let delivery_count = if forgets { 0 } else { batch.delivery_count };
            for offset in batch.first.0.max(self.start.0)..=batch.last.0 {
                let state = State::Stored(batch.state);
                let known = InFlight { delivery_count, state };
                self.records.insert(Offset(offset), known);
                self.end = self.end.max(Offset(offset).next());
            }
        }
        for offset in self.start.0..self.end.0 {
            self.records.entry(Offset(offset)).or_insert(InFlight {
                delivery_count: 0,
                state: State::Stored(DeliveryState::Available),
            });
        }
        let (group, partition, leader_epoch) = self.identity();
        effects.note(ShareNote::Loaded {
            group,
            partition,
            leader_epoch,
            start_offset: self.start,
            log_start_offset: log_start,
        });
        self.move_start(log_start, effects);
    }

    /// Whether a member could acquire something.
    pub(super) fn has_records(&self, high_watermark: Offset) -> bool {
        self.active
            && (self.has_room() && self.end < high_watermark
                || self.records.values().any(|record| self.is_available(record)))
    }

    fn has_room(&self) -> bool {
        self.end.0 - self.start.0 < i64::from(self.config.partition_max_record_locks)
    }

    fn is_available(&self, record: &InFlight) -> bool {
        match &record.state {
            State::Stored(state) => *state == DeliveryState::Available,
            State::Acquired(_) => false,
            State::Transition { to, .. } => {
                *to == DeliveryState::Available
                    && self.defects.has(ShareDefect::AcquireInTransition)
            }
        }
    }

    /// Gives a member records, in order of offset, and further ones up to the high watermark if the window has room.
    /// Source: `SharePartition.acquire`.
    pub(super) fn acquire(
        &mut self,
        now: Time,
        member: &str,
        (records_max, high_watermark): (u32, Offset),
        effects: &mut Effects,
    ) -> Vec<AcquiredRecords> {
        let mut offsets: Vec<Offset> = Vec::new();
        let most = records_max as usize;
        let known = self.records.iter().filter(|(_, record)| self.is_available(record));
        offsets.extend(known.map(|(offset, _)| *offset).take(most));
        while offsets.len() < most && self.has_room() && self.end < high_watermark {
            offsets.push(self.end);
            self.end = self.end.next();
        }
        let until = Some(now + ms(self.config.lock_ms));
        let counts = !self.defects.has(ShareDefect::DeliveryNotCounted);
        let mut acquired: Vec<AcquiredRecords> = Vec::new();
        for offset in offsets {
            let before = self.records.get(&offset).map_or(0, |record| record.delivery_count);
            let delivery_count = if counts { before + 1 } else { before.max(1) };
            let state = State::Acquired(Lock { member: member.to_owned(), until });
            self.records.insert(offset, InFlight { delivery_count, state });
            match acquired.last_mut() {
                Some(last)
                    if last.last.next() == offset && last.delivery_count == delivery_count =>
                {
                    last.last = offset;
                }
                Some(_) | None => {
                    acquired.push(AcquiredRecords { first: offset, last: offset, delivery_count });
                }
            }
        }
        self.note_acquired(member, &acquired, effects);
        self.self_check();
        acquired
    }

    fn note_acquired(&self, member: &str, acquired: &[AcquiredRecords], effects: &mut Effects) {
        for range in acquired {
            let (group, partition, leader_epoch) = self.identity();
            effects.note(ShareNote::Acquired {
                group,
                partition,
                leader_epoch,
                member: member.to_owned(),
                first: range.first,
                last: range.last,
                delivery_count: range.delivery_count,
                in_flight: (self.end.0 - self.start.0) as u32,
            });
        }
    }

    /// Takes what a member says of records that it holds: all of it, or nothing. Offsets that are done are passed over.
    /// Gives back whether there is anything to wait for. Source: `SharePartition.acknowledge`.
    pub(super) fn acknowledge(
        &mut self,
        member: &str,
        ticket: AckTicket,
        told: &[Acknowledgement],
        effects: &mut Effects,
    ) -> Result<bool, ErrorCode> {
        if !self.active {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let anybody = self.defects.has(ShareDefect::AnybodyAcknowledges);
        let mut changes: Vec<(Offset, AcknowledgeType)> = Vec::new();
        for one in told {
            for offset in (one.first.0.max(self.start.0)..=one.last.0).map(Offset) {
                let record = self.records.get(&offset).map(|record| &record.state);
                let is_own = |lock: &Lock| anybody || lock.member == member;
                let holds = matches!(record, Some(State::Acquired(lock)) if is_own(lock));
                if !holds {
                    return Err(ErrorCode::InvalidRecordState);
                }
                changes.push((offset, one.what));
            }
        }
        if changes.is_empty() {
            return Ok(false);
        }
        let mut batches = Vec::new();
        for (offset, what) in changes {
            let batch = self.begin_transition(offset, what);
            let archived = batch.state == DeliveryState::Archived;
            let (group, partition, leader_epoch) = self.identity();
            effects.note(ShareNote::AcknowledgementTaken {
                group,
                partition,
                leader_epoch,
                first: offset,
                last: offset,
                what,
                archived,
            });
            push_batch(&mut batches, batch);
        }
        self.writes.push_back(Write { batches, acknowledges: Some((ticket, told.to_vec())) });
        if self.defects.has(ShareDefect::AnsweredBeforeStored) {
            self.note_answered(told, true, effects);
            return Ok(false);
        }
        Ok(true)
    }

    fn begin_transition(&mut self, offset: Offset, what: AcknowledgeType) -> StateBatch {
        let limit = self.config.delivery_count_limit;
        let record = self.records.get_mut(&offset).expect("it was looked up just before");
        let to = match what {
            AcknowledgeType::Accept => DeliveryState::Acknowledged,
            AcknowledgeType::Gap | AcknowledgeType::Reject => DeliveryState::Archived,
            AcknowledgeType::Release if record.delivery_count >= limit => DeliveryState::Archived,
            AcknowledgeType::Release => DeliveryState::Available,
        };
        let State::Acquired(lock) = &record.state else {
            unreachable!("{offset} is acknowledged by who holds it")
        };
        record.state = State::Transition { lock: lock.clone(), to };
        StateBatch { first: offset, last: offset, state: to, delivery_count: record.delivery_count }
    }

    /// What is to be stored next, if anything is.
    pub(super) fn next_write(&self) -> Option<ShareStateWrite> {
        let write = self.writes.front()?;
        Some(ShareStateWrite { start_offset: self.start, batches: write.batches.clone() })
    }

    /// The write under way is stored, or will not be. Source: `SharePartition.rollbackOrProcessStateUpdates`.
    pub(super) fn written(
        &mut self,
        now: Time,
        result: Result<(), ErrorCode>,
        log_start: Offset,
        effects: &mut Effects,
    ) -> Option<Answered> {
        let write = self.writes.pop_front()?;
        let (ticket, told) = write.acknowledges?;
        for batch in &write.batches {
            for offset in (batch.first.0..=batch.last.0).map(Offset) {
                self.end_transition(offset, batch.state, result.is_ok());
            }
        }
        if !self.defects.has(ShareDefect::AnsweredBeforeStored) {
            self.note_answered(&told, result.is_ok(), effects);
        }
        if result.is_err() && !self.defects.has(ShareDefect::LockNotReleased) {
            self.expire(now, log_start, effects);
        }
        self.move_start(log_start, effects);
        Some((ticket, result))
    }

    fn end_transition(&mut self, offset: Offset, to: DeliveryState, stored: bool) {
        let forgets = self.defects.has(ShareDefect::LockNotReleased);
        let Some(record) = self.records.get_mut(&offset) else { return };
        match &record.state {
            State::Transition { .. } if stored => record.state = State::Stored(to),
            State::Transition { lock, .. } => {
                let until = lock.until.filter(|_| !forgets);
                record.state = State::Acquired(Lock { member: lock.member.clone(), until });
            }
            // Known bug: somebody acquired it meanwhile, whose timer is cancelled.
            State::Acquired(lock) if self.defects.has(ShareDefect::AcquireInTransition) => {
                record.state = State::Acquired(Lock { member: lock.member.clone(), until: None });
            }
            State::Acquired(_) | State::Stored(_) => {}
        }
    }

    fn note_answered(&self, told: &[Acknowledgement], stored: bool, effects: &mut Effects) {
        for one in told {
            let (group, partition, leader_epoch) = self.identity();
            effects.note(ShareNote::AcknowledgementAnswered {
                group,
                partition,
                leader_epoch,
                first: one.first,
                last: one.last,
                what: one.what,
                stored,
            });
        }
    }

    /// Ends the locks whose time is up; whether there were any. Source:
    /// `SharePartition.releaseAcquisitionLockOnTimeout`.
    pub(super) fn expire(&mut self, now: Time, log_start: Offset, effects: &mut Effects) -> bool {
        let ends_all = self.defects.has(ShareDefect::ExpiryEndsAll)
            && self.deadline().is_some_and(|first| first.at <= now);
        self.end_locks(LockEnd::Expired, log_start, effects, |lock| {
            lock.until.is_some_and(|until| until <= now || ends_all)
        })
    }

    /// Gives back all that a member holds. Source: `SharePartition.releaseAcquiredRecords`.
    pub(super) fn release(
        &mut self,
        member: &str,
        log_start: Offset,
        effects: &mut Effects,
    ) -> bool {
        let frees_all = self.defects.has(ShareDefect::SessionEndFreesAll);
        self.end_locks(LockEnd::SessionClosed, log_start, effects, |lock| {
            lock.member == member || frees_all && lock.until.is_some()
        })
    }

    fn end_locks(
        &mut self,
        why: LockEnd,
        log_start: Offset,
        effects: &mut Effects,
        ends: impl Fn(&Lock) -> bool,
    ) -> bool {
        let (limit, identity) = (self.config.delivery_count_limit, self.identity());
        let gives_up =
            why == LockEnd::SessionClosed && self.defects.has(ShareDefect::SessionEndArchives);
        let mut batches = Vec::new();
        for (offset, record) in &mut self.records {
            let State::Acquired(lock) = &record.state else { continue };
            if !ends(lock) {
                continue;
            }
            let archived = record.delivery_count >= limit || gives_up;
            let state = if archived { DeliveryState::Archived } else { DeliveryState::Available };
            let (group, partition, leader_epoch) = identity.clone();
            effects.note(ShareNote::LockEnded {
                group,
                partition,
                leader_epoch,
                member: lock.member.clone(),
                first: *offset,
                last: *offset,
                why,
                archived,
            });
            record.state = State::Stored(state);
            let delivery_count = record.delivery_count;
            let (first, last) = (*offset, *offset);
            push_batch(&mut batches, StateBatch { first, last, state, delivery_count });
        }
        if batches.is_empty() {
            return false;
        }
        self.writes.push_back(Write { batches, acknowledges: None });
        self.move_start(log_start, effects);
        true
    }

    /// The start moves over all that is done, and over what is gone from the log. Source:
    /// `SharePartition.maybeUpdateCachedStateAndOffsets`, `updateCacheAndOffsets`.
    pub(super) fn move_start(&mut self, log_start: Offset, effects: &mut Effects) -> bool {
        if !self.active {
            return false;
        }
        let before = self.start;
        if log_start > self.start {
            self.start = log_start;
            self.end = self.end.max(log_start);
            self.records = self.records.split_off(&log_start);
        }
        // ShareDefect::StartPassesAvailable: the start moves over what was given back.
        let passes = self.defects.has(ShareDefect::StartPassesAvailable);
        while let Some(first) = self.records.first_entry()
            && matches!(first.get().state, State::Stored(state) if state.is_final() || passes)
        {
            assert!(*first.key() == self.start, "{} is first after {}", first.key(), self.start);
            first.remove();
            self.start = self.start.next();
        }
        self.self_check();
        if self.start == before {
            return false;
        }
        let (group, partition, leader_epoch) = self.identity();
        effects.note(ShareNote::StartOffsetMoved {
            group,
            partition,
            leader_epoch,
            to: self.start,
            log_start_offset: log_start,
        });
        true
    }

    /// Nobody is served by it any more: those who wait for what is being stored.
    pub(super) fn abandon(self) -> Vec<AckTicket> {
        let tickets = self.writes.into_iter().filter_map(|write| write.acknowledges);
        tickets.map(|(ticket, _)| ticket).collect()
    }

    /// When the first lock expires.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let until = self.records.values().filter_map(|record| match &record.state {
            State::Acquired(lock) => lock.until,
            State::Stored(_) | State::Transition { .. } => None,
        });
        until.min().map(|at| Deadline { at, why: "an acquisition lock expires" })
    }

    /// Each offset of the window is known, and no other.
    fn self_check(&self) {
        let (first, last) = (self.records.first_key_value(), self.records.last_key_value());
        assert!(
            self.start <= self.end,
            "{:?}: starts at {}, after {}",
            self.key,
            self.start,
            self.end
        );
        assert!(
            self.records.len() as i64 == self.end.0 - self.start.0
                && first.is_none_or(|(offset, _)| *offset == self.start)
                && last.is_none_or(|(offset, _)| offset.next() == self.end),
            "{:?}: {} records in flight from {} to {}",
            self.key,
            self.records.len(),
            self.start,
            self.end
        );
    }
}

/// Adds an offset's state, to the batch before if that is the same.
fn push_batch(batches: &mut Vec<StateBatch>, next: StateBatch) {
    match batches.last_mut() {
        Some(last)
            if last.last.next() == next.first
                && last.state == next.state
                && last.delivery_count == next.delivery_count =>
        {
            last.last = next.last;
        }
        Some(_) | None => batches.push(next),
    }
}
