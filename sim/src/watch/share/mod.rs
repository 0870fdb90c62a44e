//! Invariants of share groups.

mod count;
mod done;
mod fencing;
mod lock;
mod lock_due;
mod loss;
mod sessions;

use harrow_broker_model::note::{Note, ShareNote};
use harrow_broker_model::types::NodeId;

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use count::Counts;
use done::Done;
use fencing::Fencing;
use lock::Locks;
use lock_due::LocksDue;
use loss::Decided;

pub(super) const INVARIANTS: &[Invariant] = &[
    lock::INVARIANT,
    lock_due::INVARIANT,
    done::INVARIANT,
    count::INVARIANT,
    loss::INVARIANT,
    fencing::INVARIANT,
    sessions::INVARIANT,
];

/// What the invariants of share groups remember.
#[derive(Debug)]
pub(super) struct ShareWing {
    locks: Locks,
    locks_due: LocksDue,
    done: Done,
    counts: Counts,
    decided: Decided,
    fencing: Fencing,
}

impl ShareWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            locks: Locks::default(),
            locks_due: LocksDue::new(plan),
            done: Done::default(),
            counts: Counts::new(plan.cluster.coordinators.share_groups),
            decided: Decided::default(),
            fencing: Fencing::default(),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.locks_due.process_started(node);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.locks_due.look(context, findings, shared);
        let Note::Share(note) = note else { return };
        self.locks.observe(context, findings, note);
        self.locks_due.observe(context, note);
        self.done.observe(context, findings, note);
        self.counts.observe(context, findings, note);
        self.decided.observe(context, findings, note);
        self.fencing.observe(context, findings, note);
        if let ShareNote::SessionClosed { own: false, group, member, session } = note {
            sessions::on_cut(context, findings, (group, member), *session);
        }
    }
}
