//! Which inputs a transaction has processed, as far as the edge can tell: those from where its consumer stood up to
//! what it commits. A consumer stands where its group was when it was told, and behind what its last transaction has
//! committed. What is told of a transaction that is aborted moves nobody.
//!
//! Where the edge cannot tell, a partition of a group is left alone from then on: when its offsets are committed
//! without a transaction as well, are moved back, or come from nowhere known.

use std::collections::{BTreeMap, BTreeSet};

use super::names::PartitionIndex;

/// A group's partition.
pub(super) type GroupPlace = (String, PartitionIndex);

/// Who consumes for a transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Consumer {
    /// A member of a group, by its process.
    Member(u32),
    /// Nobody that is named: whoever uses this transactional id (before KIP-447).
    Of(String),
}

/// Where consumers stand.
#[derive(Debug, Default)]
pub(super) struct Positions {
    stands: BTreeMap<(GroupPlace, Consumer), i64>,
    /// Where groups were, as anybody was told last.
    told: BTreeMap<GroupPlace, i64>,
    committed: BTreeSet<GroupPlace>,
    /// Those that were committed by a transaction.
    transacted: BTreeSet<String>,
    left: BTreeSet<GroupPlace>,
    left_groups: BTreeSet<String>,
}

impl Positions {
    /// A consumer is told where its group stands, and begins there.
    pub(super) fn begins(&mut self, place: &GroupPlace, consumer: Consumer, told: Option<i64>) {
        if let Some(at) = self.start(place, told) {
            self.stands.insert((place.clone(), consumer), at);
        }
    }

    /// Somebody is told where a group stands: who is not named goes on there, if it is settled that the group does.
    pub(super) fn is_told(&mut self, place: &GroupPlace, told: Option<i64>, settled: bool) {
        self.stands.retain(|(of, by), _| of != place || matches!(by, Consumer::Member(_)));
        self.told.remove(place);
        let start = if settled { self.start(place, told) } else { None };
        if let Some(at) = start {
            self.told.insert(place.clone(), at);
        }
    }

    /// Where nothing was ever committed, a group begins with the log. Who starts at its end instead passes over records
    /// that nobody must process: to say that it did blames nobody.
    fn start(&mut self, place: &GroupPlace, told: Option<i64>) -> Option<i64> {
        let start = told.or_else(|| (!self.committed.contains(place)).then_some(0));
        if start.is_none() {
            self.left.insert(place.clone());
        }
        start
    }

    /// A group's offset is committed without a transaction.
    pub(super) fn commits(&mut self, place: &GroupPlace) {
        self.committed.insert(place.clone());
        self.left.insert(place.clone());
    }

    /// An administrator takes a group's offsets away.
    pub(super) fn leave(&mut self, group: &str) {
        self.left_groups.insert(group.to_owned());
    }

    /// A transaction is to commit this next offset: the first one that it has processed, if that can be told.
    pub(super) fn transacts(
        &mut self,
        place: &GroupPlace,
        consumer: &Consumer,
        next: i64,
    ) -> Option<i64> {
        self.committed.insert(place.clone());
        self.transacted.insert(place.0.clone());
        if self.left.contains(place) || self.left_groups.contains(&place.0) {
            return None;
        }
        let key = (place.clone(), consumer.clone());
        let told = matches!(consumer, Consumer::Of(_)).then(|| self.told.get(place)).flatten();
        let first = self.stands.get(&key).or(told).copied().filter(|first| *first <= next);
        if first.is_none() {
            self.left.insert(place.clone());
        }
        first.filter(|first| *first < next)
    }

    /// A transaction has ended: its consumer stands behind what it has committed, if it surely has.
    pub(super) fn ends(
        &mut self,
        place: &GroupPlace,
        consumer: &Consumer,
        (next, committed): (i64, Option<bool>),
    ) {
        let key = (place.clone(), consumer.clone());
        match committed {
            Some(true) => {
                self.stands.insert(key, next);
            }
            Some(false) => {}
            None => {
                self.stands.remove(&key);
                self.told.remove(place);
            }
        }
    }

    /// Whether a transaction has ever committed offsets of a group: who does not wait for it to end may be told older
    /// ones.
    pub(super) fn has_transacted(&self, group: &str) -> bool {
        self.transacted.contains(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> GroupPlace {
        ("group".to_owned(), 0)
    }

    #[test]
    fn a_transaction_has_processed_what_lies_between_where_it_stood_and_what_it_commits() {
        let (mut positions, consumer) = (Positions::default(), Consumer::Member(1));
        positions.begins(&place(), consumer.clone(), None);
        assert_eq!(positions.transacts(&place(), &consumer, 5), Some(0));
        positions.ends(&place(), &consumer, (5, Some(true)));
        assert_eq!(positions.transacts(&place(), &consumer, 8), Some(5));
        positions.ends(&place(), &consumer, (8, Some(false)));
        assert_eq!(positions.transacts(&place(), &consumer, 9), Some(5), "it was aborted");
        assert_eq!(positions.transacts(&place(), &consumer, 5), None, "nothing is processed");
    }

    #[test]
    fn who_is_not_named_goes_on_where_its_group_was_told_to_be_last() {
        let (mut positions, first) = (Positions::default(), Consumer::Of("a".to_owned()));
        positions.is_told(&place(), None, true);
        assert_eq!(positions.transacts(&place(), &first, 3), Some(0));
        positions.ends(&place(), &first, (3, Some(true)));
        let second = Consumer::Of("b".to_owned());
        assert_eq!(positions.transacts(&place(), &second, 3), Some(0), "both did it");
        positions.is_told(&place(), Some(7), true);
        assert_eq!(positions.transacts(&place(), &first, 9), Some(7));
        positions.is_told(&place(), Some(7), false);
        assert_eq!(positions.transacts(&place(), &first, 9), None, "it may be older");
    }

    #[test]
    fn what_cannot_be_told_is_left_alone_from_then_on() {
        let of = |name: &str| Consumer::Of(name.to_owned());
        let mut positions = Positions::default();
        assert_eq!(positions.transacts(&place(), &of("a"), 3), None, "it stood nowhere known");
        positions.is_told(&place(), Some(3), true);
        assert_eq!(positions.transacts(&place(), &of("a"), 5), None);
        let mut positions = Positions::default();
        positions.is_told(&place(), Some(3), true);
        assert_eq!(positions.transacts(&place(), &of("a"), 2), None, "it goes back");
        let mut positions = Positions::default();
        positions.is_told(&place(), Some(3), true);
        positions.commits(&place());
        assert_eq!(positions.transacts(&place(), &of("a"), 5), None, "others commit as well");
        let mut positions = Positions::default();
        positions.is_told(&place(), Some(3), true);
        positions.leave("group");
        assert_eq!(positions.transacts(&place(), &of("a"), 5), None, "an administrator was there");
    }
}
