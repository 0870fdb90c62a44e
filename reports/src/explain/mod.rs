//! Every name that a report can show, in plain words: guarantees, anomalies, invariants, faults, defects, reach marks
//! and the words of a verdict.

mod client;
mod defects;
mod entry;
mod faults;
mod glossary;
mod guarantees;
mod internal;
mod liveness;
mod marks;
mod outcomes;
mod transactions;

pub use entry::{Entry, Kind};

/// What a name means, if it is known. Case does not matter.
pub fn explain(name: &str) -> Option<Entry> {
    entries().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// Every entry, in the order in which a catalogue would print them.
pub fn entries() -> impl Iterator<Item = Entry> {
    let seen = guarantees::ENTRIES.iter().chain(&client::ENTRIES).chain(&transactions::ENTRIES);
    let watched = internal::anomalies().chain(internal::invariants());
    let done = liveness::ENTRIES.iter().chain(&faults::ENTRIES);
    let words = marks::ENTRIES.iter().chain(&outcomes::ENTRIES).chain(&glossary::ENTRIES);
    let before = seen.chain(watched).chain(done).copied();
    before.chain(defects::entries()).chain(words.copied())
}
