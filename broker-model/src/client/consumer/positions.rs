//! All positions of a consumer, and where each stands: what has changed is looked at, what has not is not.

use crate::client::metadata::PartitionKey;
use crate::collections::{SortedMap, SortedSet};
use crate::types::{NodeId, Time};

use super::position::{Position, Stage};

/// All positions.
#[derive(Debug, Default)]
pub(super) struct Positions {
    all: SortedMap<PartitionKey, Position>,
    /// Those that may stand elsewhere than `places` says.
    changed: Vec<PartitionKey>,
    places: SortedMap<PartitionKey, Place>,
    /// Those that may be fetched from a leader.
    fetchable: SortedMap<NodeId, SortedSet<PartitionKey>>,
    delayed: SortedSet<(Time, PartitionKey)>,
    leaderless: SortedSet<PartitionKey>,
    asking: SortedSet<PartitionKey>,
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
    /// It has records to deliver, waits for an answer to its question or for the application, or rests.
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
        self.all = SortedMap::default();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// All, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PartitionKey, &Position)> {
        self.all.iter()
    }

    /// The leaders from which something may be fetched, by their place among them.
    pub(super) fn leader(&self, place: usize) -> Option<NodeId> {
        self.fetchable.key_at(place).copied()
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
        self.asking.iter().filter_map(|key| Some((key, self.all.get(key)?)))
    }

    /// Looks at what has changed; `touch` hears of each leader from which a position is, or was, to be fetched.
    pub(super) fn refresh(&mut self, now: Time, mut touch: impl FnMut(NodeId, PartitionKey)) {
        if self.changed.is_empty() && self.delayed.first().is_none_or(|(until, _)| *until > now) {
            return;
        }
        let due = self.delayed.iter().take_while(|(until, _)| *until <= now);
        self.changed.extend(due.map(|(_, key)| *key));
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for key in changed.drain(..) {
            let place = self.all.get(&key).map(|position| place(position, now));
            let before = match place {
                Some(place) => self.places.insert(key, place),
                None => self.places.remove(&key),
            };
            if place != before {
                self.leave(key, before);
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
        let placed = self.delayed.len() + self.leaderless.len() + self.asking.len();
        assert!(placed <= self.all.len(), "{placed} places of {} positions", self.all.len());
        let first = self.delayed.first();
        assert!(first.is_none_or(|(until, _)| *until > now), "{first:?} is delayed, at {now}");
    }

    fn leave(&mut self, key: PartitionKey, place: Option<Place>) {
        match place {
            Some(Place::Fetchable(leader)) => {
                let Some(keys) = self.fetchable.get_mut(&leader) else { return };
                keys.remove(&key);
                if keys.is_empty() {
                    self.fetchable.remove(&leader);
                }
            }
            Some(Place::Delayed(until)) => {
                self.delayed.remove(&(until, key));
            }
            Some(Place::Leaderless) => {
                self.leaderless.remove(&key);
            }
            Some(Place::Asking) => {
                self.asking.remove(&key);
            }
            Some(Place::Idle) | None => {}
        }
    }

    fn enter(&mut self, key: PartitionKey, place: Option<Place>) {
        match place {
            Some(Place::Fetchable(leader)) => {
                self.fetchable.get_or_insert_with(leader, SortedSet::default).insert(key);
            }
            Some(Place::Delayed(until)) => {
                self.delayed.insert((until, key));
            }
            Some(Place::Leaderless) => {
                self.leaderless.insert(key);
            }
            Some(Place::Asking) => {
                self.asking.insert(key);
            }
            Some(Place::Idle) | None => {}
        }
    }
}

fn place(position: &Position, now: Time) -> Place {
    if position.stage != Stage::Fetch {
        // What the group has committed is asked for all at once, of the coordinator.
        let is_told = matches!(position.stage, Stage::Committed | Stage::Application(_));
        let idle = position.asked || is_told;
        return if idle { Place::Idle } else { Place::Asking };
    }
    if position.paused || !position.buffer.records.is_empty() {
        return Place::Idle;
    }
    match position.fetched_from() {
        None => Place::Leaderless,
        Some(_) if position.not_before > now => Place::Delayed(position.not_before),
        Some(leader) => Place::Fetchable(leader),
    }
}
