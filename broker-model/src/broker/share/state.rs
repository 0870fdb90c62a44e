//! What a broker keeps for share groups.

use std::collections::{BTreeMap, VecDeque};

use super::sessions::Sessions;
use super::share_partition::SharePartition;
use crate::broker::connections::Caller;
use crate::coordinator::share::ShareRuntime;
use crate::node::Deadline;
use crate::proto::ErrorCode;
use crate::share_message::{ShareFetchRequest, SharePartitionKey, ShareStateResponse};
use crate::types::{CorrelationId, NodeId, Time, TopicPartition};

/// Share groups on a broker. A broker without any has nothing in it.
#[derive(Debug, Default)]
pub(in crate::broker) struct Shares {
    pub(super) coordinator: ShareRuntime<StateAsker>,
    pub(super) led: BTreeMap<SharePartitionKey, Led>,
    pub(super) sessions: Sessions,
    pub(super) waiting: Vec<Waiting>,
    /// Questions to coordinators on other brokers.
    pub(super) outgoing: BTreeMap<(NodeId, CorrelationId), Question>,
    /// What coordinators have answered, to be looked at.
    pub(super) answers: VecDeque<(u64, ShareStateResponse)>,
    /// Questions asked.
    pub(super) asked: u64,
    /// Whether who waits is to be looked at again.
    pub(super) woken: bool,
    /// Whether a log has more to give since who waits was looked at.
    pub(super) log_moved: bool,
}

/// Who asked a share coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum StateAsker {
    /// Another broker.
    Remote(Caller),
    /// This one, with a question of this number.
    Own(u64),
}

impl StateAsker {
    /// The other broker that asks.
    pub(super) fn node(&self) -> Option<NodeId> {
        match self {
            Self::Remote(caller) => Some(caller.from),
            Self::Own(_) => None,
        }
    }
}

/// A question to another broker's coordinator: of which share-partition, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) key: SharePartitionKey,
    pub(super) number: u64,
}

/// A share-partition that this broker leads, and what it asks of its coordinator.
#[derive(Debug)]
pub(super) struct Led {
    pub(super) share: SharePartition,
    pub(super) asking: Asking,
    /// The number of the last question: a late answer to another one says nothing.
    pub(super) question: u64,
    /// Since when what is asked now was not answered as it should be.
    pub(super) since: Option<Time>,
}

/// Where the question to the coordinator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// Nothing is asked.
    Idle,
    /// It is asked again then.
    Later(Time),
    /// It is under way.
    Until(Time),
}

/// A `ShareFetch` that is not answered.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) caller: Caller,
    pub(super) request: Box<ShareFetchRequest>,
    pub(super) until: Time,
    /// Acknowledgements that are being stored.
    pub(super) undecided: usize,
    pub(super) acknowledged: Vec<(TopicPartition, Option<ErrorCode>)>,
}

impl Shares {
    /// Whether there is nothing that time or a change of a partition could bring about.
    pub(in crate::broker) fn rests(&self) -> bool {
        self.led.is_empty() && self.waiting.is_empty() && self.answers.is_empty()
    }

    /// Share-partitions of which something is being stored.
    pub(in crate::broker) fn storing(&self) -> usize {
        self.led.values().filter(|led| led.share.next_write().is_some()).count()
    }

    /// Whether all that can be done is done.
    pub(in crate::broker) fn is_idle(&self) -> bool {
        self.answers.is_empty()
    }

    pub(in crate::broker) fn deadline(&self) -> Option<Deadline> {
        let waiting = self.waiting.iter().filter(|waiting| waiting.undecided == 0);
        let waits = waiting.map(|waiting| waiting.until).min();
        let waits = waits.map(|at| Deadline { at, why: "a share fetch waits no longer" });
        let asked = self.led.values().filter_map(|led| match led.asking {
            Asking::Idle => None,
            Asking::Later(at) | Asking::Until(at) => Some(at),
        });
        let asked = asked.min();
        let asked = asked.map(|at| Deadline { at, why: "a share coordinator is asked again" });
        let locks = self.led.values().filter_map(|led| led.share.deadline());
        [waits, asked, self.coordinator.deadline()]
            .into_iter()
            .chain(locks.map(Some))
            .fold(None, Deadline::earlier)
    }
}
