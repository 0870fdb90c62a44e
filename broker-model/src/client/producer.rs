//! Producer client.

use crate::config::ProducerConfig;
use crate::node::{Deadline, Effects, Event, Node};
use crate::types::Now;

/// A producer.
#[derive(Debug)]
pub struct Producer {
    _stub: (),
}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    reason = "skeleton of the contract"
)]
impl Producer {
    /// A new client, which knows nothing yet.
    pub fn new(config: ProducerConfig, now: Now) -> Self {
        unimplemented!()
    }
}

#[expect(clippy::unimplemented, reason = "skeleton of the contract")]
impl Node for Producer {
    fn handle(&mut self, _now: Now, _event: Event, _effects: &mut Effects) {
        unimplemented!()
    }

    fn next_deadline(&self) -> Option<Deadline> {
        unimplemented!()
    }
}
