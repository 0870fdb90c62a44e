//! A partition's log, as it truly is.

use harrow_sim::history::NO_KEY;

use super::choice::Choice;

/// What a transaction has done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryState {
    Open,
    Committed,
    Aborted,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) offset: i64,
    pub(super) value: u64,
    key: u32,
    /// Zero for what belongs to no transaction.
    transaction: u32,
    state: EntryState,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Vec<Entry>,
    start: i64,
    end: i64,
}

impl Log {
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The offset of the first record that is not decided.
    pub(super) fn last_stable_offset(&self) -> i64 {
        let open = self.entries.iter().find(|entry| entry.state == EntryState::Open);
        open.map_or(self.end, |entry| entry.offset)
    }

    pub(super) fn append(&mut self, value: u64, key: u32, transaction: Option<u32>) -> i64 {
        let offset = self.end;
        let state = if transaction.is_some() { EntryState::Open } else { EntryState::Committed };
        let transaction = transaction.unwrap_or(0);
        self.entries.push(Entry { offset, value, key, transaction, state });
        self.end += 1;
        offset
    }

    /// A marker decides a transaction's records, and takes an offset itself.
    pub(super) fn mark(&mut self, transaction: u32, commits: bool) {
        let state = if commits { EntryState::Committed } else { EntryState::Aborted };
        for entry in self.entries.iter_mut().filter(|entry| entry.transaction == transaction) {
            entry.state = state;
        }
        self.end += 1;
    }

    /// Entries that may be read, from one offset to before another.
    pub(super) fn between(
        &self,
        from: i64,
        end: i64,
        uncommitted: bool,
    ) -> impl Iterator<Item = &Entry> {
        let fits = move |entry: &&Entry| {
            entry.offset >= from
                && entry.offset < end
                && (uncommitted || entry.state == EntryState::Committed)
        };
        self.entries.iter().filter(fits)
    }

    /// Retention moves the start, at most to the last stable offset.
    pub(super) fn retain(&mut self, choice: &mut Choice) {
        let range = self.last_stable_offset() - self.start;
        let moved = choice.of(1 + (range as u32).min(4));
        self.start += i64::from(moved);
        self.entries.retain(|entry| entry.offset >= self.start);
    }

    /// The cleaner drops aborted records, and those that a later committed one replaces, up to a point.
    pub(super) fn compact(&mut self, choice: &mut Choice) {
        let stable = self.last_stable_offset();
        let point = stable - i64::from(choice.of(3));
        let cleaned: Vec<Entry> =
            self.entries.iter().filter(|e| e.offset < point).copied().collect();
        let lasting = |entry: &Entry| entry.state == EntryState::Committed;
        let replaced = |entry: &Entry| {
            let mut later = cleaned.iter().filter(|later| later.offset > entry.offset);
            entry.key != NO_KEY && later.any(|later| later.key == entry.key && lasting(later))
        };
        self.entries.retain(|entry| entry.offset >= point || lasting(entry) && !replaced(entry));
    }
}
