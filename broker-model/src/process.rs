//! Any node, as a host holds it.

use crate::broker::Broker;
use crate::client::{Admin, Consumer, Pipeline, Producer, Worker};
use crate::controller::Controller;
use crate::log::Log;
use crate::metadata::MetadataImage;
use crate::node::{Deadline, Effects, Event, Node};
use crate::node_status::NodeStatus;
use crate::types::Now;

/// A process of the cluster or a client of it.
#[derive(Debug)]
pub enum Process {
    /// A broker.
    Broker(Box<Broker>),
    /// A controller.
    Controller(Box<Controller>),
    /// A producer.
    Producer(Box<Producer>),
    /// A consumer.
    Consumer(Box<Consumer>),
    /// A consumer and a producer.
    Pipeline(Box<Pipeline>),
    /// An admin client.
    Admin(Box<Admin>),
    /// A worker of a share group.
    Worker(Box<Worker>),
}

impl Node for Process {
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match self {
            Self::Broker(broker) => broker.handle(now, event, effects),
            Self::Controller(controller) => controller.handle(now, event, effects),
            Self::Producer(producer) => producer.handle(now, event, effects),
            Self::Consumer(consumer) => consumer.handle(now, event, effects),
            Self::Pipeline(pipeline) => pipeline.handle(now, event, effects),
            Self::Admin(admin) => admin.handle(now, event, effects),
            Self::Worker(worker) => worker.handle(now, event, effects),
        }
    }

    fn logs(&self) -> Vec<&Log> {
        match self {
            Self::Broker(broker) => broker.logs(),
            Self::Controller(controller) => controller.logs(),
            Self::Producer(producer) => producer.logs(),
            Self::Consumer(consumer) => consumer.logs(),
            Self::Pipeline(pipeline) => pipeline.logs(),
            Self::Admin(admin) => admin.logs(),
            Self::Worker(worker) => worker.logs(),
        }
    }

    fn metadata(&self) -> Option<&MetadataImage> {
        match self {
            Self::Broker(broker) => Node::metadata(broker.as_ref()),
            Self::Controller(controller) => controller.metadata(),
            Self::Producer(_)
            | Self::Consumer(_)
            | Self::Pipeline(_)
            | Self::Admin(_)
            | Self::Worker(_) => None,
        }
    }

    fn status(&self) -> NodeStatus {
        match self {
            Self::Broker(broker) => broker.status(),
            Self::Controller(controller) => controller.status(),
            Self::Producer(producer) => producer.status(),
            Self::Consumer(consumer) => consumer.status(),
            Self::Pipeline(pipeline) => pipeline.status(),
            Self::Admin(admin) => admin.status(),
            Self::Worker(worker) => worker.status(),
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        match self {
            Self::Broker(broker) => broker.next_deadline(),
            Self::Controller(controller) => controller.next_deadline(),
            Self::Producer(producer) => producer.next_deadline(),
            Self::Consumer(consumer) => consumer.next_deadline(),
            Self::Pipeline(pipeline) => pipeline.next_deadline(),
            Self::Admin(admin) => admin.next_deadline(),
            Self::Worker(worker) => worker.next_deadline(),
        }
    }
}
