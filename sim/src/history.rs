//! What clients asked and were told: the black-box record of a run, or of a real cluster.
//!
//! A [`History`] keeps its operations in columns: one fixed-size [`Row`] an operation, all sends in one vector, all
//! reads
//! in another, and what is rare in a third. So ten million operations fit into memory and are walked in order of
//! address. [`OperationRecord`] is the same operation in one piece, for those who write and edit histories.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Stands for "never completed" in [`Row::completed_ns`].
pub const NEVER: u64 = u64::MAX;

/// Stands for "not told": of an offset (also with acks=0), and of a partition or key of a send.
pub const NO_OFFSET: i64 = -1;
/// Stands for a partition that was not chosen before the operation ended.
pub const NO_PARTITION: u32 = u32::MAX;
/// Stands for a record without a key.
pub const NO_KEY: u32 = u32::MAX;

/// A topic's name in histories: the second of a name is `orders@2`, which no topic can be called.
pub fn incarnation_name(topic: &str, ordinal: usize) -> String {
    if ordinal <= 1 { topic.to_owned() } else { format!("{topic}@{ordinal}") }
}

/// The name by which clients ask for a topic, or for a partition, of a history.
pub fn asked_name(name: &str) -> Cow<'_, str> {
    let Some((topic, rest)) = name.split_once('@') else { return Cow::Borrowed(name) };
    let index = rest.find('-').map_or("", |at| &rest[at..]);
    Cow::Owned(format!("{topic}{index}"))
}

/// All client operations, in order of completion (those that never completed come last, in order of invocation).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Names of the partitions, such as `orders-0`; operations refer to them by position.
    pub partitions: Vec<String>,
    /// Names of foreign values, by value; empty when values are numbers themselves.
    pub value_names: Vec<String>,
    /// Names of consumer groups; operations refer to them by position.
    pub groups: Vec<String>,
    /// Whether the history ends with reads of everything, so that what was not read by then is missing.
    pub final_reads: bool,
    rows: Vec<Row>,
    sends: Vec<SendRecord>,
    reads: Vec<ReadRecord>,
    details: Vec<Detail>,
}

/// One client operation without its sends, reads and details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// True time of the invocation, in nanoseconds.
    pub invoked_ns: u64,
    /// True time of the completion, in nanoseconds, or [`NEVER`].
    pub completed_ns: u64,
    /// Who: one client, one thread of control. A producer with several sends open is one process.
    pub process: u32,
    sends_end: u32,
    reads_end: u32,
    /// Whether it polls: a transaction need not.
    pub polls: bool,
    /// How it ended.
    pub completion: Completion,
    /// What was asked.
    pub function: Function,
}

/// One client operation in one piece.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationRecord {
    /// Who: one client, one thread of control.
    pub process: u32,
    /// True time of the invocation, in nanoseconds.
    pub invoked_ns: u64,
    /// True time of the completion, in nanoseconds, or [`NEVER`].
    pub completed_ns: u64,
    /// How it ended.
    pub completion: Completion,
    /// What was asked.
    pub function: Function,
    /// What was read and written.
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
    /// Takes partitions for itself; `from_start` seeks to their beginning, and a [`What::Seek`] elsewhere.
    Assign {
        /// Whether it seeks to the beginning.
        from_start: bool,
    },
    /// Asks for partitions through a group; which ones it gets is the group's business.
    Subscribe,
    /// Got partitions as a member of a group, in one generation.
    Join,
    /// Commits a group's offsets.
    Commit,
    /// Asks for an end offset, or where a group stands.
    List,
    /// The client is torn down.
    Crash,
}

/// One read, write or fact of an operation.
#[derive(Debug, Clone, PartialEq)]
pub enum MicroOperation {
    /// A send.
    Send(SendRecord),
    /// A poll's result, in the order of delivery.
    Poll {
        /// Records.
        records: Vec<ReadRecord>,
    },
    /// Anything else.
    Detail(What),
}

/// One record as sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRecord {
    /// Value.
    pub value: u64,
    /// Offset, or [`NO_OFFSET`].
    pub offset: i64,
    /// Partition, by position, or [`NO_PARTITION`] if the operation ended before one was chosen.
    pub partition: u32,
    /// Key, or [`NO_KEY`]. It matters only where the topic is compacted.
    pub key: u32,
}

/// One record as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRecord {
    /// Value; [`ReadRecord::GARBAGE`] if its bytes were not a value.
    pub value: u64,
    /// Offset.
    pub offset: i64,
    /// Partition, by position.
    pub partition: u32,
}

