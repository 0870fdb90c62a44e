//! What clients have done since the heal: a fresh producer, a final reader, and the producers of the loads.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::config::Acks;
use harrow_broker_model::node::Outcome;
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::OperationId;

use crate::plan::{ClientPlan, Plan};

/// What became of a record that shows whether a partition takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// Nothing was sent, or what was sent did not end well.
    Missing(Option<ErrorCode>),
    /// A record is on its way.
    Open(OperationId),
    /// A record is acknowledged.
    Acknowledged,
}

impl Probe {
    /// Why it is not acknowledged, in words; nothing if it is.
    pub(super) fn lacks(self) -> Option<String> {
        match self {
            Self::Acknowledged => None,
            Self::Open(_) | Self::Missing(None) => Some("is not acknowledged".to_owned()),
            Self::Missing(Some(error)) => Some(format!("ended with {error:?}")),
        }
    }

    /// As a send left it that ended so.
    pub(super) fn after(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Sent { .. } | Outcome::Transacted { committed: true, .. } => {
                Self::Acknowledged
            }
            Outcome::Transacted { committed: false, .. } => {
                Self::Missing(Some(ErrorCode::TransactionAbortable))
            }
            Outcome::Failed { error, .. } | Outcome::Unknown { error, .. } => {
                Self::Missing(Some(*error))
            }
            Outcome::Assigned
            | Outcome::Subscribed
            | Outcome::Unsubscribed
            | Outcome::Called
            | Outcome::WokenUp
            | Outcome::NoPosition { .. }
            | Outcome::Rewound { .. }
            | Outcome::Revoking { .. }
            | Outcome::Lost { .. }
            | Outcome::Joined { .. }
            | Outcome::Committed { .. }
            | Outcome::Polled { .. }
            | Outcome::EndOffset { .. }
            | Outcome::RecordsDeleted { .. }
            | Outcome::Administered { .. }
            | Outcome::TopicCreated => panic!("a send was answered with {outcome:?}"),
        }
    }
}

/// What the fresh clients have done so far.
#[derive(Debug)]
pub(super) struct FreshClients {
    pub(super) producer_process: u32,
    pub(super) reader_process: u32,
    pub(super) reader_assigned: bool,
    /// Whether the reader waits for an answer.
    pub(super) reader_asked: bool,
    /// By position of the partition.
    pub(super) records: Vec<Probe>,
    /// Partitions of the sends that are not answered, by position.
    pub(super) open: BTreeMap<OperationId, usize>,
    /// Partitions to be sent to, with their topics' positions and keys that lead there.
    pub(super) waiting: VecDeque<(usize, (usize, u64))>,
    /// Sends invoked: the lower half of the next value.
    pub(super) sent: u64,
    /// Up to where the final reader has read, by position of the partition.
    pub(super) read_to: Vec<i64>,
}

impl FreshClients {
    /// Nothing, of so many partitions.
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            producer_process: 0,
            reader_process: 0,
            reader_assigned: false,
            reader_asked: false,
            records: vec![Probe::Missing(None); partitions],
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            sent: 0,
            read_to: vec![0; partitions],
        }
    }
}

/// One producer of a load and one partition that it writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resumed {
    /// Position of the client.
    pub(super) load: usize,
    /// Topic and partition, both by position.
    pub(super) place: (usize, i32),
    /// The partition's position among all.
    pub(super) position: usize,
    pub(super) acks: Acks,
    pub(super) probe: Probe,
}

impl Resumed {
    /// Every producer with every partition that it writes to: nothing was sent yet.
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let mut all = Vec::new();
        for (load, client) in plan.clients.iter().enumerate() {
            let ClientPlan::Producer { config, topics, .. } = client else { continue };
            if config.acks == Acks::None {
                continue;
            }
            let mut first = 0;
            for (topic, planned) in plan.topics.iter().enumerate() {
                let count = planned.partitions as usize;
                if topics.contains(&planned.name) {
                    all.extend((0..count).map(|index| Self {
                        load,
                        place: (topic, index as i32),
                        position: first + index,
                        acks: config.acks,
                        probe: Probe::Missing(None),
                    }));
                }
                first += count;
            }
        }
        all
    }
}

/// Sends under way, and those that wait for them.
#[derive(Debug, Default)]
pub(super) struct Resuming {
    /// By position of the client.
    pub(super) open: BTreeMap<(usize, OperationId), usize>,
    /// By position of the client.
    pub(super) waiting: BTreeMap<usize, VecDeque<usize>>,
    /// Keys that lead to each partition of a topic, by how many it has.
    pub(super) keys: BTreeMap<u32, Vec<u64>>,
}

impl Resuming {
    pub(super) fn open_at(&self, load: usize) -> usize {
        let (first, last) = (OperationId(0), OperationId(u64::MAX));
        self.open.range((load, first)..=(load, last)).count()
    }
}
