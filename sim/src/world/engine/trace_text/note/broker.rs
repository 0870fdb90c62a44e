//! Facts of brokers' lives.

use harrow_broker_model::note::{BrokerNote, BrokerState};

use super::super::names::Names;

pub(super) fn trace_text(names: &Names, note: &BrokerNote) -> String {
    match note {
        BrokerNote::StateChanged { state, broker_epoch } => {
            format!("broker transitioned to {}, broker epoch {broker_epoch}", state_name(*state))
        }
        BrokerNote::StoppedCleanly { broker_epoch } => {
            format!("wrote clean shutdown file with broker epoch {broker_epoch}")
        }
        BrokerNote::LogDirectoryOffline { directory, id } => {
            format!("stopped serving log directory {directory} with id {id}: it failed")
        }
        BrokerNote::LogCreated { partition, directory } => {
            format!("created log for {} in log directory {directory}", names.place(*partition))
        }
        BrokerNote::ReplicaOffline { partition } => {
            format!("{} is in an offline log directory", names.place(*partition))
        }
    }
}

fn state_name(state: BrokerState) -> &'static str {
    match state {
        BrokerState::Starting => "starting",
        BrokerState::Fenced => "fenced",
        BrokerState::Running => "running",
        BrokerState::ShuttingDown => "controlled shutdown",
    }
}
