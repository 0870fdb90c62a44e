//! What notes change in the view, one file a family. Families that are not here change nothing in it.

mod broker;
mod controller;
mod log;
mod quorum;
mod replication;
mod share;

use harrow_broker_model::note::Note;
use harrow_broker_model::types::NodeId;

use super::ClusterView;

impl ClusterView {
    /// Takes over a note of what was written.
    pub(crate) fn take(&mut self, at_ns: u64, node: NodeId, note: &Note) {
        match note {
            Note::Log(note) => self.on_log_note(at_ns, node, note),
            Note::Replication(note) => self.on_replication_note(at_ns, node, note),
            Note::Quorum(note) => self.on_quorum_note(node, note),
            Note::Controller(note) => self.on_controller_note(at_ns, node, note),
            Note::Broker(note) => self.on_broker_note(node, note),
            Note::Share(note) => self.on_share_note(note),
            Note::Producer(_)
            | Note::Consumer(_)
            | Note::Group(_)
            | Note::Transaction(_)
            | Note::Exchange(_) => {}
        }
    }
}
