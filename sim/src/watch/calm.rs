//! For whom nothing stands in the way, and since when: what is due can be demanded only of those.
//!
//! It is calm for nodes while each of them runs, no lasting fault touches one of them, and none cuts a link between
//! them that matters. A process that ends or starts, a connection that is reset and a fault that begins or ends begin
//! the time anew, for the nodes that they touch alone: somebody else who is down or cut stops nobody's clock. What a
//! slow link or disk holds when its fault ends is as late as it would have been: the calm begins when all of that has
//! arrived.

use std::collections::BTreeSet;

use harrow_broker_model::types::NodeId;

use super::timing::{SLACK_NS, by_slowest_clock};
use crate::plan::Plan;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// The faults that last at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastingFaults {
    /// Nodes that one touches: the process, its disk, its messages.
    pub nodes: Vec<NodeId>,
    /// Links that pass nothing, by sender and receiver.
    pub cuts: Vec<(NodeId, NodeId)>,
}

/// For whom it is calm, and how long things may take then.
#[derive(Debug)]
pub(super) struct Calm {
    /// Brokers and controllers.
    nodes: Vec<NodeId>,
    /// What lasts at each of them.
    touched: Vec<Standing>,
    /// What lasts between each two of them, by the place of the sender and then of the receiver.
    cut: Vec<Standing>,
    /// What lasts anywhere, at clients too.
    anywhere: Standing,
    bounds: Bounds,
}

/// A node or a link.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// Whether a fault lasts.
    hindered: bool,
    /// When that changed last or, of a node, something came and went.
    changed_ns: u64,
}

impl Standing {
    fn turn(&mut self, at_ns: u64, hindered: bool) {
        if self.hindered != hindered {
            *self = Self { hindered, changed_ns: self.changed_ns.max(at_ns) };
        }
    }

    fn calm_since(self) -> Option<u64> {
        (!self.hindered).then_some(self.changed_ns)
    }
}

/// How long things may take when it is calm, in nanoseconds, by the slowest clock.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last")]
pub(super) struct Bounds {
    /// That a leader hears how far its followers are.
    pub(super) hears_ns: u64,
    /// That a leader does not wait any more for who is outside of the ISR and was about to join.
    pub(super) joiner_ns: u64,
    /// That a leader's proposal is committed and known.
    pub(super) proposal_ns: u64,
    /// That a broker knows what is registered.
    pub(super) learns_ns: u64,
    /// That voters elect a leader of the quorum.
    pub(super) election_ns: u64,
    /// That a node that writes now and then does what is due.
    pub(super) checks_ns: u64,
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
        let linger = cluster.quorum_append_linger_ms;
        let asks = cluster.request_timeout_ms + 2 * cluster.quorum_fetch_wait_max_ms + linger;
        let round = 2 * cluster.quorum_election_timeout_ms + cluster.quorum_election_backoff_max_ms;
        let elections = 2 * cluster.quorum_fetch_timeout_ms + ELECTIONS * round;
        let syncs = MESSAGES * plan.disk.sync_us.1 * US;
        let bound = |own_ns: u64| {
            let bound = by_slowest_clock(plan, own_ns) + messages + 2 * SLACK_NS;
            if narrow { u64::MAX / 2 } else { bound }
        };
        Self {
            hears_ns: bound(2 * fetch),
            joiner_ns: bound(cluster.replica_lag_time_max_ms * MS * 3 / 2),
            proposal_ns: bound(2 * fetch + asks * MS + syncs),
            learns_ns: bound(asks * MS),
            election_ns: bound(elections * MS + syncs),
            checks_ns: bound(syncs),
        }
    }
}

