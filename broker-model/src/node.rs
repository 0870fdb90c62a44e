//! The contract between a node and its host: events in, effects out.
//!
//! The host calls [`Node::handle`] with one event at a time, performs all effects of the call in order, then asks for
//! [`Node::next_deadline`] again. While an [`Effect::Sync`] or [`Effect::Replace`] is under way the node is blocked:
//! the effects after it wait
//! for it, and so do further events. A crash between two effects drops the rest. Persistent state is what reached the
//! disk: after a crash the host builds a new node from a [`DiskImage`](crate::disk_image::DiskImage).

use crate::log::Log;
use crate::metadata::MetadataImage;
use crate::node_status::NodeStatus;
use crate::types::Now;

pub use crate::consumer_call::{ConsumerCall, NoPosition, SeekTo};
pub use crate::effect::{
    Begun, COMMITTED_METADATA_GONE, Deadline, Effect, Effects, METADATA_DIRECTORY_FAILED,
};
pub use crate::event::{Channel, Event, Operation, Outcome, PolledRecord, TransactRecord};

/// A process: a broker, a controller or a client.
pub trait Node {
    /// Takes one event at the node's own time and says what must be done about it.
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects);

    /// When the node wants [`Event::DeadlinePassed`], on its own monotonic clock, if nothing else happens before.
    fn next_deadline(&self) -> Option<Deadline>;

    /// The logs that the node holds, so that a host can compare them with what the node stated of them.
    fn logs(&self) -> Vec<&Log> {
        Vec::new()
    }

    /// The metadata as the node has applied it, if it keeps any.
    fn metadata(&self) -> Option<&MetadataImage> {
        None
    }

    /// Where the node stands and what it holds, so that a host can tell whether everything has come to rest.
    fn status(&self) -> NodeStatus {
        NodeStatus::default()
    }
}