impl ReadRecord {
    /// A value that nobody sends.
    pub const GARBAGE: u64 = u64::MAX;
}

/// A detail of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// Which operation, by position.
    pub operation: u32,
    /// What.
    pub what: What,
}

/// What a send or a poll does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A partition is taken by an assignment, asked for by a subscription, or given to a member of a group.
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
    /// A group's coordinator told where the group stands.
    Fetched {
        /// Partition, by position.
        partition: u32,
        /// The next offset to read; none if the group has committed none.
        offset: Option<i64>,
    },
    /// A group's offset is committed: the next one to read.
    Committed {
        /// Partition, by position.
        partition: u32,
        /// The next offset to read.
        offset: i64,
    },
    /// The partition's assignment changed during the operation.
    Rebalanced {
        /// Partition, by position.
        partition: u32,
        /// Whether it was taken from a member that its group has thrown out (`onPartitionsLost`).
        lost: bool,
    },
    /// The transaction commits that it has processed these input records.
    Consumed {
        /// Partition, by position.
        partition: u32,
        /// First offset.
        first: i64,
        /// Last offset, inclusive.
        last: i64,
    },
    /// A consumer that takes partitions goes on elsewhere in this one.
    Seek {
        /// Partition, by position.
        partition: u32,
        /// The next offset to read; none if it is not known.
        offset: Option<i64>,
    },
    /// The client acted as a member of a group.
    Member {
        /// Group, by position.
        group: u32,
        /// Generation of a classic group; member epoch of the newer protocol.
        generation: i64,
    },
}

impl History {
    /// An empty history over these partitions.
    pub fn new(partitions: Vec<String>) -> Self {
        Self { partitions, ..Self::default() }
    }

    /// A history of operations in any order.
    pub fn of(partitions: Vec<String>, final_reads: bool, operations: &[OperationRecord]) -> Self {
        let mut history = Self { final_reads, ..Self::new(partitions) };
        let mut order: Vec<&OperationRecord> = operations.iter().collect();
        order.sort_by_key(|operation| operation.completed_ns);
        for operation in order {
            history.push(operation);
        }
        history
    }

    /// Adds the next operation in order of completion.
    ///
    /// # Panics
    /// With 2^32 operations, sends or reads.
    pub fn push(&mut self, operation: &OperationRecord) {
        let position = self.rows.len() as u32;
        let polled = |action: &MicroOperation| matches!(action, MicroOperation::Poll { .. });
        let polls = operation.function == Function::Poll || operation.actions.iter().any(polled);
        for action in &operation.actions {
            match action {
                MicroOperation::Send(send) => self.sends.push(*send),
                MicroOperation::Poll { records } => self.reads.extend_from_slice(records),
                MicroOperation::Detail(what) => {
                    self.details.push(Detail { operation: position, what: *what });
                }
            }
        }
        self.close(Row {
            invoked_ns: operation.invoked_ns,
            completed_ns: operation.completed_ns,
            process: operation.process,
            sends_end: 0,
            reads_end: 0,
            polls,
            completion: operation.completion,
            function: operation.function,
        });
    }

    /// The same for an operation in parts, without a copy of it in between. Of `row`, only what the operation itself
    /// says counts.
    ///
    /// # Panics
    /// With 2^32 operations, sends or reads.
    pub fn push_parts(
        &mut self,
        row: Row,
        sends: &[SendRecord],
        reads: &[ReadRecord],
        details: &[What],
    ) {
        let operation = self.rows.len() as u32;
        self.sends.extend_from_slice(sends);
        self.reads.extend_from_slice(reads);
        self.details.extend(details.iter().map(|what| Detail { operation, what: *what }));
        self.close(row);
    }

    /// Ends an operation whose sends, reads and details are in place.
    fn close(&mut self, row: Row) {
        let largest = self.rows.len().max(self.sends.len()).max(self.reads.len());
        assert!(largest < u32::MAX as usize, "{largest} entries do not fit a history");
        let (sends_end, reads_end) = (self.sends.len() as u32, self.reads.len() as u32);
        self.rows.push(Row { sends_end, reads_end, ..row });
    }

