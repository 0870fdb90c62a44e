//! Promise: of a partition that transactions consume and commit as processed, each record is processed by exactly one
//! committed transaction. Sources: KIP-98, KIP-447; ducktape's transactional copier (input set = output set).
//!
//! Inputs are judged for each group apart, if the transactions name one. A transaction of unknown outcome may have
//! processed what it names, and is not held to it unless a read proves that it committed. With final reads, the
//! processing is taken to be over as well. Not verified: what the outputs say.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, What};

use super::index::{Index, Placement};
use super::{Anomaly, Found, Witness};

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
    for ((_, partition), mut spans) in inputs(index) {
        spans.sort_unstable();
        check_twice(index, found, partition, &spans);
        check_never(index, found, partition, &spans);
    }
}

/// What committed transactions, or those that may have, processed: by group and partition.
fn inputs(index: &Index<'_>) -> BTreeMap<(Option<u32>, u32), Vec<Span>> {
    let mut inputs: BTreeMap<(Option<u32>, u32), Vec<Span>> = BTreeMap::new();
    for detail in index.history.details() {
        let What::Consumed { partition, first, last } = detail.what else { continue };
        let operation = detail.operation;
        let sure = match index.row(operation).completion {
            Completion::Ok => true,
            Completion::Fail => continue,
            Completion::Info => index.is_proved(operation),
        };
        let group = index.history.member(operation).map(|(group, _)| group);
        let span = Span { first, last, operation, sure };
        inputs.entry((group, partition)).or_default().push(span);
    }
    inputs
}

fn check_twice(index: &Index<'_>, found: &mut Found, partition: u32, spans: &[Span]) {
    let mut furthest: Option<Span> = None;
    for span in spans.iter().filter(|span| span.sure) {
        let earlier = furthest.filter(|earlier| earlier.last >= span.first);
        if let Some(earlier) = earlier {
            let (subject, other) = (
                Witness::answer(span.operation, span.first),
                Witness::answer(earlier.operation, span.first),
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
    let Some(furthest) = spans.iter().filter(|span| span.sure).max_by_key(|span| span.last) else {
        return;
    };
    let end = if index.history.final_reads { i64::MAX } else { furthest.last };
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
            let (subject, other) = (
                index.witness_placement(&place),
                Witness::answer(furthest.operation, furthest.last),
            );
            found.add(index, Anomaly::EosLoss, partition, subject, Some(other));
        }
    }
}

fn must_be_processed(index: &Index<'_>, place: &Placement) -> bool {
    let there = index.committed(place.writer) || index.was_read_ok(place.writer);
    there
        && index.completion_of(place.writer) != Completion::Fail
        && !index.may_be_removed(place.writer, place.partition, place.offset)
}
