//! No record is passed over.
//!
//! Promise: a share-partition's start offset moves over a record only if a member has accepted or rejected it, it was
//! delivered as often as it may, or it is gone from the log. Source: KIP-932,
//! `SharePartition.maybeUpdateCachedStateAndOffsets`. A member's word counts once a leader has taken it, be it stored
//! or not: it may be stored although nobody was told.
//! Not verified: what lies before a group's first start offset; that a record is delivered in the end, which is the
//! goal `share-lag`.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LOST: Anomaly = Anomaly {
    name: "share-loss",
    guarantee: Guarantee::Offsets,
    meaning: "a share group has passed over a record that nobody is done with",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-no-loss",
    promise: "each record of a share group is accepted, rejected or given up before the group moves on",
    source: "KIP-932",
    leaves_out: "what lies before a group's first start offset",
    anomalies: &[LOST],
};

/// What was decided, and how far a share-partition ever was.
#[derive(Debug, Default)]
struct Progress {
    start: Option<Offset>,
    decided: BTreeSet<Offset>,
}

/// What was decided of which record.
#[derive(Debug, Default)]
pub(super) struct Decided {
    known: BTreeMap<(String, TopicPartition), Progress>,
}

impl Decided {
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        match note {
            ShareNote::AcknowledgementTaken {
                group,
                partition,
                first,
                last,
                archived,
                what,
                ..
            } => {
                if *archived || what.is_final() {
                    self.decide((group, *partition), *first, *last);
                }
            }
            ShareNote::LockEnded { group, partition, first, last, archived: true, .. } => {
                self.decide((group, *partition), *first, *last);
            }
            ShareNote::Loaded { group, partition, start_offset, log_start_offset, .. } => {
                let to = (*start_offset, *log_start_offset);
                self.moved(context, findings, (group, *partition), to);
            }
            ShareNote::StartOffsetMoved { group, partition, to, log_start_offset, .. } => {
                let to = (*to, *log_start_offset);
                self.moved(context, findings, (group, *partition), to);
            }
            ShareNote::LockEnded { .. }
            | ShareNote::Acquired { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateWritten { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::Fenced { .. } => {}
        }
    }

    fn decide(&mut self, (group, partition): (&str, TopicPartition), first: Offset, last: Offset) {
        let progress = self.known.entry((group.to_owned(), partition)).or_default();
        progress.decided.extend((first.0..=last.0).map(Offset));
    }

    fn moved(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (group, partition): (&str, TopicPartition),
        (to, log_start): (Offset, Offset),
    ) {
        let progress = self.known.entry((group.to_owned(), partition)).or_default();
        let before = *progress.start.get_or_insert(to);
        if to <= before {
            return;
        }
        progress.start = Some(to);
        let passed = before.0.max(log_start.0)..to.0;
        let mut lost = passed.map(Offset).filter(|offset| !progress.decided.contains(offset));
        if let Some(offset) = lost.next() {
            let last = lost.next_back().unwrap_or(offset);
            findings.report(context, &LOST, (partition, offset, last), || {
                format!("group {group} moved on to {to}, and nobody is done with offset {offset}")
            });
        }
        progress.decided = progress.decided.split_off(&to);
    }
}
