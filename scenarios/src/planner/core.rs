//! Draws whom the heal leaves outside the core.

use harrow_broker_model::config::ClusterConfig;
use harrow_broker_model::types::NodeId;
use harrow_sim::plan::CorePlan;

use super::draws::Draws;
use crate::format::{HealScenario, Numbers};

/// A minority of the brokers and a minority of the controllers, together at least one node; nothing if the seed heals
/// everybody, or the cluster has no minority. Who of them can be done without is known only when the heal comes.
pub(super) fn core(
    heal: &HealScenario,
    cluster: &ClusterConfig,
    draws: &Draws,
) -> Option<CorePlan> {
    if !*draws.at("happens").pick(&heal.core) {
        return None;
    }
    let mut outside = minority(&cluster.brokers, &draws.at("brokers"));
    outside.extend(minority(&cluster.controllers, &draws.at("controllers")));
    if outside.is_empty() {
        outside.extend(first(&cluster.brokers, &draws.at("brokers"), 1));
    }
    if outside.is_empty() {
        outside.extend(first(&cluster.controllers, &draws.at("controllers"), 1));
    }
    let state = *draws.at("outside").pick(&heal.outside);
    (!outside.is_empty()).then_some(CorePlan { outside, state })
}

/// So many of them, up to less than half.
fn minority(nodes: &[NodeId], draws: &Draws) -> Vec<NodeId> {
    let most = nodes.len().saturating_sub(1) / 2;
    let count = draws.at("count").number(&Numbers::new(vec![(0, most as i64)]));
    first(nodes, draws, count as usize)
}

/// The first so many in a drawn order, but never half of them.
fn first(nodes: &[NodeId], draws: &Draws, count: usize) -> Vec<NodeId> {
    let mut order = nodes.to_vec();
    order.sort_by_cached_key(|node| draws.at(node).bits());
    order.truncate(count.min(nodes.len().saturating_sub(1) / 2));
    order
}
