//! What an application asks of its consumer beside reading and committing: it goes on elsewhere, leaves a partition out
//! for a while, is woken up amid a poll or a commit, closes its consumer while a commit is under way; and one record
//! takes it longer than it may.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::node::{ConsumerCall, Operation, Outcome, PolledRecord, SeekTo};
use harrow_broker_model::proto::{ErrorCode, StrBytes};
use harrow_broker_model::types::Offset;

use super::draw::{Draws, Purpose};
use crate::plan::CallsPlan;

/// Topic name and partition.
type Place = (StrBytes, i32);

/// Draws, and what keys them: the client and the operation.
type Keyed = (Draws, u64, u64);

/// How far back a seek goes at most.
const BACK_MAX: u64 = 30;
/// A partition is paused for at most so many polls.
const PAUSED_POLLS_MAX: u64 = 8;
/// A commit that is woken up is so within so many milliseconds.
const COMMIT_MS_MAX: u64 = 20;
/// How long the end of a consumer may take.
const CLOSE_TIMEOUT_MS: u32 = 2_000;

/// How far the end of a consumer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotDue,
    Due,
    /// It has committed, and does not wait.
    Committed,
}

/// What it does to end its consumer.
#[derive(Debug)]
pub(super) enum Ending {
    /// It commits, and does not wait.
    Commit,
    /// This call.
    Close(ConsumerCall),
}

/// One application's calls.
#[derive(Debug)]
pub(super) struct Calls {
    plan: CallsPlan,
    /// What its last join gave it, as far as it was not lost since.
    owned: Vec<Place>,
    seek_due: bool,
    pause_due: bool,
    wakeup_due: bool,
    commit_wakeup_due: bool,
    end: End,
    /// What it leaves out, and for how many polls yet.
    paused: Option<(Place, u64)>,
    /// Where nobody but the application knows where to go on.
    nowhere: Vec<Place>,
    polls_with_records: u32,
    stall_ms: u64,
    /// Records that have taken it long already.
    met: BTreeSet<(Place, Offset)>,
}

impl Calls {
    pub(super) fn new(plan: CallsPlan) -> Self {
        Self {
            plan,
            owned: Vec::new(),
            seek_due: false,
            pause_due: false,
            wakeup_due: false,
            commit_wakeup_due: false,
            end: End::NotDue,
            paused: None,
            nowhere: Vec::new(),
            polls_with_records: 0,
            stall_ms: 0,
            met: BTreeSet::new(),
        }
    }

    /// What it does next if its consumer is to end: it commits what it has consumed first, if anything.
    pub(super) fn closing(&mut self, consumed: &BTreeMap<Place, Offset>) -> Option<Ending> {
        if self.end == End::NotDue {
            return None;
        }
        if self.end == End::Due && !consumed.is_empty() {
            self.end = End::Committed;
            return Some(Ending::Commit);
        }
        self.end = End::NotDue;
        self.forget();
        let leaves = !self.plan.close_stays;
        Some(Ending::Close(ConsumerCall::Close { timeout_ms: CLOSE_TIMEOUT_MS, leaves }))
    }

    /// What it asks for before its next poll, if anything. Where it stands counts for what it commits: Java commits
    /// positions.
    pub(super) fn next(
        &mut self,
        keyed: Keyed,
        planned: bool,
        consumed: &mut BTreeMap<Place, Offset>,
    ) -> Option<ConsumerCall> {
        let nowhere = std::mem::take(&mut self.nowhere);
        if !nowhere.is_empty() {
            let places =
                nowhere.into_iter().map(|(topic, index)| (topic, index, SeekTo::Beginning));
            return Some(ConsumerCall::Seek { places: places.collect() });
        }
        if let Some((place, _)) = self.paused.take_if(|(_, polls)| *polls == 0 || !planned) {
            return Some(ConsumerCall::Pause { partitions: vec![place], paused: false });
        }
        if self.owned.is_empty() || !planned {
            return None;
        }
        let below = |what, bound| draw(keyed, what, bound);
        let place = self.owned[below(0, self.owned.len() as u64) as usize].clone();
        if std::mem::take(&mut self.seek_due) {
            return Some(seek(place, (below(1, 4), below(2, BACK_MAX)), consumed));
        }
        if std::mem::take(&mut self.pause_due) && self.paused.is_none() {
            self.paused = Some((place.clone(), below(3, PAUSED_POLLS_MAX)));
            return Some(ConsumerCall::Pause { partitions: vec![place], paused: true });
        }
        None
    }

