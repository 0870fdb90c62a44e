//! Marks of brokers' lives.

use harrow_broker_model::note::{BrokerNote, BrokerState};

use super::Tally;

impl Tally {
    pub(super) fn broker(&mut self, note: &BrokerNote) {
        match note {
            BrokerNote::StateChanged { state, .. } => self.state(*state),
            BrokerNote::LogDirectoryOffline { .. } => self.mark("log-directory-offline"),
            BrokerNote::ReplicaOffline { .. } => self.mark("replica-offline"),
            BrokerNote::StoppedCleanly { .. } | BrokerNote::LogCreated { .. } => {}
        }
    }

    fn state(&mut self, state: BrokerState) {
        match state {
            BrokerState::Running => self.mark("broker-running"),
            BrokerState::ShuttingDown => self.mark("broker-shut-down"),
            BrokerState::Starting | BrokerState::Fenced => {}
        }
    }
}
