//! Where epochs begin and end in a log.
//!
//! Promise: the end of an epoch that a leader tells a follower or a client is where the records of later epochs begin
//! in its own log, or the log's end; a replica that opens or cuts its log or begins to lead knows the first offset of
//! every epoch in it, and of no other epoch but the one that begins at its end; whoever begins to lead knows its own.
//! Source: KIP-101, KIP-279, KIP-320; `LeaderEpochFileCache`.
//! Not verified: what lies below a log start that moved; where the oldest epoch begins in a log of which the cleaner
//! took something, since a replica that copied such a one knows of that from the first record on that was left; which
//! of several epochs without records is named.

use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::view::{LogMirror, ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const WRONG_END: Anomaly = Anomaly {
    name: "epoch-end-wrong",
    guarantee: Guarantee::Replication,
    meaning: "a leader returned an end offset of an epoch that is not where the epoch ends in its log",
};
const CACHE: Anomaly = Anomaly {
    name: "epoch-cache-mismatch",
    guarantee: Guarantee::Replication,
    meaning: "a replica takes epochs to begin elsewhere than they do in its log",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "epoch-ends",
    promise: "starts and ends of epochs are known and returned as the log has them",
    source: "KIP-101, KIP-279, KIP-320, LeaderEpochFileCache",
    leaves_out: "what lies below a log start that moved",
    anomalies: &[WRONG_END, CACHE],
};

/// A leader told a follower or a client where an epoch ends.
pub(super) fn on_served(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    asked: LeaderEpoch,
    end: Offset,
) {
    let Some(replica) = context.view.replica(context.node, partition) else { return };
    let unknown = asked == LeaderEpoch::NONE || end == Offset::NONE;
    if unknown || replica.log.start() > Offset::ZERO {
        return;
    }
    // What is below the log start is forgotten: there the first epoch begins that is known.
    let truly = end_of(&replica.log, asked).max(replica.log_start_offset);
    if truly != end {
        findings.report(context, &WRONG_END, (partition, truly.min(end), truly.max(end)), || {
            format!(
                "node {} returned end offset {end} of epoch {asked}; in its log it ends at {truly}",
                context.node
            )
        });
    }
}

/// A leader told a follower that its log differs: the epoch that it names is one that it knows, or before all of them,
/// where those whose records are all below the log start are forgotten. The one that was asked for instead would have
/// the follower keep what another leader wrote in it (KIP-279).
pub(super) fn on_diverging(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (named, end): (LeaderEpoch, Offset),
) {
    on_served(context, findings, partition, named, end);
    let Some(replica) = context.view.replica(context.node, partition) else { return };
    let holds_all = replica.log.start() == Offset::ZERO;
    let is_known = |named| {
        let entries = replica.log.entries();
        let at = entries.partition_point(|entry| entry.batch.leader_epoch < named);
        let is_in_log = entries.get(at).is_some_and(|it| it.batch.leader_epoch == named);
        let before = entries[..at].last();
        let is_first = before.is_none_or(|entry| entry.end() <= replica.log_start_offset);
        is_first || is_in_log || replica.led_in.contains(&named)
    };
    if holds_all && named != LeaderEpoch::NONE && !is_known(named) {
        findings.report(context, &WRONG_END, (partition, end, end), || {
            format!(
                "node {} named epoch {named}, of which it has no record and in which it never led",
                context.node
            )
        });
    }
}

/// A replica knows these epochs, with their first offsets.
pub(super) fn on_known(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    known: &[(LeaderEpoch, Offset)],
) {
    let Some(replica) = context.view.replica(context.node, partition) else { return };
    if replica.log.start() > Offset::ZERO || !context.view.states_all() {
        return;
    }
    let truly = known_from(replica, replica.log_start_offset);
    let end = replica.log.end();
    let fits = |truly: &[(LeaderEpoch, Offset)]| {
        let empty = |(epoch, start): &(LeaderEpoch, Offset)| {
            *start == end && truly.last().is_none_or(|(last, _)| epoch > last)
        };
        let rest = without_prefix(known, truly, !replica.holes.is_empty());
        rest.is_some_and(|rest| rest.len() <= 1 && rest.iter().all(empty))
    };
    // Who leads knows its own epoch before it has a record of it: else it could tell nobody where the one before ends.
    let leads = replica.role == ReplicaRole::Leader;
    let own = !leads || known.last().is_some_and(|(epoch, _)| *epoch == replica.leader_epoch);
    // The epochs may know of a start that is lost: that it went back is another finding.
    let fit = || fits(&truly) || fits(&known_from(replica, replica.furthest_start));
    if !own || !fit() {
        findings.report(context, &CACHE, partition, || {
            format!(
                "node {} knows the epochs {}; its log has {}, and ends at {}",
                context.node,
                format_epochs(known),
                format_epochs(&truly),
                replica.log.end()
            )
        });
    }
}

type Starts = [(LeaderEpoch, Offset)];

/// What is known beyond these epochs, if all of them are known: of a log that was cleaned the oldest one may be known
/// from later on, or not at all.
fn without_prefix<'a>(known: &'a Starts, truly: &Starts, cleaned: bool) -> Option<&'a Starts> {
    if let Some(rest) = known.strip_prefix(truly) {
        return Some(rest);
    }
    let (oldest, later) = truly.split_first().filter(|_| cleaned)?;
    let begins_later = |first: &&(LeaderEpoch, Offset)| first.0 == oldest.0 && first.1 > oldest.1;
    let known = known.first().filter(begins_later).map_or(known, |_| &known[1..]);
    known.strip_prefix(later)
}

/// Where the records of later epochs begin.
fn end_of(log: &LogMirror, epoch: LeaderEpoch) -> Offset {
    let entries = log.entries();
    let later = entries.partition_point(|entry| entry.batch.leader_epoch <= epoch);
    entries.get(later).map_or(log.end(), |entry| entry.batch.base_offset)
}

fn starts(log: &LogMirror) -> Vec<(LeaderEpoch, Offset)> {
    let mut starts: Vec<(LeaderEpoch, Offset)> = Vec::new();
    let mut rest = log.entries();
    while let Some(first) = rest.first() {
        let epoch = first.batch.leader_epoch;
        starts.push((epoch, first.batch.base_offset));
        rest = &rest[rest.partition_point(|entry| entry.batch.leader_epoch <= epoch)..];
    }
    starts
}

/// What of a replica's epochs is known if its log starts there. Of which nothing is left is not known for certain.
fn known_from(replica: &ReplicaView, log_start: Offset) -> Vec<(LeaderEpoch, Offset)> {
    let mut truly = from_start(starts(&replica.log), log_start);
    truly.retain(|(_, start)| *start < replica.log.end());
    truly
}

/// The epochs of a log that starts there: the one that holds its start begins with it.
fn from_start(
    mut starts: Vec<(LeaderEpoch, Offset)>,
    log_start: Offset,
) -> Vec<(LeaderEpoch, Offset)> {
    let begun = starts.partition_point(|(_, start)| *start <= log_start);
    starts.drain(..begun.saturating_sub(1));
    if let Some(first) = starts.first_mut() {
        first.1 = first.1.max(log_start);
    }
    starts
}

fn format_epochs(starts: &[(LeaderEpoch, Offset)]) -> String {
    let one = |(epoch, start): &(LeaderEpoch, Offset)| format!("{epoch} from {start}");
    let all: Vec<String> = starts.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}
