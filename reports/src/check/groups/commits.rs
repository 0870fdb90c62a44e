//! What groups have committed, and which of it may be in force.

use harrow_sim::history::NEVER;

/// So many commits of a partition are kept before those that were surely replaced are folded into one.
const COMMITS_MAX: usize = 64;

/// A group's commit of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit {
    pub(super) offset: i64,
    pub(super) invoked_ns: u64,
    /// When it was surely done; [`NEVER`] if nobody knows.
    pub(super) done_ns: u64,
    /// Who says so.
    pub(super) operation: u32,
}

/// What a group has committed of one partition.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Those that may be in force.
    commits: Vec<Commit>,
    highest: i64,
}

impl Committed {
    /// Whether anything was surely committed: commits of unknown outcome alone may have been none.
    pub(super) fn is_sure(&self) -> bool {
        self.commits.iter().any(|commit| commit.done_ns < NEVER)
    }

    /// The furthest of all.
    pub(super) fn highest(&self) -> i64 {
        self.highest
    }

    /// The next one, in order of invocation.
    pub(super) fn push(&mut self, commit: Commit) {
        self.highest = self.highest.max(commit.offset);
        self.commits.push(commit);
        if self.commits.len() <= COMMITS_MAX {
            return;
        }
        // Whoever asked long ago and reads only now may still stand at a replaced one: the highest of them is kept, and
        // the lowest.
        let replaced = self.replaced_before(commit.invoked_ns);
        let old = || self.commits.iter().filter(|commit| commit.done_ns < replaced);
        let highest = old().max_by_key(|commit| commit.offset).copied();
        let lowest = old().min_by_key(|commit| commit.offset).copied();
        self.commits.retain(|commit| commit.done_ns >= replaced);
        let kept = [highest, lowest].into_iter().flatten();
        self.commits.extend(kept.map(|kept| Commit { done_ns: NEVER, ..kept }));
    }

    /// What was done before this time had surely been replaced by `since_ns`.
    fn replaced_before(&self, since_ns: u64) -> u64 {
        let done = self.commits.iter().filter(|commit| commit.done_ns < since_ns);
        done.map(|commit| commit.invoked_ns).max().unwrap_or(0)
    }

    /// The furthest commit that may be in force for who asked at `since_ns`.
    pub(super) fn furthest_in_force(&self, since_ns: u64) -> Option<i64> {
        let replaced = self.replaced_before(since_ns);
        let in_force = self.commits.iter().filter(|commit| commit.done_ns >= replaced);
        in_force.map(|commit| commit.offset).max()
    }

    /// The one of the lowest offset that may be in force for who asked at `since_ns`; none if none surely is.
    pub(super) fn nearest_in_force(&self, since_ns: u64) -> Option<Commit> {
        if !self.commits.iter().any(|commit| commit.done_ns < since_ns) {
            return None;
        }
        let replaced = self.replaced_before(since_ns);
        let in_force = self.commits.iter().filter(|commit| commit.done_ns >= replaced);
        in_force.min_by_key(|commit| commit.offset).copied()
    }
}
