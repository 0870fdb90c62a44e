//! What a member holds stays its own.
//!
//! Promise: a record that a member has acquired is taken from it only when it has acknowledged it itself, when
//! `group.share.record.lock.duration.ms` is over since it acquired the record, or when its own share session ends.
//! Each acquisition has its own time; the end of another member's session, and another member's word, take nothing.
//! Without it work is done twice, what a member says comes to nothing, and deliveries are counted for no fault of the
//! record's, until it is given up. Source: KIP-932, `SharePartition.scheduleAcquisitionLockTimeout`,
//! `SharePartition.releaseAcquiredRecords`, `SharePartition.acknowledge`.
//! Not verified: what a leader forgets when it leads no more, which states nothing; acknowledgements of requests that
//! were not overheard, or of which the leader stood still amid; the time of what was acquired then.
//!
//! The time is counted on the leader's clock, which may be as fast as the plan's fastest. Leaders give back what a
//! member held before they say that its session is over: in the same event.

use harrow_broker_model::message::{ClientRequest, Request, RequestBody};
use harrow_broker_model::note::{LockEnd, ShareNote};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::held::Held;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::by_fastest_clock;

/// What clocks may round, in nanoseconds.
const ROUNDED_NS: u64 = 1_000;

const CUT: Anomaly = Anomaly {
    name: "share-lock-cut",
    guarantee: Guarantee::Offsets,
    meaning: "a member of a share group lost a record before its time was up, while its session went on",
};
const TAKEN: Anomaly = Anomaly {
    name: "share-lock-taken",
    guarantee: Guarantee::Offsets,
    meaning: "a leader took from one member of a share group what is to become of a record that another one held",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-lock-kept",
    promise: "a member keeps what it acquired until it acknowledges it, its time is up, or its session ends",
    source: "KIP-932, SharePartition.releaseAcquisitionLockOnTimeout, SharePartition.releaseAcquiredRecords",
    leaves_out: "what a leader forgets when it leads no more",
    anomalies: &[CUT, TAKEN],
};

/// Who asks, in which event.
#[derive(Debug)]
struct Asker {
    event: u64,
    node: NodeId,
    group: String,
    member: String,
}

/// A record that was given back because its holder's session ends: that is to be stated in the same event.
#[derive(Debug)]
struct GivenBack {
    at_ns: u64,
    event: u64,
    node: NodeId,
    group: String,
    partition: TopicPartition,
    member: String,
    first: Offset,
    last: Offset,
}

/// Who asks now, and what was given back in the present event.
#[derive(Debug)]
pub(super) struct LocksKept {
    /// `group.share.record.lock.duration.ms` by the fastest clock, in nanoseconds.
    lock_ns: u64,
    asker: Option<Asker>,
    given_back: Vec<GivenBack>,
}

impl LocksKept {
    pub(super) fn new(plan: &Plan) -> Self {
        let lock_ms = plan.cluster.coordinators.share_groups.lock_ms;
        let lock_ns = by_fastest_clock(plan, lock_ms.saturating_mul(1_000_000));
        let lock_ns = lock_ns.saturating_sub(ROUNDED_NS);
        Self { lock_ns, asker: None, given_back: Vec::new() }
    }

    /// A leader is about to handle a request.
    pub(super) fn asked(&mut self, context: &Context<'_>, request: &Request) {
        let RequestBody::Client(ClientRequest::ShareFetch(request)) = &request.body else { return };
        let (group, member) = (request.group.clone(), request.member.clone());
        let Context { event, node, .. } = *context;
        self.asker = Some(Asker { event, node, group, member });
    }

    /// Whatever goes on: an event that is over has said whose sessions ended.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings) {
        if self.given_back.first().is_some_and(|first| first.event != context.event) {
            self.report_given_back(context, findings);
        }
    }

    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (note, held): (&ShareNote, &Held),
    ) {
        match note {
            ShareNote::LockEnded {
                group,
                partition,
                leader_epoch,
                member,
                first,
                last,
                why,
                ..
            } => match why {
                LockEnd::Expired => {
                    let at = (group.as_str(), *partition, *leader_epoch);
                    self.on_expired(context, findings, held, (at, (*first, *last)));
                }
                LockEnd::SessionClosed => {
                    self.on_given_back(context, (group, *partition), member, (*first, *last));
                }
            },
            ShareNote::SessionClosed { group, member, .. } => {
                let goes_on = |it: &GivenBack| {
                    it.node != context.node || it.group != *group || it.member != *member
                };
                self.given_back.retain(goes_on);
            }
            ShareNote::AcknowledgementTaken {
                group, partition, leader_epoch, first, last, ..
            } => {
                let at = (group.as_str(), *partition, *leader_epoch);
                self.on_acknowledged(context, findings, held, (at, (*first, *last)));
            }
            ShareNote::Loaded { .. }
            | ShareNote::Acquired { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::StartOffsetMoved { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateWritten { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::Fenced { .. } => {}
        }
    }

    fn on_expired(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        held: &Held,
        (at, range): (ShareAt<'_>, (Offset, Offset)),
    ) {
        for (offset, holding) in held.of(context.node, at, range) {
            let Some(since) = holding.since else { continue };
            let passed_ns = context.at_ns.saturating_sub(since);
            if passed_ns >= self.lock_ns {
                continue;
            }
            findings.report(context, &CUT, (at.1, offset, offset), || {
                format!(
                    "group {}: the lock of {} on offset {offset} expired after {} ms of at least {}",
                    at.0,
                    holding.member,
                    passed_ns / 1_000_000,
                    self.lock_ns.div_ceil(1_000_000)
                )
            });
        }
    }

    fn on_given_back(
        &mut self,
        context: &Context<'_>,
        (group, partition): (&String, TopicPartition),
        member: &String,
        (first, last): (Offset, Offset),
    ) {
        if !context.view.states_all() {
            return;
        }
        if let Some(before) = self.given_back.last_mut()
            && (&before.group, before.partition, &before.member) == (group, partition, member)
        {
            before.last = last;
            return;
        }
        let (group, member) = (group.clone(), member.clone());
        let Context { at_ns, event, node, .. } = *context;
        let given_back = GivenBack { at_ns, event, node, group, partition, member, first, last };
        self.given_back.push(given_back);
    }

    fn report_given_back(&mut self, context: &Context<'_>, findings: &mut Findings) {
        for it in self.given_back.drain(..) {
            let context = Context { at_ns: it.at_ns, event: it.event, node: it.node, ..*context };
            findings.report(&context, &CUT, (it.partition, it.first, it.last), || {
                let GivenBack { group, member, first, .. } = &it;
                format!(
                    "group {group}: {member} lost offset {first} as if its session ended, which goes on"
                )
            });
        }
    }

    fn on_acknowledged(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        held: &Held,
        (at, range): (ShareAt<'_>, (Offset, Offset)),
    ) {
        let now = (context.event, context.node, at.0);
        let is_now = |asker: &&Asker| (asker.event, asker.node, asker.group.as_str()) == now;
        let Some(asker) = self.asker.as_ref().filter(is_now) else { return };
        for (offset, holding) in held.of(context.node, at, range) {
            if holding.member == asker.member {
                continue;
            }
            findings.report(context, &TAKEN, (at.1, offset, offset), || {
                format!(
                    "group {}: {} acknowledged offset {offset}, which {} holds",
                    at.0, asker.member, holding.member
                )
            });
        }
    }
}

/// A share-partition, and the epoch of its leader.
type ShareAt<'a> = (&'a str, TopicPartition, LeaderEpoch);
