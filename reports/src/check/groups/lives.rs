//! Whether a group that somebody joins was born again: one that was empty and is forgotten begins with generation 1.
//!
//! A member's generations grow as long as its group lives. Who joins in an older one than it was in itself joins a
//! group that was born again since. Who joins in an older one than somebody else had joined in is late: it stood
//! still, and hears of its generation when others are further. Of a newcomer that does nobody can tell. Nor of a
//! member that joins again in its own generation, though it mostly is late: in the consumer protocol it does so
//! whenever it gives something up. All that are in a group's first generation begin to join before any has joined: a
//! newcomer that is told of it later may be in another life. So may a process that has subscribed anew since it was in
//! the first generation: who comes back to a group that lives is in a later one, unless it is a static member.

use std::collections::BTreeMap;
use std::ops::Bound;

use harrow_sim::history::{Function, Row};

/// Of so many generations of each group it is remembered when somebody had joined.
const GENERATIONS_MAX: usize = 64;

/// A group begins with this generation.
const FIRST: i64 = 1;

/// Which joins are of groups that are no more.
#[derive(Debug, Default)]
pub(super) struct Lives {
    groups: BTreeMap<u32, Life>,
    /// By group and process: generation and end of its last join.
    own: BTreeMap<(u32, u32), (i64, u64)>,
    /// When each process last subscribed, or crashed.
    left: BTreeMap<u32, u64>,
}

/// A group since it was born, as far as anyone can tell.
#[derive(Debug, Default)]
struct Life {
    /// Joins that had ended by then are of a past life.
    past_until: u64,
    /// Joins that had begun before this time may be.
    maybe_past_before: u64,
    /// And those before this time, if a member that came again in its own generation was not late.
    hardly_past_before: u64,
    /// By generation: when its first join began, and ended.
    joined: BTreeMap<i64, (u64, u64)>,
}

/// Of more than so many generations, that of the join which ended first is forgotten.
pub(super) fn forget_oldest<T>(
    joins: &mut BTreeMap<i64, T>,
    max: usize,
    ended_ns: impl Fn(&T) -> u64,
) {
    if joins.len() > max {
        let oldest = joins.iter().min_by_key(|(_, join)| ended_ns(join));
        let oldest = oldest.map(|(generation, _)| *generation);
        oldest.and_then(|generation| joins.remove(&generation));
    }
}

impl Life {
    /// Of joins of one generation that of past lives go first, then the later ones.
    fn add(&mut self, generation: i64, row: &Row) {
        let joined = (row.invoked_ns, row.completed_ns);
        let known = self.joined.get(&generation);
        if known.is_none_or(|known| known.0 < self.maybe_past_before || joined.1 < known.1) {
            self.joined.insert(generation, joined);
        }
        forget_oldest(&mut self.joined, GENERATIONS_MAX, |joined| joined.1);
    }
}

impl Lives {
    /// A process does something: it may leave its group.
    pub(super) fn take(&mut self, row: &Row) {
        if matches!(row.function, Function::Subscribe | Function::Crash) {
            self.left.insert(row.process, row.invoked_ns);
        }
    }

    /// A process joins a group.
    pub(super) fn join(&mut self, row: &Row, group: u32, generation: i64) {
        let life = self.groups.entry(group).or_default();
        // One that is doubtful already says nothing new.
        let doubtless = life.maybe_past_before;
        let is_over = |(began_ns, ended_ns): &(u64, u64)| {
            *ended_ns < row.invoked_ns && *began_ns >= doubtless
        };
        let further = (Bound::Excluded(generation), Bound::Unbounded);
        let is_further = life.joined.range(further).any(|(_, it)| is_over(it));
        let is_as_far = life.joined.get(&generation).is_some_and(is_over);
        let may_be_newborn = is_further || generation <= FIRST && is_as_far;
        let own = self.own.insert((group, row.process), (generation, row.completed_ns));
        let left_ns = self.left.get(&row.process).copied();
        let came_back = generation <= FIRST
            && own.is_some_and(|(_, ended_ns)| left_ns.is_some_and(|left_ns| left_ns >= ended_ns));
        if let Some((_, ended_ns)) = own.filter(|(before, _)| *before > generation) {
            life.past_until = life.past_until.max(ended_ns);
            life.maybe_past_before = row.invoked_ns;
            life.joined.retain(|_, (_, until_ns)| *until_ns > ended_ns);
        } else if (own.is_none() || came_back) && may_be_newborn {
            life.maybe_past_before = row.invoked_ns;
        } else if own.is_some_and(|(before, _)| before == generation) && is_further {
            life.hardly_past_before = row.invoked_ns;
        }
        life.add(generation, row);
    }

    /// Whether a join that ended then is surely of a past life.
    pub(super) fn is_past(&self, group: u32, ended_ns: u64) -> bool {
        self.groups.get(&group).is_some_and(|life| ended_ns <= life.past_until)
    }

    /// Whether one that began then may well be, whenever it ended.
    pub(super) fn may_be_past(&self, group: u32, began_ns: u64) -> bool {
        self.groups.get(&group).is_some_and(|life| began_ns < life.maybe_past_before)
    }

    /// Whether nobody can tell that it is not.
    pub(super) fn is_doubtful(&self, group: u32, began_ns: u64) -> bool {
        let before = |life: &Life| life.maybe_past_before.max(life.hardly_past_before);
        self.groups.get(&group).is_some_and(|life| began_ns < before(life))
    }
}
