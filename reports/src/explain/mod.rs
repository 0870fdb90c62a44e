//! Every name that a report can show, in plain words: guarantees, anomalies, invariants, faults, defects, reach marks
//! and the words of a verdict.

mod client;
mod defects;
mod entry;
mod faults;
mod guarantees;
mod guards;
mod internal;
mod liveness;
mod marks;
mod outcomes;
mod transactions;
mod true_state;

pub use entry::{Entry, Kind};

/// What a name means, if it is known. Case does not matter.
pub fn explain(name: &str) -> Option<Entry> {
    entries().find(|entry| entry.name.eq_ignore_ascii_case(name))
}

/// Every entry, in the order in which a catalogue would print them.
pub fn entries() -> impl Iterator<Item = Entry> {
    let tables = [
        &guarantees::ENTRIES[..],
        &client::ENTRIES,
        &transactions::ENTRIES,
        &internal::ANOMALIES,
        &internal::INVARIANTS,
        &true_state::ANOMALIES,
        &true_state::INVARIANTS,
        &guards::ANOMALIES,
        &guards::INVARIANTS,
        &liveness::ENTRIES,
        &faults::ENTRIES,
    ];
    let words = marks::ENTRIES.iter().chain(&outcomes::ENTRIES).copied();
    tables.into_iter().flatten().copied().chain(defects::entries()).chain(words)
}
