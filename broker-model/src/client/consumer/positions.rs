//! All positions of a consumer, and where each stands: what has changed is looked at, what has not is not.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::metadata::PartitionKey;
use crate::types::{NodeId, Time};

use super::position::{Position, Stage};

/// All positions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    all: BTreeMap<PartitionKey, Position>,
    /// Those that may stand elsewhere than `places` says.
    changed: Vec<PartitionKey>,
    places: BTreeMap<PartitionKey, Place>,
    /// Those that may be fetched from a leader.
    fetchable: BTreeMap<NodeId, BTreeSet<PartitionKey>>,
    delayed: BTreeSet<(Time, PartitionKey)>,
    leaderless: BTreeSet<PartitionKey>,
    asking: BTreeSet<PartitionKey>,
}

/// Where a position stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It may be fetched from this leader.
    Fetchable(NodeId),
    /// It may be fetched, but not before.
    Delayed(Time),
    /// It could be fetched if it had a leader.
    Leaderless,
    /// It has a question to ask before it fetches.
    Asking,
    /// It has records to deliver, or waits for an answer to its question.
    Idle,
}

impl Positions {
    /// A position.
    pub(super) fn get(&self, key: &PartitionKey) -> Option<&Position> {
        self.all.get(key)
    }

    /// A position, to be changed.
    pub(super) fn get_mut(&mut self, key: &PartitionKey) -> Option<&mut Position> {
        let position = self.all.get_mut(key)?;
        if self.changed.last() != Some(key) {
            self.changed.push(*key);
        }
        Some(position)
    }

    /// Adds a position, or puts it in the place of another.
    pub(super) fn insert(&mut self, key: PartitionKey, position: Position) {
        self.changed.push(key);
        self.all.insert(key, position);
    }

    /// Removes one.
    pub(super) fn remove(&mut self, key: &PartitionKey) {
        self.changed.push(*key);
        self.all.remove(key);
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        self.changed.extend(self.all.keys().copied());
        self.all.clear();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PartitionKey, &Position)> {
        self.all.iter()
    }

    /// Leaders from which something may be fetched.
    pub(super) fn leaders(&self) -> Vec<NodeId> {
        self.fetchable.keys().copied().collect()
    }

    /// What may be fetched from a leader.
    pub(super) fn fetchable(&self, leader: NodeId) -> impl Iterator<Item = PartitionKey> + '_ {
        self.fetchable.get(&leader).into_iter().flatten().copied()
    }

    /// Whether a position may be fetched from a leader.
    pub(super) fn is_fetchable(&self, leader: NodeId, key: &PartitionKey) -> bool {
        self.places.get(key) == Some(&Place::Fetchable(leader))
    }

    /// Whether something could be fetched if it had a leader.
    pub(super) fn has_leaderless(&self) -> bool {
        !self.leaderless.is_empty()
    }

    /// When the first position that is delayed may be fetched.
    pub(super) fn first_delayed(&self) -> Option<Time> {
        self.delayed.first().map(|(until, _)| *until)
    }

    /// Positions that have a question to ask.
    pub(super) fn asking(&self) -> impl Iterator<Item = (&PartitionKey, &Position)> {
        self.asking.iter().filter_map(|key| self.all.get_key_value(key))
    }

    /// Looks at what has changed; `touch` hears of each leader from which a position is, or was, to be fetched.
    pub(super) fn refresh(&mut self, now: Time, mut touch: impl FnMut(NodeId, PartitionKey)) {
        while let Some((_, key)) = self.delayed.pop_first_if_due(now) {
            self.changed.push(key);
        }
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for key in changed.drain(..) {
            let place = self.all.get(&key).map(|position| place(position, now));
            let before = match place {
                Some(place) => self.places.insert(key, place),
                None => self.places.remove(&key),
            };
            if let Some(before) = before {
                self.leave(key, before);
            }
            if let Some(place) = place {
                self.enter(key, place);
            }
            for place in [before, place].into_iter().flatten() {
                if let Place::Fetchable(leader) = place {
                    touch(leader, key);
                }
            }
        }
        self.changed = changed;
        assert!(
            self.places.len() == self.all.len(),
            "{} places of {} positions",
            self.places.len(),
            self.all.len()
        );
    }

    fn leave(&mut self, key: PartitionKey, place: Place) {
        match place {
            Place::Fetchable(leader) => {
                let Some(keys) = self.fetchable.get_mut(&leader) else { return };
                keys.remove(&key);
                if keys.is_empty() {
                    self.fetchable.remove(&leader);
                }
            }
            Place::Delayed(until) => {
                self.delayed.remove(&(until, key));
            }
            Place::Leaderless => {
                self.leaderless.remove(&key);
            }
            Place::Asking => {
                self.asking.remove(&key);
            }
            Place::Idle => {}
        }
    }

    fn enter(&mut self, key: PartitionKey, place: Place) {
        match place {
            Place::Fetchable(leader) => {
                self.fetchable.entry(leader).or_default().insert(key);
            }
            Place::Delayed(until) => {
                self.delayed.insert((until, key));
            }
            Place::Leaderless => {
                self.leaderless.insert(key);
            }
            Place::Asking => {
                self.asking.insert(key);
            }
            Place::Idle => {}
        }
    }
}

/// Takes the first delay that is over.
trait PopDue {
    fn pop_first_if_due(&mut self, now: Time) -> Option<(Time, PartitionKey)>;
}

impl PopDue for BTreeSet<(Time, PartitionKey)> {
    fn pop_first_if_due(&mut self, now: Time) -> Option<(Time, PartitionKey)> {
        let (until, _) = self.first()?;
        if *until <= now { self.pop_first() } else { None }
    }
}

fn place(position: &Position, now: Time) -> Place {
    if position.stage != Stage::Fetch {
        // What the group has committed is asked for all at once, of the coordinator.
        let idle = position.asked || position.stage == Stage::Committed;
        return if idle { Place::Idle } else { Place::Asking };
    }
    if !position.buffer.records.is_empty() {
        return Place::Idle;
    }
    match position.leadership.leader {
        None => Place::Leaderless,
        Some(_) if position.not_before > now => Place::Delayed(position.not_before),
        Some(leader) => Place::Fetchable(leader),
    }
}
