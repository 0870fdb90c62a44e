//! What clients asked and were told: the black-box record of a run, or of a real cluster.

use serde::{Deserialize, Serialize};

/// Stands for "never completed" in [`OperationRecord::completed_ns`].
pub const NEVER: u64 = u64::MAX;

/// All client operations, in order of completion (those that never completed come last, in order of invocation).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Names of the partitions, such as `orders-0`; operations refer to them by position.
    pub partitions: Vec<String>,
    /// Names of foreign values, by value; empty when values are numbers themselves.
    pub value_names: Vec<String>,
    /// The operations.
    pub operations: Vec<OperationRecord>,
    /// Whether the history ends with reads of everything, so that what was not read by then is missing.
    pub final_reads: bool,
}

/// One client operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRecord {
    /// Who: one client, one thread of control. A producer with several sends open is one process.
    pub process: u32,
    /// True time of the invocation, in nanoseconds.
    pub invoked_ns: u64,
    /// True time of the completion, in nanoseconds, or [`NEVER`].
    pub completed_ns: u64,
    /// How it ended.
    pub completion: Completion,
    /// What was asked.
    pub function: Function,
    /// What was read and written, in order.
    pub actions: Vec<MicroOperation>,
}

/// How an operation ended, in Jepsen's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// It happened.
    Ok,
    /// It did not happen and will not.
    Fail,
    /// Nobody knows. It may yet happen.
    Info,
}

/// What an operation is, in Jepsen's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// One or more sends.
    Send,
    /// One or more polls.
    Poll,
    /// Sends and polls in one transaction.
    Txn,
    /// Takes partitions for itself; `from_start` seeks to their beginning.
    Assign {
        /// Whether it seeks to the beginning.
        from_start: bool,
    },
    /// Asks for an end offset.
    List,
    /// The client is torn down.
    Crash,
}

/// One read or write of an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum MicroOperation {
    /// A send.
    Send {
        /// Partition, by position; `None` if the operation ended before one was chosen.
        partition: Option<u32>,
        /// Value.
        value: u64,
        /// Offset, if told; -1 with acks=0.
        offset: Option<i64>,
    },
    /// A poll's result.
    Poll {
        /// Records in the order of delivery.
        records: Vec<ReadRecord>,
    },
    /// A partition taken by an assignment.
    Assigned {
        /// Partition, by position.
        partition: u32,
    },
    /// An end offset.
    EndOffset {
        /// Partition, by position.
        partition: u32,
        /// Offset, if told.
        offset: Option<i64>,
    },
}

/// One record as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRecord {
    /// Partition, by position.
    pub partition: u32,
    /// Offset.
    pub offset: i64,
    /// Value; [`ReadRecord::GARBAGE`] if its bytes were not a value.
    pub value: u64,
}

impl ReadRecord {
    /// A value that nobody sends.
    pub const GARBAGE: u64 = u64::MAX;
}
