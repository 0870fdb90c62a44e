//! Notes as a log would have them, one file a family.

mod broker;
mod consumer;
mod controller;
mod exchange;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod share;
mod transaction;

use harrow_broker_model::note::Note;

use super::names::Names;

/// What a node has stated.
pub(super) fn trace_text(names: &Names, note: &Note) -> String {
    match note {
        Note::Log(note) => log::trace_text(names, note),
        Note::Replication(note) => replication::trace_text(names, note),
        Note::Quorum(note) => quorum::trace_text(note),
        Note::Controller(note) => controller::trace_text(names, note),
        Note::Broker(note) => broker::trace_text(names, note),
        Note::Producer(note) => producer::trace_text(names, note),
        Note::Consumer(note) => consumer::trace_text(names, note),
        Note::Group(note) => group::trace_text(names, note),
        Note::Transaction(note) => transaction::trace_text(names, note),
        Note::Exchange(note) => exchange::trace_text(names, note),
        Note::Share(note) => share::trace_text(names, note),
    }
}