    /// It is about to poll, for so many times by now.
    pub(super) fn polls(&mut self, polls: u32, planned: bool) {
        let is_due = |every: u32| planned && every > 0 && polls.is_multiple_of(every);
        let wakes = is_due(self.plan.wakeup_every);
        let amid_commit = (polls / self.plan.wakeup_every.max(1)).is_multiple_of(2);
        self.wakeup_due = wakes && !amid_commit;
        self.commit_wakeup_due |= wakes && amid_commit;
        if is_due(self.plan.close_every) {
            self.end = End::Due;
        }
        if let Some((_, left)) = &mut self.paused {
            *left = left.saturating_sub(1);
        }
    }

    pub(super) fn poll(
        &mut self,
        keyed: Keyed,
        (timeout_ms, max_records): (u32, u32),
    ) -> Operation {
        if !std::mem::take(&mut self.wakeup_due) {
            return Operation::Poll { timeout_ms, max_records };
        }
        let wakeup_ms = 1 + draw(keyed, 4, u64::from(timeout_ms.max(1))) as u32;
        Operation::Call(ConsumerCall::PollUntilWoken { timeout_ms, max_records, wakeup_ms })
    }

    /// A commit that waits.
    pub(super) fn commit(&mut self, keyed: Keyed, offsets: Vec<(Place, Offset)>) -> Operation {
        if !std::mem::take(&mut self.commit_wakeup_due) {
            return Operation::Commit { offsets, sync: true };
        }
        let wakeup_ms = 1 + draw(keyed, 5, COMMIT_MS_MAX) as u32;
        Operation::Call(ConsumerCall::CommitUntilWoken { offsets, wakeup_ms })
    }

    pub(super) fn hurries(&self) -> bool {
        self.end == End::Committed
    }

    pub(super) fn take_stall_ms(&mut self) -> u64 {
        std::mem::take(&mut self.stall_ms)
    }

    /// An operation ended.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else is the business of the member")]
    pub(super) fn answered(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Polled { records } if !records.is_empty() => self.polled(records),
            Outcome::Joined { partitions, .. } => {
                self.owned.clone_from(partitions);
                self.paused.take_if(|(place, _)| !partitions.contains(place));
            }
            Outcome::Revoking { .. } => self.seek_due = false,
            Outcome::NoPosition { partitions, .. } => self.nowhere.clone_from(partitions),
            Outcome::Lost { .. }
            | Outcome::Failed {
                error: ErrorCode::UnreleasedInstanceId | ErrorCode::GroupIdNotFound,
                ..
            } => self.forget(),
            _ => {}
        }
    }

    fn polled(&mut self, records: &[PolledRecord]) {
        self.polls_with_records += 1;
        let is_due = |every: u32| every > 0 && self.polls_with_records.is_multiple_of(every);
        self.seek_due |= is_due(self.plan.seek_every);
        self.pause_due |= is_due(self.plan.pause_every);
        let one_in = i64::from(self.plan.poison_one_in);
        let is_poison = |record: &&PolledRecord| {
            one_in > 0 && record.partition == 0 && record.offset.0 % one_in == one_in - 1
        };
        for record in records.iter().filter(is_poison) {
            let place = (record.topic.clone(), record.partition);
            if self.met.insert((place, record.offset)) {
                self.stall_ms += u64::from(self.plan.poison_ms);
            }
        }
    }

    /// It has no partitions any more.
    fn forget(&mut self) {
        self.owned.clear();
        self.nowhere.clear();
        self.paused = None;
        (self.seek_due, self.pause_due) = (false, false);
    }
}

/// Some way back, at the beginning, or at the end.
fn seek(
    place: Place,
    (kind, back): (u64, u64),
    consumed: &mut BTreeMap<Place, Offset>,
) -> ConsumerCall {
    let to = match (kind, consumed.get(&place)) {
        (0 | 1, Some(at)) => SeekTo::Offset(Offset((at.0 - back as i64).max(0))),
        (3, _) => SeekTo::End,
        (_, _) => SeekTo::Beginning,
    };
    match to {
        SeekTo::Offset(offset) => consumed.insert(place.clone(), offset),
        SeekTo::Beginning | SeekTo::End => consumed.remove(&place),
    };
    ConsumerCall::Seek { places: vec![(place.0, place.1, to)] }
}

fn draw((draws, client, ordinal): Keyed, what: u64, bound: u64) -> u64 {
    draws.below(Purpose::LoadCall, client, what, ordinal, bound)
}
