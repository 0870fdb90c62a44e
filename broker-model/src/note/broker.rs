//! Facts of a broker's life.

use serde::{Deserialize, Serialize};

use crate::types::{BrokerEpoch, DirectoryId, LogDirectory, TopicPartition};

/// A fact of a broker's life.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BrokerNote {
    /// A broker's own view of its state at the controller changed.
    StateChanged {
        /// State.
        state: BrokerState,
        /// Broker epoch of this uptime, once known.
        broker_epoch: BrokerEpoch,
    },
    /// A broker ends cleanly: its logs are on the disk, and it has written a marker that says so. Source: KIP-966, rule
    /// 2.10.
    StoppedCleanly {
        /// The broker epoch in the marker.
        broker_epoch: BrokerEpoch,
    },
    /// A log directory of the broker is offline from here on, and with it all replicas in it. Source: KIP-112.
    LogDirectoryOffline {
        /// Which.
        directory: LogDirectory,
        /// Its id.
        id: DirectoryId,
    },
    /// A log was made for a replica in one of several log directories.
    LogCreated {
        /// Whose.
        partition: TopicPartition,
        /// Where.
        directory: LogDirectory,
    },
    /// The broker hosts a replica that it does not open: its log is, or may be, in a directory that is offline.
    ReplicaOffline {
        /// Of which partition.
        partition: TopicPartition,
    },
}

/// A broker's state at the controller, as it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokerState {
    /// Not registered yet.
    Starting,
    /// Registered; takes no leadership.
    Fenced,
    /// Takes part.
    Running,
    /// Hands its leaderships over.
    ShuttingDown,
}
