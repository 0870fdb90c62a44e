//! Consumer client.

use crate::config::ConsumerConfig;
use crate::node::{Deadline, Effects, Event, Node};
use crate::types::Now;

/// A consumer.
#[derive(Debug)]
pub struct Consumer {
    _stub: (),
}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    reason = "skeleton of the contract"
)]
impl Consumer {
    /// A new client, which knows nothing yet.
    pub fn new(config: ConsumerConfig, now: Now) -> Self {
        unimplemented!()
    }
}

#[expect(clippy::unimplemented, reason = "skeleton of the contract")]
impl Node for Consumer {
    fn handle(&mut self, _now: Now, _event: Event, _effects: &mut Effects) {
        unimplemented!()
    }

    fn next_deadline(&self) -> Option<Deadline> {
        unimplemented!()
    }
}
