//! What committed transactions have processed.

use std::collections::BTreeMap;

use crate::check::occurrence::Observation;

/// Offsets that one transaction processed, or several that overlap.
#[derive(Debug, Clone, Copy)]
struct Span {
    last: i64,
    operation: u32,
}

/// By group, partition and first offset.
#[derive(Debug, Default)]
pub(super) struct Spans {
    processed: BTreeMap<(Option<u32>, u32, i64), Span>,
}

impl Spans {
    /// A transaction has processed these offsets; returns the operation that had processed the first of them that it
    /// shares with another one.
    pub(super) fn add(
        &mut self,
        (group, partition): (Option<u32>, u32),
        (first, last): (i64, i64),
        operation: u32,
    ) -> Option<Observation> {
        let key = |first: i64| (group, partition, first);
        let before = self.processed.range(key(i64::MIN)..=key(first)).next_back();
        let before = before.filter(|(_, span)| span.last >= first);
        let after = self.processed.range(key(first)..=key(last.max(first))).next();
        let other = before.or(after).map(|((_, _, at), span)| (*at, *span));
        let Some((at, span)) = other else {
            self.processed.insert(key(first), Span { last, operation });
            return None;
        };
        let united = Span { last: last.max(span.last), ..span };
        self.processed.remove(&key(at));
        self.processed.insert(key(at.min(first)), united);
        let offset = first.max(at);
        Some(Observation::answer(span.operation, offset))
    }
}
