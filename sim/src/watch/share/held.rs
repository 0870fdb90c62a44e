//! What members of share groups hold, since when, and how often it was delivered: as its leader has stated it. Other
//! files judge by it.

use std::collections::BTreeMap;

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::watch::finding::Context;
use crate::watch::timing::RunningSince;

/// A record that a member holds.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) member: String,
    /// Since when, in nanoseconds; none if its leader had stood still, and states late what it did before.
    pub(super) since: Option<u64>,
    /// How often it was delivered, this time included.
    pub(super) delivery_count: u32,
}

/// A share-partition at its leader of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Led {
    node: NodeId,
    partition: TopicPartition,
    group: String,
    epoch: LeaderEpoch,
}

/// What is held, by who leads it.
#[derive(Debug, Default)]
pub(super) struct Held {
    known: BTreeMap<Led, BTreeMap<Offset, Holding>>,
}

impl Held {
    /// A process starts: it holds nothing for anybody.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.known.retain(|led, _| led.node != node);
    }

    /// Who holds which offsets of a range.
    pub(super) fn of(
        &self,
        node: NodeId,
        (group, partition, epoch): (&str, TopicPartition, LeaderEpoch),
        (first, last): (Offset, Offset),
    ) -> impl Iterator<Item = (Offset, &Holding)> {
        let held = self.known.get(&led(node, (group, partition, epoch)));
        let range = held.into_iter().flat_map(move |held| held.range(first..=last));
        range.map(|(offset, holding)| (*offset, holding))
    }

    /// Takes a note over, after it was judged.
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        running_since: &RunningSince,
        note: &ShareNote,
    ) {
        let Context { at_ns, node, .. } = *context;
        match note {
            ShareNote::Loaded { group, partition, .. }
            | ShareNote::Fenced { group, partition, .. } => {
                let is_other = |known: &Led| known.group != *group || known.partition != *partition;
                self.known.retain(|known, _| is_other(known) || known.node != node);
            }
            ShareNote::Acquired {
                group,
                partition,
                leader_epoch,
                member,
                first,
                last,
                delivery_count,
                ..
            } => {
                let (member, delivery_count) = (member.clone(), *delivery_count);
                let since = running_since.for_longer_than(at_ns, node, 0).then_some(at_ns);
                let holding = Holding { member, since, delivery_count };
                let held = self.known.entry(led(node, (group, *partition, *leader_epoch)));
                let offsets = (first.0..=last.0).map(Offset);
                held.or_default().extend(offsets.map(|offset| (offset, holding.clone())));
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
                let held = self.known.get_mut(&led(node, (group, *partition, *leader_epoch)));
                if let Some(held) = held {
                    held.retain(|offset, _| offset < first || offset > last);
                }
            }
            ShareNote::StartOffsetMoved { group, partition, leader_epoch, to, .. } => {
                let held = self.known.get_mut(&led(node, (group, *partition, *leader_epoch)));
                if let Some(held) = held {
                    *held = held.split_off(to);
                }
            }
            ShareNote::AcknowledgementTaken { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateWritten { .. }
            | ShareNote::StateAppended { .. } => {}
        }
    }
}

fn led(node: NodeId, (group, partition, epoch): (&str, TopicPartition, LeaderEpoch)) -> Led {
    Led { node, partition, group: group.to_owned(), epoch }
}
