//! All that the toy cluster knows, and those who play in it: what they do is in their own files.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{MicroOperation, OperationRecord};

use super::log::Log;

/// Read and written by everyone.
pub(crate) const PLAIN: [u32; 2] = [0, 1];
/// Processed exactly once.
pub(crate) const INPUT: u32 = 2;
/// Its topic is compacted.
pub(crate) const COMPACTED: u32 = 3;
/// Retention moves its start.
pub(crate) const RETAINED: u32 = 4;
pub(super) const PARTITIONS: u32 = 5;

/// The group of `group`, by position.
pub(crate) const GROUP: u32 = 0;
/// The group of `copy`, by position.
pub(super) const COPIERS: u32 = 1;

pub(super) const CONSUMERS: u32 = 2;
pub(super) const MEMBERS: usize = 3;
/// Of the first client; each that ends in the unknown is followed by one with a higher number.
pub(super) const FIRST_TRANSACTOR: u32 = 10;
pub(super) const CLIENTS: usize = 3;

pub(super) struct Toy {
    /// Whether everyone reads what is not committed.
    pub(super) uncommitted: bool,
    pub(super) now: u64,
    pub(super) values: u64,
    pub(super) logs: Vec<Log>,
    pub(super) producers: Producers,
    pub(super) transactions: Transactions,
    pub(super) consumers: Consumers,
    pub(super) group: Group,
    pub(super) copiers: Copiers,
    pub(super) done: Vec<OperationRecord>,
}

#[derive(Debug, Default)]
pub(super) struct Consumers {
    pub(super) positions: [[i64; PARTITIONS as usize]; CONSUMERS as usize],
}

/// A send that is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) process: u32,
    pub(super) partition: u32,
    pub(super) value: u64,
    pub(super) key: u32,
    pub(super) invoked_ns: u64,
    pub(super) appended: Option<i64>,
    /// The producer has its answer, and the record may arrive yet.
    pub(super) answered: bool,
}

#[derive(Debug, Default)]
pub(super) struct Producers {
    pub(super) pending: Vec<Pending>,
}

/// A client that runs transactions, one at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) process: u32,
    pub(super) positions: [i64; PARTITIONS as usize],
    /// Positions at the begin of its transaction.
    pub(super) before: [i64; PARTITIONS as usize],
    /// Its open transaction, or the last one.
    pub(super) transaction: u32,
}

/// What is not over yet of a transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) number: u32,
    pub(super) invoked_ns: u64,
    pub(super) actions: Vec<MicroOperation>,
    /// Partitions without a marker.
    pub(super) unmarked: Vec<u32>,
    /// Whether it commits.
    pub(super) decided: Option<bool>,
    pub(super) answered: bool,
}

#[derive(Debug)]
pub(super) struct Transactions {
    pub(super) clients: [Client; CLIENTS],
    pub(super) open: Vec<Transaction>,
    /// Those that are decided to commit.
    pub(super) committed: BTreeSet<u32>,
    pub(super) number: u32,
    pub(super) process: u32,
}

impl Default for Transactions {
    fn default() -> Self {
        let positions = [0; PARTITIONS as usize];
        let client = |process| Client { process, positions, before: positions, transaction: 0 };
        let clients = [10, 11, 12].map(client);
        let process = FIRST_TRANSACTOR + CLIENTS as u32;
        Self { clients, open: Vec::new(), committed: BTreeSet::new(), number: 0, process }
    }
}

/// A member as it sees itself: it may not know that the group has gone on without it.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) generation: i64,
    /// By partition.
    pub(super) positions: BTreeMap<u32, i64>,
}

#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) generation: i64,
    pub(super) committed: BTreeMap<u32, i64>,
    pub(super) members: [Member; MEMBERS],
    /// Who truly has a partition.
    pub(super) owners: BTreeMap<u32, usize>,
    /// Commits that nobody answered and that may arrive yet: generation, partition, offset.
    pub(super) late: Vec<(i64, u32, i64)>,
}

/// A transaction under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running {
    pub(super) number: u32,
    /// Where the input goes on after it.
    pub(super) next: i64,
}

#[derive(Debug, Default)]
pub(super) struct Copiers {
    pub(super) generation: i64,
    pub(super) owner: u32,
    pub(super) position: i64,
    pub(super) committed: i64,
    pub(super) running: Option<Running>,
    /// A transaction of unknown outcome, which is decided before anyone goes on.
    pub(super) unknown: Option<Running>,
    /// The owner is gone, and someone must take over.
    pub(super) vacant: bool,
}
