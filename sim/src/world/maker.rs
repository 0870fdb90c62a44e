//! Makes the processes of a plan's nodes.

use harrow_broker_model::broker::Broker;
use harrow_broker_model::client::{Admin, Consumer, Pipeline, Producer};
use harrow_broker_model::controller::Controller;
use harrow_broker_model::process::Process;
use harrow_broker_model::types::{NodeId, Now};

use super::engine::Boot;
use crate::plan::{ClientPlan, Plan};

/// The process of a node of the plan.
pub(super) fn host(plan: &Plan, Boot { node, image, incarnation, now }: Boot<'_>) -> Process {
    let cluster = &plan.cluster;
    if cluster.brokers.contains(&node) {
        return Process::Broker(Box::new(Broker::recover(
            node,
            cluster.clone(),
            image,
            incarnation,
            now,
        )));
    }
    if cluster.controllers.contains(&node) {
        return Process::Controller(Box::new(Controller::recover(
            node,
            cluster.clone(),
            image,
            incarnation,
            now,
        )));
    }
    if plan.admin.node == node {
        return Process::Admin(Box::new(Admin::new(plan.admin.clone(), now)));
    }
    if plan.fresh_producer.node == node {
        return Process::Producer(Box::new(Producer::new(
            plan.fresh_producer.clone(),
            plan.cluster.defects,
            now,
        )));
    }
    if plan.final_reader.node == node {
        return Process::Consumer(Box::new(Consumer::new(plan.final_reader.clone(), now)));
    }
    client(plan, node, now)
}

fn client(plan: &Plan, node: NodeId, now: Now) -> Process {
    for client in &plan.clients {
        match client {
            ClientPlan::Producer { config, .. } if config.node == node => {
                return Process::Producer(Box::new(Producer::new(
                    config.clone(),
                    plan.cluster.defects,
                    now,
                )));
            }
            ClientPlan::Consumer { config, pipeline, .. } if config.node == node => {
                let consumer =
                    Consumer::new(config.clone(), now).with_defects(plan.cluster.defects);
                let Some(pipeline) = pipeline else {
                    return Process::Consumer(Box::new(consumer));
                };
                let config = pipeline.producer.clone();
                let producer = Producer::new(config, plan.cluster.defects, now);
                return Process::Pipeline(Box::new(Pipeline::new(consumer, producer)));
            }
            ClientPlan::Producer { .. } | ClientPlan::Consumer { .. } => {}
        }
    }
    panic!("node {node} is not in the plan")
}
