//! Since when nothing stands in the way: what is due can be demanded only then.
//!
//! It is calm while no fault lasts and every process of the cluster runs. A process that ends or starts, a connection
//! that is reset and a fault that begins or ends begin the time anew. What a slow link or disk holds when its fault
//! ends is as late as it would have been: the calm begins when all of that has arrived.

use harrow_broker_model::types::NodeId;

use super::timing::{SLACK_NS, by_slowest_clock};
use crate::plan::Plan;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// Since when it is calm, and how long things may take then.
#[derive(Debug)]
pub(super) struct Calm {
    /// None while a fault lasts.
    since: Option<u64>,
    nodes: Vec<NodeId>,
    bounds: Bounds,
}

/// How long things may take when it is calm, in nanoseconds, by the slowest clock.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
pub(super) struct Bounds {
    /// That a leader hears how far its followers are.
    pub(super) hears_ns: u64,
    /// That a leader's proposal is committed and known.
    pub(super) proposal_ns: u64,
    /// That voters elect a leader of the quorum.
    pub(super) election_ns: u64,
}

/// As many messages one after the other may be needed, with one that must be repeated.
const MESSAGES: u64 = 8;
/// Elections of the quorum that may end without a winner.
const ELECTIONS: u64 = 10;

impl Bounds {
    /// Links that are narrow by plan may hold anything up: then nothing is demanded.
    fn of(plan: &Plan) -> Self {
        let (network, cluster) = (&plan.network, &plan.cluster);
        let slow = if network.slow_one_in > 0 { network.slow_extra_us.1 } else { 0 };
        let narrow = network.bandwidth_bytes_per_second > 0;
        let messages = MESSAGES * (network.latency_us.1 + slow) * US;
        let fetch = (cluster.replica_fetch_wait_max_ms + cluster.replica_fetch_backoff_ms) * MS;
        let asks = cluster.request_timeout_ms + 2 * cluster.quorum_fetch_wait_max_ms;
        let round = 2 * cluster.quorum_election_timeout_ms + cluster.quorum_election_backoff_max_ms;
        let elections = 2 * cluster.quorum_fetch_timeout_ms + ELECTIONS * round;
        let syncs = MESSAGES * plan.disk.sync_us.1 * US;
        let bound = |own_ns: u64| {
            let bound = by_slowest_clock(plan, own_ns) + messages + 2 * SLACK_NS;
            if narrow { u64::MAX / 2 } else { bound }
        };
        Self {
            hears_ns: bound(2 * fetch),
            proposal_ns: bound(2 * fetch + asks * MS + syncs),
            election_ns: bound(elections * MS + syncs),
        }
    }
}

impl Calm {
    pub(super) fn new(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        let nodes = cluster.brokers.iter().chain(&cluster.controllers).copied().collect();
        Self { since: Some(0), nodes, bounds: Bounds::of(plan) }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// A fault began or ended: when all that is under way has arrived, and whether any fault lasts now.
    pub(super) fn disturbed(&mut self, settles_ns: u64, lasts: bool) {
        self.since = (!lasts).then_some(settles_ns);
    }

    /// Something came and went: a process, a connection.
    pub(super) fn stirred(&mut self, at_ns: u64) {
        self.since = self.since.map(|since| since.max(at_ns));
    }

    /// Since when it is calm; none while it is not, or while a process of the cluster is down.
    pub(super) fn since(&self, runs: impl Fn(NodeId) -> bool) -> Option<u64> {
        self.since.filter(|_| self.nodes.iter().all(|node| runs(*node)))
    }
}