impl Calm {
    pub(super) fn new(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        let nodes: Vec<NodeId> =
            cluster.brokers.iter().chain(&cluster.controllers).copied().collect();
        let count = nodes.len();
        let (touched, cut) =
            (vec![Standing::default(); count], vec![Standing::default(); count * count]);
        Self { nodes, touched, cut, anywhere: Standing::default(), bounds: Bounds::of(plan) }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// A fault began or ended: when all that is under way has arrived, and what lasts now.
    pub(super) fn disturbed(&mut self, settles_ns: u64, lasting: &LastingFaults) {
        self.anywhere.hindered = *lasting != LastingFaults::default();
        self.anywhere.changed_ns = self.anywhere.changed_ns.max(settles_ns);
        for (node, standing) in self.nodes.iter().zip(&mut self.touched) {
            standing.turn(settles_ns, lasting.nodes.contains(node));
        }
        let count = self.nodes.len();
        let cuts = lasting.cuts.iter();
        let is_cut: BTreeSet<usize> = cuts.filter_map(|(from, to)| self.link(*from, *to)).collect();
        for link in 0..count * count {
            self.cut[link].turn(settles_ns, is_cut.contains(&link));
        }
    }

    /// Something of a node came and went: its process, its connections.
    pub(super) fn stirred(&mut self, at_ns: u64, node: NodeId) {
        self.anywhere.changed_ns = self.anywhere.changed_ns.max(at_ns);
        if let Some(place) = self.place(node) {
            let standing = &mut self.touched[place];
            standing.changed_ns = standing.changed_ns.max(at_ns);
        }
    }

    /// Since when all brokers and controllers run and no fault lasts; none while that is not so.
    pub(super) fn everywhere(&self, runs: impl Fn(NodeId) -> bool) -> Option<u64> {
        self.anywhere.calm_since().filter(|_| self.nodes.iter().all(|node| runs(*node)))
    }

    /// Since when it is calm for a node and all others that it has to do with; none while it is not.
    pub(super) fn around(
        &self,
        node: NodeId,
        others: &[NodeId],
        runs: impl Fn(NodeId) -> bool,
    ) -> Option<u64> {
        let mut since = self.at(node, &runs)?;
        for other in others.iter().copied().filter(|other| *other != node) {
            since = since.max(self.at(other, &runs)?);
            since = since.max(self.between(node, other)?);
        }
        Some(since)
    }

    /// The largest majority of these voters for which it is calm, and since when. Who is outside of it must be down or
    /// quite cut off, or may disturb it; since somebody of them came or went, the time begins anew.
    pub(super) fn majority(
        &self,
        voters: &[NodeId],
        runs: impl Fn(NodeId) -> bool,
    ) -> Option<(Vec<NodeId>, u64)> {
        let chosen = |mask: u32| -> Vec<NodeId> {
            let is_in = |(place, _): &(usize, &NodeId)| mask & (1 << place) != 0;
            voters.iter().enumerate().filter(is_in).map(|(_, voter)| *voter).collect()
        };
        let everyone = 1_u32.checked_shl(voters.len().try_into().ok()?)? - 1;
        let needed = voters.len() / 2 + 1;
        let mut masks: Vec<u32> = (1..=everyone).collect();
        masks.retain(|mask| mask.count_ones() as usize >= needed);
        masks.sort_by_key(|mask| std::cmp::Reverse(mask.count_ones()));
        let is_calm = |members: &Vec<NodeId>| {
            let connected = members.iter().all(|it| self.around(*it, members, &runs).is_some());
            let mut outside = voters.iter().filter(|voter| !members.contains(voter));
            connected && outside.all(|it| !runs(*it) || self.is_cut_off(*it, members))
        };
        let members = masks.into_iter().map(chosen).find(is_calm)?;
        let mut since = 0;
        for place in voters.iter().filter_map(|voter| self.place(*voter)) {
            since = since.max(self.touched[place].changed_ns);
            for other in voters.iter().filter_map(|voter| self.place(*voter)) {
                since = since.max(self.cut[place * self.nodes.len() + other].changed_ns);
            }
        }
        Some((members, since))
    }

    fn at(&self, node: NodeId, runs: impl Fn(NodeId) -> bool) -> Option<u64> {
        self.touched[self.place(node)?].calm_since().filter(|_| runs(node))
    }

    fn between(&self, one: NodeId, other: NodeId) -> Option<u64> {
        let there = self.cut[self.link(one, other)?].calm_since()?;
        let back = self.cut[self.link(other, one)?].calm_since()?;
        Some(there.max(back))
    }

    fn is_cut_off(&self, node: NodeId, from: &[NodeId]) -> bool {
        let is_cut = |from, to| self.link(from, to).is_some_and(|link| self.cut[link].hindered);
        from.iter().all(|other| is_cut(node, *other) && is_cut(*other, node))
    }

    fn link(&self, from: NodeId, to: NodeId) -> Option<usize> {
        Some(self.place(from)? * self.nodes.len() + self.place(to)?)
    }

    fn place(&self, node: NodeId) -> Option<usize> {
        self.nodes.iter().position(|known| *known == node)
    }
}
