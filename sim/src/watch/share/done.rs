//! What is done is done.
//!
//! Promise: once a member is told that its acceptance or rejection of a record is stored, nobody gets the record again
//! from this leader or a later one. Source: KIP-932, `SharePartition.acknowledge`.
//! Not verified: what a leader gives out that was deposed before; records that were given up for the delivery limit,
//! whose count may be lost with a leader.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::share_message::AcknowledgeType;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const AGAIN: Anomaly = Anomaly {
    name: "share-done-again",
    guarantee: Guarantee::Offsets,
    meaning: "a record of a share group was delivered again although a member was told that it is done",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-final",
    promise: "a record whose acknowledgement was answered is not delivered again",
    source: "KIP-932",
    leaves_out: "records that were given up for the delivery limit",
    anomalies: &[AGAIN],
};

/// What is done, and in which leader epoch that was answered.
#[derive(Debug, Default)]
pub(super) struct Done {
    offsets: BTreeMap<(String, TopicPartition), BTreeMap<Offset, (LeaderEpoch, AcknowledgeType)>>,
}

impl Done {
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        if let ShareNote::AcknowledgementAnswered {
            group,
            partition,
            leader_epoch,
            first,
            last,
            what,
            stored: true,
        } = note
            && what.is_final()
        {
            let done = self.offsets.entry((group.clone(), *partition)).or_default();
            for offset in first.0..=last.0 {
                done.entry(Offset(offset)).or_insert((*leader_epoch, *what));
            }
        }
        if let ShareNote::Acquired { group, partition, leader_epoch, member, first, last, .. } =
            note
        {
            let key = (group.clone(), *partition);
            let done = self.offsets.get(&key).and_then(|done| done.range(*first..=*last).next());
            let Some((offset, (epoch, what))) = done else { return };
            if leader_epoch >= epoch {
                findings.report(context, &AGAIN, (*partition, *first, *last), || {
                    let what = format!("{what:?}").to_lowercase();
                    format!(
                        "group {group}: {member} got offset {offset} in epoch {leader_epoch}, after its {what} was \
                         answered in epoch {epoch}"
                    )
                });
            }
        }
    }
}
