//! The application of a consumer in a group: what it does between polls.
//!
//! It subscribes, polls, and commits as it is told to. `enable.auto.commit` is a commit that does not wait, at the
//! first poll after the interval, of what earlier polls returned: which is what Java's consumer does by itself, and
//! what it does before it gives partitions up is the commit of a rebalance listener.
//!
//! What it asks of its consumer beside that, by `CallsPlan`, is in `calls`.

use std::collections::BTreeMap;

use harrow_broker_model::config::topic_name;
use harrow_broker_model::node::{ConsumerCall, Operation, Outcome};
use harrow_broker_model::proto::{ErrorCode, StrBytes};
use harrow_broker_model::types::Offset;

use super::calls::{Calls, Ending};
use super::draw::Draws;
use crate::plan::MemberPlan;

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// One member's application.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) group: String,
    /// All partitions of the topics that it subscribes to.
    pub(super) partitions: Vec<(StrBytes, i32)>,
    poll: (u32, u32),
    plan: MemberPlan,
    subscribed: bool,
    /// A commit that waits is due.
    commit_due: bool,
    leave_due: bool,
    polls: u32,
    polls_with_records: u32,
    next_auto_commit_ns: u64,
    /// How often it had polled at its last automatic commit: there is a poll between two of them.
    polls_at_auto_commit: u32,
    /// How far it has come in each of its partitions, as the next offset.
    consumed: BTreeMap<(StrBytes, i32), Offset>,
    /// What a rebalance takes with the next poll.
    revoked: Vec<(StrBytes, i32)>,
    /// The pattern by which it subscribes.
    pattern: Option<StrBytes>,
    calls: Calls,
}

impl Membership {
    pub(super) fn new(
        group: &str,
        partitions: Vec<(StrBytes, i32)>,
        poll: (u32, u32),
        (plan, pattern): (MemberPlan, Option<&str>),
    ) -> Self {
        Self {
            group: group.to_owned(),
            partitions,
            poll,
            plan,
            subscribed: false,
            commit_due: false,
            leave_due: false,
            polls: 0,
            polls_with_records: 0,
            next_auto_commit_ns: 0,
            polls_at_auto_commit: 0,
            consumed: BTreeMap::new(),
            revoked: Vec::new(),
            pattern: pattern.map(topic_name),
            calls: Calls::new(plan.calls),
        }
    }

    /// The next operation. Whoever leaves commits first, as `close` does with auto-commit; nobody leaves beyond the
    /// planned operations.
    pub(super) fn request(
        &mut self,
        now: u64,
        planned: bool,
        draws: (Draws, u64, u64),
    ) -> Operation {
        if !self.subscribed {
            return self.subscribe(now);
        }
        if let Some(ending) = self.calls.closing(&self.consumed) {
            return self.end(ending);
        }
        if std::mem::take(&mut self.commit_due) && !self.consumed.is_empty() {
            let offsets = self.offsets();
            return self.calls.commit(draws, offsets);
        }
        if std::mem::take(&mut self.leave_due) {
            self.subscribed = false;
            self.consumed.clear();
            return Operation::Unsubscribe;
        }
        if let Some(call) = self.calls.next(draws, planned, &mut self.consumed) {
            return Operation::Call(call);
        }
        for place in std::mem::take(&mut self.revoked) {
            self.consumed.remove(&place);
        }
        let auto = self.plan.auto_commit_interval_ms > 0 && now >= self.next_auto_commit_ns;
        if auto && !self.consumed.is_empty() && self.polls > self.polls_at_auto_commit {
            self.polls_at_auto_commit = self.polls;
            self.next_auto_commit_ns = now + self.plan.auto_commit_interval_ms * MS;
            return self.commit();
        }
        self.polls += 1;
        let every = self.plan.leave_every;
        self.leave_due = planned && every > 0 && self.polls.is_multiple_of(every);
        self.commit_due = self.leave_due && self.plan.commit_on_revoke;
        self.calls.polls(self.polls, planned);
        self.calls.poll(draws, self.poll)
    }

    fn subscribe(&mut self, now: u64) -> Operation {
        self.subscribed = true;
        self.next_auto_commit_ns = now + self.plan.auto_commit_interval_ms * MS;
        if let Some(pattern) = self.pattern.clone() {
            return Operation::Call(ConsumerCall::SubscribePattern { pattern });
        }
        let mut topics: Vec<StrBytes> =
            self.partitions.iter().map(|(topic, _)| topic.clone()).collect();
        topics.dedup();
        Operation::Subscribe { topics }
    }

    /// A commit, or the end of the consumer, which does not wait for it.
    fn end(&mut self, ending: Ending) -> Operation {
        let Ending::Close(call) = ending else { return self.commit() };
        self.subscribed = false;
        self.consumed.clear();
        self.revoked.clear();
        Operation::Call(call)
    }

    /// Whether its next operation does not wait for the one before.
    pub(super) fn hurries(&self) -> bool {
        self.calls.hurries()
    }

    /// How long it takes for what it was given last.
    pub(super) fn take_stall_ns(&mut self) -> u64 {
        self.calls.take_stall_ms() * MS
    }

    /// A commit that does not wait.
    fn commit(&self) -> Operation {
        Operation::Commit { offsets: self.offsets(), sync: false }
    }

    fn offsets(&self) -> Vec<((StrBytes, i32), Offset)> {
        self.consumed.iter().map(|(place, offset)| (place.clone(), *offset)).collect()
    }

    /// An operation ended.
    pub(super) fn answered(&mut self, now: u64, outcome: &Outcome) {
        self.calls.answered(outcome);
        match outcome {
            Outcome::Polled { records } if !records.is_empty() => {
                for record in records {
                    let place = (record.topic.clone(), record.partition);
                    self.consumed.insert(place, record.offset.next());
                }
                self.polls_with_records += 1;
                let every = self.plan.commit_every;
                self.commit_due |= every > 0 && self.polls_with_records.is_multiple_of(every);
            }
            Outcome::Revoking { partitions } => {
                self.commit_due |= self.plan.commit_on_revoke;
                self.revoked.clone_from(partitions);
            }
            Outcome::Joined { partitions, .. } => {
                self.consumed.retain(|place, _| partitions.contains(place));
                self.next_auto_commit_ns = now + self.plan.auto_commit_interval_ms * MS;
            }
            Outcome::Lost { .. } => self.consumed.clear(),
            // A consumer that cannot go on is closed, and the application makes another one.
            Outcome::Failed {
                error: ErrorCode::UnreleasedInstanceId | ErrorCode::GroupIdNotFound,
                ..
            } => {
                self.subscribed = false;
                self.consumed.clear();
            }
            Outcome::Polled { .. }
            | Outcome::Sent { .. }
            | Outcome::Transacted { .. }
            | Outcome::Assigned
            | Outcome::Subscribed
            | Outcome::Unsubscribed
            | Outcome::Called
            | Outcome::WokenUp
            | Outcome::NoPosition { .. }
            | Outcome::Rewound { .. }
            | Outcome::Committed { .. }
            | Outcome::EndOffset { .. }
            | Outcome::RecordsDeleted { .. }
            | Outcome::Administered { .. }
            | Outcome::TopicCreated
            | Outcome::Failed { .. }
            | Outcome::Unknown { .. } => {}
        }
    }

    /// The client comes back as another process, which knows nothing.
    pub(super) fn crashed(&mut self) {
        (self.subscribed, self.commit_due, self.leave_due) = (false, false, false);
        self.consumed.clear();
        self.revoked.clear();
        self.calls = Calls::new(self.plan.calls);
    }
}
