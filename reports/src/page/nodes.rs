//! Who is who in a run.

use std::collections::BTreeMap;

use harrow_broker_model::types::NodeId;
use harrow_sim::plan::{ClientPlan, Plan};
use serde::Serialize;

/// The nodes of a plan, in the order in which they are drawn.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) list: Vec<Node>,
    positions: BTreeMap<NodeId, u32>,
}

/// One of them.
#[derive(Debug, Serialize)]
pub(super) struct Node {
    id: i32,
    kind: &'static str,
    name: String,
    /// Its number in the history, if it is a client of the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<usize>,
}

impl Nodes {
    pub(super) fn of(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        let mut list: Vec<(NodeId, &'static str, Option<usize>)> = Vec::new();
        list.extend(cluster.controllers.iter().map(|id| (*id, "controller", None)));
        list.extend(cluster.brokers.iter().map(|id| (*id, "broker", None)));
        let clients = plan.clients.iter().zip(0..);
        list.extend(clients.map(|(client, process)| match client {
            ClientPlan::Producer { config, .. } => (config.node, "producer", Some(process)),
            ClientPlan::Consumer { config, .. } => (config.node, "consumer", Some(process)),
        }));
        let applications = plan.applications.iter();
        list.extend(applications.map(|application| (application.node, "application", None)));
        let later = [
            (plan.admin.node, "admin"),
            (plan.fresh_producer.node, "fresh producer"),
            (plan.final_reader.node, "final reader"),
        ];
        list.extend(later.map(|(id, kind)| (id, kind, None)));
        let positions = list.iter().zip(0..).map(|((id, ..), position)| (*id, position)).collect();
        let list = list.into_iter().map(|(id, kind, process)| {
            let name = process.map_or_else(
                || {
                    if kind.contains(' ') || kind == "admin" {
                        kind.to_owned()
                    } else {
                        format!("{kind} {id}")
                    }
                },
                |process| format!("client {process}, {kind}"),
            );
            Node { id: id.0, kind, name, process }
        });
        Self { list: list.collect(), positions }
    }

    /// Its position in the list.
    pub(super) fn position(&self, id: NodeId) -> Option<u32> {
        self.positions.get(&id).copied()
    }
}
