//! Facts of brokers' lives.

use harrow_broker_model::note::{BrokerNote, BrokerState};

pub(super) fn trace_text(note: &BrokerNote) -> String {
    match note {
        BrokerNote::StateChanged { state, broker_epoch } => {
            format!("broker transitioned to {}, broker epoch {broker_epoch}", state_name(*state))
        }
        BrokerNote::StoppedCleanly { broker_epoch } => {
            format!("wrote clean shutdown file with broker epoch {broker_epoch}")
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