    /// Makes room for so many more operations, sends and reads.
    pub fn reserve(&mut self, operations: usize, sends: usize, reads: usize) {
        self.rows.reserve_exact(operations);
        self.sends.reserve_exact(sends);
        self.reads.reserve_exact(reads);
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All operations.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One operation.
    ///
    /// # Panics
    /// If there is none at this position.
    pub fn row(&self, operation: u32) -> &Row {
        &self.rows[operation as usize]
    }

    /// All sends, in order of their operations.
    pub fn sends(&self) -> &[SendRecord] {
        &self.sends
    }

    /// All reads, in order of their operations and of delivery.
    pub fn reads(&self) -> &[ReadRecord] {
        &self.reads
    }

    /// All details, in order of their operations.
    pub fn details(&self) -> &[Detail] {
        &self.details
    }

    /// Positions in [`Self::sends`] of one operation's sends.
    pub fn sends_of(&self, operation: u32) -> std::ops::Range<usize> {
        let first = operation.checked_sub(1).map_or(0, |before| self.row(before).sends_end);
        first as usize..self.row(operation).sends_end as usize
    }

    /// Positions in [`Self::reads`] of one operation's reads.
    pub fn reads_of(&self, operation: u32) -> std::ops::Range<usize> {
        let first = operation.checked_sub(1).map_or(0, |before| self.row(before).reads_end);
        first as usize..self.row(operation).reads_end as usize
    }

    /// The details of one operation.
    pub fn details_of(&self, operation: u32) -> impl Iterator<Item = What> + '_ {
        let first = self.details.partition_point(|detail| detail.operation < operation);
        let details = self.details[first..].iter();
        details.take_while(move |detail| detail.operation == operation).map(|detail| detail.what)
    }

    /// The operation that a send belongs to, by the send's position.
    pub fn operation_of_send(&self, send: usize) -> u32 {
        self.rows.partition_point(|row| row.sends_end as usize <= send) as u32
    }

    /// The operation that a read belongs to, by the read's position.
    pub fn operation_of_read(&self, read: usize) -> u32 {
        self.rows.partition_point(|row| row.reads_end as usize <= read) as u32
    }

    /// Group and generation in which an operation's client acted, if it said so.
    pub fn member(&self, operation: u32) -> Option<(u32, i64)> {
        self.details_of(operation).find_map(|what| match what {
            What::Member { group, generation } => Some((group, generation)),
            What::Assigned { .. }
            | What::EndOffset { .. }
            | What::Fetched { .. }
            | What::Committed { .. }
            | What::Rebalanced { .. }
            | What::Seek { .. }
            | What::Consumed { .. } => None,
        })
    }

    /// One operation in one piece.
    pub fn operation(&self, operation: u32) -> OperationRecord {
        let Row { invoked_ns, completed_ns, process, completion, function, polls, .. } =
            *self.row(operation);
        let sends = self.sends[self.sends_of(operation)].iter().copied();
        let mut actions: Vec<MicroOperation> = sends.map(MicroOperation::Send).collect();
        let records = self.reads[self.reads_of(operation)].to_vec();
        if !records.is_empty() || polls && function == Function::Txn {
            actions.push(MicroOperation::Poll { records });
        }
        actions.extend(self.details_of(operation).map(MicroOperation::Detail));
        OperationRecord { process, invoked_ns, completed_ns, completion, function, actions }
    }

    /// All operations in one piece each.
    pub fn operations(&self) -> Vec<OperationRecord> {
        (0..self.rows.len() as u32).map(|position| self.operation(position)).collect()
    }

    /// Puts the operations into order of completion; equal times stay as they are.
    pub fn sort(&mut self) {
        if self.rows.is_sorted_by_key(|row| row.completed_ns) {
            return;
        }
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by_key(|position| self.row(*position).completed_ns);
        let unsorted = std::mem::take(self);
        self.partitions.clone_from(&unsorted.partitions);
        self.value_names.clone_from(&unsorted.value_names);
        self.groups.clone_from(&unsorted.groups);
        self.final_reads = unsorted.final_reads;
        for position in order {
            self.push(&unsorted.operation(position));
        }
    }
}

impl Row {
    /// An operation that has begun and not ended.
    pub fn begun(process: u32, function: Function, invoked_ns: u64) -> Self {
        Self {
            invoked_ns,
            completed_ns: NEVER,
            process,
            sends_end: 0,
            reads_end: 0,
            polls: function == Function::Poll,
            completion: Completion::Info,
            function,
        }
    }

    /// The same operation, ended.
    #[must_use]
    pub fn ended(self, completed_ns: u64, completion: Completion) -> Self {
        Self { completed_ns, completion, ..self }
    }
}

impl SendRecord {
    /// A send whose outcome is not known.
    pub fn of(value: u64) -> Self {
        Self { value, offset: NO_OFFSET, partition: NO_PARTITION, key: NO_KEY }
    }
}
