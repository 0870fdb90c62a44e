//! Makes the processes of a plan's nodes.

use std::collections::BTreeMap;

use harrow_broker_model::broker::Broker;
use harrow_broker_model::client::{Admin, Consumer, Pipeline, Producer, Worker};
use harrow_broker_model::config::{MemberConfig, ProducerConfig};
use harrow_broker_model::controller::Controller;
use harrow_broker_model::defect::ApplicationDefect;
use harrow_broker_model::edge::TransactionVersion;
use harrow_broker_model::process::Process;
use harrow_broker_model::types::{NodeId, Now};

use super::application::ApplicationProcess;
use super::draw::{Draws, Purpose};
use super::engine::Boot;
use super::hosted::Hosted;
use super::wire::WireBroker;
use crate::application::{Applications, BROKER_PORT, Environment, broker_host};
use crate::plan::{ClientPlan, PipelinePlan, Plan};

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
    client(plan, (node, incarnation), now)
}

/// The process of a node of a plan with applications; `restarts` counts those of each.
pub(super) fn host_with(
    plan: &Plan,
    applications: &Applications,
    restarts: &mut BTreeMap<NodeId, u64>,
    boot: Boot<'_>,
) -> Hosted {
    let (node, incarnation) = (boot.node, boot.incarnation);
    let brokers = &plan.cluster.brokers;
    if let Some(planned) = plan.applications.iter().find(|planned| planned.node == node) {
        let restart = restarts.entry(node).or_insert(0);
        let address = |node: &NodeId| format!("{}:{BROKER_PORT}", broker_host(*node));
        let addresses = brokers.iter().map(address).collect();
        let environment = Environment { brokers: addresses, restarts: *restart };
        *restart += 1;
        let name = &planned.name;
        let application = applications.make(name, &environment);
        let application =
            application.unwrap_or_else(|| panic!("there is no application of the name {name}"));
        let key = node.0 as u64;
        let random = Draws::new(plan.seed).word(Purpose::Application, key, incarnation, 0);
        return Hosted::Application(Box::new(ApplicationProcess::new(
            application,
            brokers,
            random,
        )));
    }
    match host(plan, boot) {
        Process::Broker(broker) => {
            let transactions = TransactionVersion(plan.cluster.transaction_version);
            Hosted::Broker(Box::new(WireBroker::new(broker, node, brokers, transactions)))
        }
        Process::Consumer(consumer) => {
            let consumer = Box::new(consumer.with_foreign_values());
            Hosted::Model(Process::Consumer(consumer))
        }
        process @ (Process::Controller(_)
        | Process::Producer(_)
        | Process::Pipeline(_)
        | Process::Worker(_)
        | Process::Admin(_)) => Hosted::Model(process),
    }
}

/// The producer of a pipeline. Known mistake: all members of its group have one transactional id.
fn pipeline_producer(
    plan: &Plan,
    pipeline: &PipelinePlan,
    member: Option<&MemberConfig>,
) -> ProducerConfig {
    let mut config = pipeline.producer.clone();
    let shares = plan.cluster.defects.has(ApplicationDefect::SharesTransactionalId);
    if let (Some(id), Some(member)) = (&mut config.transactional_id, member.filter(|_| shares)) {
        id.clone_from(&member.group);
    }
    config
}

fn client(plan: &Plan, (node, incarnation): (NodeId, u64), now: Now) -> Process {
    for client in &plan.clients {
        match client {
            ClientPlan::Producer { config, .. } if config.node == node => {
                return Process::Producer(Box::new(Producer::new(
                    config.clone(),
                    plan.cluster.defects,
                    now,
                )));
            }
            ClientPlan::Consumer { config, topics, .. }
                if config.node == node && config.worker.is_some() =>
            {
                return Process::Worker(Box::new(Worker::new(config.clone(), topics, incarnation)));
            }
            ClientPlan::Consumer { config, pipeline, .. } if config.node == node => {
                let consumer =
                    Consumer::new(config.clone(), now).with_defects(plan.cluster.defects);
                let Some(pipeline) = pipeline else {
                    return Process::Consumer(Box::new(consumer));
                };
                let producer = pipeline_producer(plan, pipeline, config.group.as_ref());
                let producer = Producer::new(producer, plan.cluster.defects, now);
                return Process::Pipeline(Box::new(Pipeline::new(consumer, producer)));
            }
            ClientPlan::Producer { .. } | ClientPlan::Consumer { .. } => {}
        }
    }
    panic!("node {node} is not in the plan")
}
