//! Whether a node can have a fault: what was aimed at a client's disk was done to nobody, and is told so.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::plan::Action;
use crate::world::engine::Boot;
use crate::world::fault_kind::has_directory;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Whether the node can have the fault; the error says why it cannot.
    pub(super) fn suits(&self, action: &Action, node: NodeId) -> Result<(), String> {
        let publishes = self.plan.cluster.brokers.contains(&node);
        if matches!(action, Action::StallMetadataPublishing { .. }) && !publishes {
            return Err("only brokers publish metadata".to_owned());
        }
        has_directory(&self.plan.cluster, action, node)?;
        if !self.is_client(node) {
            return check_asked(action, publishes);
        }
        lacking(action).map_or(Ok(()), |why| Err(why.to_owned()))
    }
}

/// Whether a broker, or else a controller, is asked for what a fault meets.
fn check_asked(action: &Action, of_broker: bool) -> Result<(), String> {
    let (Action::HoldRequests { api, .. } | Action::DropResponses { api, .. }) = action else {
        return Ok(());
    };
    api.map_or(Ok(()), |api| api.check_asked(of_broker))
}

/// What a client lacks for a fault.
fn lacking(action: &Action) -> Option<&'static str> {
    let of_disks = matches!(
        action,
        Action::WipeDisk { .. }
            | Action::SlowDisk { .. }
            | Action::StallDisk { .. }
            | Action::FailDisk { .. }
            | Action::FullDisk { .. }
            | Action::LyingSync { .. }
            | Action::BitRot { .. }
    );
    let of_answers = matches!(
        action,
        Action::DropResponses { .. }
            | Action::DuplicateResponses { .. }
            | Action::HoldRequests { .. }
    );
    if of_disks {
        Some("a client has no disk")
    } else if of_answers {
        Some("a client answers nobody")
    } else if matches!(action, Action::HoldMetadata { .. }) {
        Some("a client reads no metadata log")
    } else {
        None
    }
}
