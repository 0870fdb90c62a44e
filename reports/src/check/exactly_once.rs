//! Promise: of a partition that transactions consume and commit as processed, each record is processed by exactly one
//! committed transaction, and within the time that its group promises after it was acknowledged, if it promises one.
//! Sources: KIP-98, KIP-447; ducktape's transactional copier (input set = output set).
//!
//! Inputs are judged for each group apart, if the transactions name one. A transaction of unknown outcome may have
//! processed what it names, and is not held to it unless a read proves that it committed. With final reads, the
//! processing is taken to be over as well. Not verified: what the outputs say.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, NEVER, What};

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::{Index, Placement};
use super::occurrence::Observation;

/// Offsets that one transaction processed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    first: i64,
    last: i64,
    operation: u32,
    /// Whether it surely committed.
    sure: bool,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    for ((group, partition), mut spans) in inputs(index) {
        spans.sort_unstable();
        check_twice(index, found, partition, &spans);
        check_never(index, found, partition, &spans);
        let name = group.and_then(|group| index.history.groups.get(group as usize));
        let within_ns = name.and_then(|name| index.options.processed_within_ns.get(name));
        if let Some(within_ns) = within_ns {
            check_late(index, found, (partition, *within_ns), &spans);
        }
    }
}

/// What committed transactions, or those that may have, processed: by group and partition.
fn inputs(index: &Index<'_>) -> BTreeMap<(Option<u32>, u32), Vec<Span>> {
    let mut inputs: BTreeMap<(Option<u32>, u32), Vec<Span>> = BTreeMap::new();
    for detail in index.history.details() {
        let What::Consumed { partition, first, last } = detail.what else { continue };
        let operation = detail.operation;
        let group = index.history.member(operation).map(|(group, _)| group);
        let spans = inputs.entry((group, partition)).or_default();
        let sure = match index.row(operation).completion {
            Completion::Ok => true,
            Completion::Fail => continue,
            Completion::Info => index.is_proved(operation),
        };
        spans.push(Span { first, last, operation, sure });
    }
    inputs
}

fn check_twice(index: &Index<'_>, found: &mut Found, partition: u32, spans: &[Span]) {
    let mut furthest: Option<Span> = None;
    for span in spans.iter().filter(|span| span.sure) {
        // Who names a record twice has processed it in one transaction.
        let earlier = furthest
            .filter(|earlier| earlier.last >= span.first && earlier.operation != span.operation);
        if let Some(earlier) = earlier {
            let (subject, other) = (
                Observation::answer(span.operation, span.first),
                Observation::answer(earlier.operation, span.first),
            );
            found.add(index, Anomaly::EosDuplicate, partition, subject, Some(other));
        }
        if furthest.is_none_or(|furthest| furthest.last < span.last) {
            furthest = Some(*span);
        }
    }
}

/// Records that are surely there, up to the furthest that was processed, or all of them if everything is over.
fn check_never(index: &Index<'_>, found: &mut Found, partition: u32, spans: &[Span]) {
    let furthest = spans.iter().filter(|span| span.sure).max_by_key(|span| span.last);
    let is_over = index.history.final_reads && index.options.processing_over;
    let over = is_over.then_some(i64::MAX);
    let Some(end) = over.or_else(|| furthest.map(|span| span.last)) else { return };
    let furthest = furthest.map(|span| Observation::answer(span.operation, span.last));
    let mut covered = i64::MIN;
    let mut spans_left = spans.iter().peekable();
    let start = index.options.log_start_offset(partition);
    for send in index.placed_from(partition, start) {
        let place = index.placement(*send);
        if place.offset > end {
            break;
        }
        while let Some(span) = spans_left.next_if(|span| span.first <= place.offset) {
            covered = covered.max(span.last);
        }
        if covered < place.offset && must_be_processed(index, &place) {
            let subject = index.observation_of_placement(&place);
            found.add(index, Anomaly::EosLoss, partition, subject, furthest);
        }
    }
}

/// Records that were acknowledged, and processed for the first time later than they should. What an operation of
/// unknown outcome may have processed, it may have processed in time.
fn check_late(
    index: &Index<'_>,
    found: &mut Found,
    (partition, within_ns): (u32, u64),
    spans: &[Span],
) {
    let completed = |operation: u32| {
        let row = index.row(operation);
        (row.completion == Completion::Ok).then_some(row.completed_ns)
    };
    let done = |span: &Span| completed(span.operation).unwrap_or(0);
    let longest = spans.iter().map(|span| span.last.saturating_sub(span.first)).max().unwrap_or(0);
    for send in index.placed_from(partition, index.options.log_start_offset(partition)) {
        let place = index.placement(*send);
        let acknowledged = completed(index.operation_of_send(place.writer));
        let Some(acknowledged_ns) = acknowledged else { continue };
        let from = spans.partition_point(|it| it.first < place.offset.saturating_sub(longest));
        let near = spans[from..].iter().take_while(|span| span.first <= place.offset);
        let covering = near.filter(|span| span.last >= place.offset);
        let first = covering.min_by_key(|span| done(span));
        let is_late = |span: &&Span| done(span).saturating_sub(acknowledged_ns) > within_ns;
        if let Some(span) = first.filter(is_late) {
            let subject = Observation::answer(span.operation, place.offset);
            let record = index.observation_of_placement(&place);
            found.add(index, Anomaly::LateProcessing, partition, subject, Some(record));
        }
    }
}

fn must_be_processed(index: &Index<'_>, place: &Placement) -> bool {
    let there = index.committed(place.writer) || index.was_read_ok(place.writer);
    there
        && index.completion_of(place.writer) != Completion::Fail
        && !index.may_be_removed(place.writer, (place.partition, place.offset), NEVER)
}
