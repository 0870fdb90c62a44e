//! What is done is done.
//!
//! Promise: once a member is told that its acceptance or rejection of a record is stored, nobody gets the record again
//! from this leader or a later one. Source: KIP-932, `SharePartition.acknowledge`.
//! Not verified: what a leader gives out that was deposed before; records that were given up for the delivery limit,
//! whose count may be lost with a leader; offsets from which on an election has dropped committed records since, where
//! other records are.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::share_message::AcknowledgeType;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::truth::Loss;
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
    leaves_out: "records that were given up for the delivery limit; offsets that an election has dropped",
    anomalies: &[AGAIN],
};

/// How an offset is done, and in which leader epoch that was answered.
type How = (LeaderEpoch, AcknowledgeType);

/// What is done.
#[derive(Debug, Default)]
pub(super) struct Done {
    offsets: BTreeMap<(String, TopicPartition), BTreeMap<Offset, How>>,
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
            let losses = losses(context, *partition);
            let done = self.offsets.entry((group.clone(), *partition)).or_default();
            for offset in (first.0..=last.0).map(Offset) {
                let how = done.entry(offset).or_insert((*leader_epoch, *what));
                if is_another(losses, offset, (how.0, *leader_epoch)) {
                    *how = (*leader_epoch, *what);
                }
            }
        }
        if let ShareNote::Acquired { group, partition, leader_epoch, member, first, last, .. } =
            note
        {
            let losses = losses(context, *partition);
            let key = (group.clone(), *partition);
            let done = self.offsets.get(&key).into_iter().flat_map(|it| it.range(*first..=*last));
            let mut again = done.filter(|(offset, (epoch, _))| {
                leader_epoch >= epoch && !is_another(losses, **offset, (*epoch, *leader_epoch))
            });
            let Some((offset, (epoch, what))) = again.next() else { return };
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

fn losses<'a>(context: &Context<'a>, partition: TopicPartition) -> &'a [Loss] {
    context.view.partition(partition).map_or(&[], |view| &view.losses)
}

/// Whether the leader of the later of two epochs may have another record at an offset than that of the earlier one: in
/// between one was elected that had dropped committed records from there on, or from an offset before.
fn is_another(
    losses: &[Loss],
    offset: Offset,
    (earlier, later): (LeaderEpoch, LeaderEpoch),
) -> bool {
    losses.iter().any(|loss| {
        loss.first <= offset.0 && earlier < loss.leader_epoch && loss.leader_epoch <= later
    })
}
