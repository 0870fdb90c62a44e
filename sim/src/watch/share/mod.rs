//! Invariants of share groups.

mod count;
mod done;
mod fencing;
mod lock;
mod loss;
mod sessions;

use harrow_broker_model::note::{Note, ShareNote};

use super::finding::{Context, Findings, Invariant};
use crate::plan::Plan;
use count::Counts;
use done::Done;
use fencing::Fencing;
use lock::Locks;
use loss::Decided;

pub(super) const INVARIANTS: &[Invariant] = &[
    lock::INVARIANT,
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
    done: Done,
    counts: Counts,
    decided: Decided,
    fencing: Fencing,
}

impl ShareWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            locks: Locks::default(),
            done: Done::default(),
            counts: Counts::new(plan.cluster.coordinators.share_groups),
            decided: Decided::default(),
            fencing: Fencing::default(),
        }
    }

    #[inline]
    pub(super) fn observe(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        let Note::Share(note) = note else { return };
        self.locks.observe(context, findings, note);
        self.done.observe(context, findings, note);
        self.counts.observe(context, findings, note);
        self.decided.observe(context, findings, note);
        self.fencing.observe(context, findings, note);
        if let ShareNote::SessionClosed { own: false, group, member, session } = note {
            sessions::on_cut(context, findings, (group, member), *session);
        }
    }
}
