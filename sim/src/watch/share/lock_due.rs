//! A lock ends when its time is up.
//!
//! Promise: a record that a member has acquired is nobody's again when `group.share.record.lock.duration.ms` is over,
//! unless the member has said what is to become of it; and if what it said cannot be stored, it is so at once when the
//! time is up by then. The timer is the leader's own: nobody else is needed. Source: KIP-932,
//! `SharePartition.releaseAcquisitionLockOnTimeout`, `rollbackOrProcessStateUpdates`; KAFKA-19476.
//! Not verified: what is being stored, for as long as that takes, which the goal `share-lag` judges; what a leader does
//! that is registered no more.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{COORDINATORS_NS, Look};
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::by_slowest_clock;

const OVERDUE: Anomaly = Anomaly {
    name: "share-lock-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a leader left a record with a member of a share group although the lock's time was up",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-lock-due",
    promise: "an acquisition lock ends after group.share.record.lock.duration.ms",
    source: "KIP-932, SharePartition.releaseAcquisitionLockOnTimeout, KAFKA-19476",
    leaves_out: "what is being stored",
    anomalies: &[OVERDUE],
};

/// A share-partition at its leader of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Led {
    group: String,
    partition: TopicPartition,
    epoch: LeaderEpoch,
    node: NodeId,
}

/// A record that somebody holds.
#[derive(Debug, Clone, Copy)]
struct Lock {
    /// Since when.
    acquired: u64,
    /// From when on it is to end.
    ends: u64,
    /// What the member said is being stored.
    storing: bool,
}

/// Until when what is held.
#[derive(Debug)]
pub(super) struct LocksDue {
    /// `group.share.record.lock.duration.ms` by the slowest clock, in nanoseconds.
    lock_ns: u64,
    next_look_ns: u64,
    held: BTreeMap<Led, BTreeMap<Offset, Lock>>,
}

impl LocksDue {
    pub(super) fn new(plan: &Plan) -> Self {
        let lock_ms = plan.cluster.coordinators.share_groups.lock_ms;
        let lock_ns = by_slowest_clock(plan, lock_ms.saturating_mul(1_000_000));
        Self { lock_ns, next_look_ns: 0, held: BTreeMap::new() }
    }

    /// A process starts: it holds nothing for anybody.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.held.retain(|led, _| led.node != node);
    }

    pub(super) fn observe(&mut self, context: &Context<'_>, note: &ShareNote) {
        let led = |group: &String, partition: &TopicPartition, epoch: &LeaderEpoch| Led {
            group: group.clone(),
            partition: *partition,
            epoch: *epoch,
            node: context.node,
        };
        match note {
            ShareNote::Loaded { group, partition, .. }
            | ShareNote::Fenced { group, partition, .. } => {
                let is_other = |known: &Led| known.group != *group || known.partition != *partition;
                self.held.retain(|known, _| is_other(known) || known.node != context.node);
            }
            ShareNote::Acquired { group, partition, leader_epoch, first, last, .. } => {
                let ends = context.at_ns.saturating_add(self.lock_ns);
                let lock = Lock { acquired: context.at_ns, ends, storing: false };
                let held = self.held.entry(led(group, partition, leader_epoch)).or_default();
                held.extend((first.0..=last.0).map(|offset| (Offset(offset), lock)));
            }
            ShareNote::AcknowledgementTaken {
                group, partition, leader_epoch, first, last, ..
            } => {
                let held = self.held.get_mut(&led(group, partition, leader_epoch));
                for (_, lock) in held.into_iter().flat_map(|held| held.range_mut(*first..=*last)) {
                    lock.storing = true;
                }
            }
            ShareNote::AcknowledgementAnswered {
                group,
                partition,
                leader_epoch,
                first,
                last,
                stored: false,
                ..
            } => {
                let held = self.held.get_mut(&led(group, partition, leader_epoch));
                for (_, lock) in held.into_iter().flat_map(|held| held.range_mut(*first..=*last)) {
                    (lock.storing, lock.ends) = (false, lock.ends.max(context.at_ns));
                }
            }
            ShareNote::AcknowledgementAnswered {
                group,
                partition,
                leader_epoch,
                first,
                last,
                ..
            }
            | ShareNote::LockEnded { group, partition, leader_epoch, first, last, .. } => {
                if let Some(held) = self.held.get_mut(&led(group, partition, leader_epoch)) {
                    held.retain(|offset, _| offset < first || offset > last);
                }
            }
            ShareNote::StartOffsetMoved { group, partition, leader_epoch, to, .. } => {
                if let Some(held) = self.held.get_mut(&led(group, partition, leader_epoch)) {
                    *held = held.split_off(to);
                }
            }
            ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::StateWritten { .. } => {}
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns || self.held.is_empty() || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(COORDINATORS_NS);
        let look = Look::new(context, shared);
        let bound = look.bounds().checks_ns;
        self.held.retain(|led, held| {
            let leads = look.leads_in(led.node, led.partition) == Some(led.epoch)
                && !context.view.is_in_failed_directory(led.node, led.partition);
            for (offset, lock) in held.iter().filter(|(_, lock)| leads && !lock.storing) {
                if look.is_unchecked(lock.ends, led.node, bound) {
                    led.report(context, findings, (*offset, lock.acquired));
                }
            }
            leads && !held.is_empty()
        });
    }
}

impl Led {
    fn report(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (offset, acquired): (Offset, u64),
    ) {
        let context = Context { node: self.node, ..*context };
        findings.report(&context, &OVERDUE, (self.partition, offset, offset), || {
            let (group, ms) = (&self.group, (context.at_ns - acquired) / 1_000_000);
            format!("group {group}: offset {offset} has been with a member for {ms} ms")
        });
    }
}
