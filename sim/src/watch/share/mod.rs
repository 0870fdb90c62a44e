//! Invariants of share groups.

mod committed;
mod count;
mod done;
mod fencing;
mod fetch_size;
mod given_up;
mod held;
mod lock;
mod lock_due;
mod lock_kept;
mod loss;
mod sessions;
mod stored;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{Note, ShareNote};
use harrow_broker_model::types::{ConnectionId, NodeId};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use count::Counts;
use done::Done;
use fencing::Fencing;
use fetch_size::FetchSizes;
use held::Held;
use lock::Locks;
use lock_due::LocksDue;
use lock_kept::LocksKept;
use loss::Decided;

pub(super) const INVARIANTS: &[Invariant] = &[
    lock::INVARIANT,
    lock_due::INVARIANT,
    lock_kept::INVARIANT,
    given_up::INVARIANT,
    committed::INVARIANT,
    fetch_size::INVARIANT,
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
    locks_kept: LocksKept,
    held: Held,
    delivery_count_limit: u32,
    fetch_sizes: FetchSizes,
    done: Done,
    counts: Counts,
    decided: Decided,
    fencing: Fencing,
}

impl ShareWing {
    pub(super) fn new(plan: &Plan) -> Self {
        let config = plan.cluster.coordinators.share_groups;
        Self {
            locks: Locks::default(),
            locks_due: LocksDue::new(plan),
            locks_kept: LocksKept::new(plan),
            held: Held::default(),
            delivery_count_limit: config.delivery_count_limit,
            fetch_sizes: FetchSizes::default(),
            done: Done::default(),
            counts: Counts::new(config),
            decided: Decided::default(),
            fencing: Fencing::default(),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.locks_due.process_started(node);
        self.held.process_started(node);
        self.fetch_sizes.process_started(node);
    }

    pub(super) fn asked(&mut self, context: &Context<'_>, request: (ConnectionId, &Request)) {
        self.locks_kept.asked(context, request.1);
        self.fetch_sizes.asked(context.node, request);
    }

    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        response: (ConnectionId, &Response),
    ) {
        self.fetch_sizes.answered(context, findings, response);
    }

    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.fetch_sizes.closed(node, connection);
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
        self.locks_kept.look(context, findings);
        let Note::Share(note) = note else { return };
        self.locks.observe(context, findings, note);
        self.locks_due.observe(context, note);
        self.locks_kept.observe(context, findings, (note, &self.held));
        given_up::on_note(context, findings, (&self.held, self.delivery_count_limit), note);
        committed::on_note(context, findings, note);
        self.held.observe(context, &shared.running_since, note);
        self.done.observe(context, findings, note);
        self.counts.observe(context, findings, note);
        self.decided.observe(context, findings, note);
        self.fencing.observe(context, findings, note);
        if let ShareNote::SessionClosed { own: false, group, member, session } = note {
            sessions::on_cut(context, findings, (group, member), *session);
        }
    }
}
