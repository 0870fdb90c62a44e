//! The processes of a run with applications: those of the model, brokers that serve bytes as well, and the applications
//! themselves. Runs without applications know nothing of it.

use harrow_broker_model::log::Log;
use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::node::{Deadline, Effects, Event, Node};
use harrow_broker_model::node_status::NodeStatus;
use harrow_broker_model::process::Process;
use harrow_broker_model::types::Now;

use super::application::ApplicationProcess;
use super::wire::WireBroker;

/// Any process of such a run.
#[derive(Debug)]
pub(super) enum Hosted {
    Model(Process),
    Broker(Box<WireBroker>),
    Application(Box<ApplicationProcess>),
}

impl Node for Hosted {
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match self {
            Self::Model(process) => process.handle(now, event, effects),
            Self::Broker(broker) => broker.handle(now, event, effects),
            Self::Application(application) => application.handle(now, event, effects),
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        match self {
            Self::Model(process) => process.next_deadline(),
            Self::Broker(broker) => broker.broker().next_deadline(),
            Self::Application(application) => application.next_deadline(),
        }
    }

    fn logs(&self) -> Vec<&Log> {
        match self {
            Self::Model(process) => process.logs(),
            Self::Broker(broker) => broker.broker().logs(),
            Self::Application(_) => Vec::new(),
        }
    }

    fn metadata(&self) -> Option<&MetadataImage> {
        match self {
            Self::Model(process) => process.metadata(),
            Self::Broker(broker) => Node::metadata(broker.broker()),
            Self::Application(_) => None,
        }
    }

    fn status(&self) -> NodeStatus {
        match self {
            Self::Model(process) => process.status(),
            Self::Broker(broker) => broker.broker().status(),
            Self::Application(application) => application.status(),
        }
    }
}
