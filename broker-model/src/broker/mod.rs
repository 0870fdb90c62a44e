//! A broker.

use crate::config::ClusterConfig;
use crate::disk_image::DiskImage;
use crate::node::{Deadline, Effects, Event, Node};
use crate::types::{NodeId, Now};

/// A broker.
#[derive(Debug)]
pub struct Broker {
    _stub: (),
}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    reason = "skeleton of the contract"
)]
impl Broker {
    /// A new uptime of the node on what its disk holds;  is unique in a run for each uptime.
    pub fn recover(
        node: NodeId,
        config: ClusterConfig,
        image: &DiskImage,
        incarnation: u64,
        now: Now,
    ) -> Self {
        unimplemented!()
    }
}

#[expect(clippy::unimplemented, reason = "skeleton of the contract")]
impl Node for Broker {
    fn handle(&mut self, _now: Now, _event: Event, _effects: &mut Effects) {
        unimplemented!()
    }

    fn next_deadline(&self) -> Option<Deadline> {
        unimplemented!()
    }
}
