//! Who holds a record.
//!
//! Promise: while a member's acquisition lock on a record runs, nobody else gets the record from that leader: it ends
//! by an acknowledgement that is stored, by expiry, or with the member's share session. Source: KIP-932,
//! `SharePartition.acquire`; KAFKA-18084. That it ends in time, and not before, is judged beside it.
//! Not verified: what a deposed leader gives out that does not know of its deposition, which Kafka does not prevent.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const BROKEN: Anomaly = Anomaly {
    name: "share-lock-broken",
    guarantee: Guarantee::Offsets,
    meaning: "a record of a share group was given to a member while another one held it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-lock",
    promise: "one member of a share group holds a record at a time",
    source: "KIP-932",
    leaves_out: "what a deposed leader gives out that does not know of it",
    anomalies: &[BROKEN],
};

/// Who holds what of a share-partition in a leader epoch.
type Holders = BTreeMap<Offset, String>;

/// Who holds what, by share-partition and the epoch of its leader.
#[derive(Debug, Default)]
pub(super) struct Locks {
    held: BTreeMap<(String, TopicPartition, LeaderEpoch), Holders>,
}

impl Locks {
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        match note {
            ShareNote::Loaded { group, partition, leader_epoch, .. } => {
                self.held.retain(|(known, at, epoch), _| {
                    known != group || at != partition || epoch > leader_epoch
                });
            }
            ShareNote::Acquired { group, partition, leader_epoch, member, first, last, .. } => {
                let held = self.holders(group, *partition, *leader_epoch);
                for offset in (first.0..=last.0).map(Offset) {
                    let Some(before) = held.insert(offset, member.clone()) else { continue };
                    findings.report(context, &BROKEN, (*partition, offset, offset), || {
                        format!(
                            "group {group}: offset {offset} went to {member}; {before} holds it"
                        )
                    });
                }
            }
            ShareNote::AcknowledgementAnswered {
                group,
                partition,
                leader_epoch,
                first,
                last,
                stored: true,
                ..
            }
            | ShareNote::LockEnded { group, partition, leader_epoch, first, last, .. } => {
                let held = self.holders(group, *partition, *leader_epoch);
                for offset in first.0..=last.0 {
                    held.remove(&Offset(offset));
                }
            }
            ShareNote::AcknowledgementTaken { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::StartOffsetMoved { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateWritten { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::Fenced { .. } => {}
        }
    }

    fn holders(&mut self, group: &str, at: TopicPartition, epoch: LeaderEpoch) -> &mut Holders {
        self.held.entry((group.to_owned(), at, epoch)).or_default()
    }
}
