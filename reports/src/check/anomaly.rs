//! Names of what can be wrong with a client history. They are Jepsen's where Jepsen has one.

use std::fmt;

use harrow_sim::violation::Guarantee;

use crate::verdict::Harm;

/// An anomaly that a client history alone can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// An acknowledged record is passed over by the reads of its partition.
    LostWrite,
    /// An acknowledged record was in no read by the end of the final reads.
    Unseen,
    /// One value sits at more than one offset.
    Duplicate,
    /// One offset has carried two values.
    InconsistentOffsets,
    /// A producer's later send got an offset at or below that of its earlier one.
    NonmonotonicSend,
    /// Two sends of one operation are in reverse order in the log.
    IntNonmonotonicSend,
    /// A send invoked after another's acknowledgement got an offset at or below it.
    RealtimeOrder,
    /// A read returned a value that nobody sent to that partition.
    GarbageRead,
    /// A consumer's poll starts at or before what it has read already.
    NonmonotonicPoll,
    /// One poll goes back within a partition.
    IntNonmonotonicPoll,
    /// A consumer's poll jumps over records that exist.
    PollSkip,
    /// One poll jumps over records that exist.
    IntPollSkip,
    /// A read returned the value of a send that failed.
    G1a,
    /// A transaction read what it had written itself.
    PrecommittedRead,
    /// A partition's end offset went back between two calls that do not overlap.
    EndOffsetRegression,
    /// A transaction of unknown outcome committed in part: a read shows one of its records, and another is nowhere.
    TornTransaction,
    /// Other records stand between two sends of one operation.
    IntSendSkip,
    /// A partition's end offset was told as if a record were not there that somebody knew of before.
    StaleEndOffset,
    /// A member began, after it got a partition, before what its group has committed: the commit is gone.
    LostCommit,
    /// A consumer began, after it got a partition, behind a record that its group has not processed.
    ResumeSkip,
    /// A group took a commit from a member of an older generation.
    ZombieCommit,
    /// A consumer committed an offset that it had not come to.
    CommitBeyondPosition,
    /// Two members of a group had one partition in one generation.
    DoubleOwnership,
    /// A group processed the same input record twice.
    EosDuplicate,
    /// An input record was passed over: nothing that stands processed it.
    EosLoss,
    /// An input record was processed later than its group promises.
    LateProcessing,
    /// Transactions overwrite each other in a circle.
    G0,
    /// The same, with the order of operations of one process.
    G0Process,
    /// The same, with the order in time.
    G0Realtime,
    /// Transactions read from each other in a circle.
    G1c,
    /// Reads contradict the order of operations of one process.
    G1cProcess,
    /// Reads contradict the order in time: something was read before it was sent.
    G1cRealtime,
    /// Transactions read from and write after each other in a circle.
    G1cWw,
    /// The same, with the order of operations of one process.
    G1cWwProcess,
    /// The same, with the order in time.
    G1cWwRealtime,
}

impl Anomaly {
    /// All of them, gravest first: at equal times, the earlier one explains the later ones.
    pub const ALL: [Self; 35] = [
        Self::LostWrite,
        Self::Unseen,
        Self::Duplicate,
        Self::InconsistentOffsets,
        Self::NonmonotonicSend,
        Self::IntNonmonotonicSend,
        Self::RealtimeOrder,
        Self::GarbageRead,
        Self::NonmonotonicPoll,
        Self::IntNonmonotonicPoll,
        Self::PollSkip,
        Self::IntPollSkip,
        Self::G1a,
        Self::PrecommittedRead,
        Self::EndOffsetRegression,
        Self::TornTransaction,
        Self::IntSendSkip,
        Self::StaleEndOffset,
        Self::LostCommit,
        Self::ResumeSkip,
        Self::ZombieCommit,
        Self::CommitBeyondPosition,
        Self::DoubleOwnership,
        Self::EosDuplicate,
        Self::EosLoss,
        Self::LateProcessing,
        Self::G0,
        Self::G0Process,
        Self::G0Realtime,
        Self::G1c,
        Self::G1cProcess,
        Self::G1cRealtime,
        Self::G1cWw,
        Self::G1cWwProcess,
        Self::G1cWwRealtime,
    ];

    /// Its name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostWrite => "lost-write",
            Self::Unseen => "unseen",
            Self::Duplicate => "duplicate",
            Self::InconsistentOffsets => "inconsistent-offsets",
            Self::NonmonotonicSend => "nonmonotonic-send",
            Self::IntNonmonotonicSend => "int-nonmonotonic-send",
            Self::RealtimeOrder => "realtime-order",
            Self::GarbageRead => "garbage-read",
            Self::NonmonotonicPoll => "nonmonotonic-poll",
            Self::IntNonmonotonicPoll => "int-nonmonotonic-poll",
            Self::PollSkip => "poll-skip",
            Self::IntPollSkip => "int-poll-skip",
            Self::G1a => "G1a",
            Self::PrecommittedRead => "precommitted-read",
            Self::EndOffsetRegression => "end-offset-regression",
            Self::TornTransaction => "torn-transaction",
            Self::IntSendSkip => "int-send-skip",
            Self::StaleEndOffset => "stale-end-offset",
            Self::LostCommit => "lost-commit",
            Self::ResumeSkip => "resume-skip",
            Self::ZombieCommit => "zombie-commit",
            Self::CommitBeyondPosition => "commit-beyond-position",
            Self::DoubleOwnership => "double-ownership",
            Self::EosDuplicate => "eos-duplicate",
            Self::EosLoss => "eos-loss",
            Self::LateProcessing => "late-processing",
            Self::G0 => "G0",
            Self::G0Process => "G0-process",
            Self::G0Realtime => "G0-realtime",
            Self::G1c => "G1c",
            Self::G1cProcess => "G1c-process",
            Self::G1cRealtime => "G1c-realtime",
            Self::G1cWw => "G1c-ww",
            Self::G1cWwProcess => "G1c-ww-process",
            Self::G1cWwRealtime => "G1c-ww-realtime",
        }
    }

    /// What it says of its witnesses.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::LostWrite | Self::Unseen | Self::TornTransaction | Self::EosLoss => Kind::Missing,
            Self::PollSkip | Self::IntPollSkip | Self::ResumeSkip => Kind::PassedOver,
            Self::Duplicate
            | Self::InconsistentOffsets
            | Self::NonmonotonicSend
            | Self::IntNonmonotonicSend
            | Self::RealtimeOrder => Kind::Misplaced,
            Self::NonmonotonicPoll | Self::IntNonmonotonicPoll => Kind::Repeated,
            Self::GarbageRead | Self::G1a | Self::PrecommittedRead => Kind::Shown,
            Self::IntSendSkip => Kind::Between,
            Self::EndOffsetRegression | Self::StaleEndOffset => Kind::EndOffset,
            Self::LostCommit
            | Self::ZombieCommit
            | Self::CommitBeyondPosition
            | Self::DoubleOwnership
            | Self::EosDuplicate
            | Self::LateProcessing => Kind::Group,
            Self::G0
            | Self::G0Process
            | Self::G0Realtime
            | Self::G1c
            | Self::G1cProcess
            | Self::G1cRealtime
            | Self::G1cWw
            | Self::G1cWwProcess
            | Self::G1cWwRealtime => Kind::Cycle,
        }
    }

    /// What clients lose by it where it is legal.
    pub(crate) fn harm(self) -> Harm {
        match self {
            Self::LostWrite | Self::Unseen | Self::TornTransaction => Harm::Lost,
            Self::Duplicate | Self::EosDuplicate => Harm::Duplicated,
            Self::NonmonotonicSend | Self::IntNonmonotonicSend | Self::RealtimeOrder => {
                Harm::Reordered
            }
            Self::InconsistentOffsets
            | Self::GarbageRead
            | Self::NonmonotonicPoll
            | Self::IntNonmonotonicPoll
            | Self::PollSkip
            | Self::IntPollSkip
            | Self::G1a
            | Self::PrecommittedRead
            | Self::EndOffsetRegression
            | Self::StaleEndOffset
            | Self::IntSendSkip
            | Self::LostCommit
            | Self::ResumeSkip
            | Self::ZombieCommit
            | Self::CommitBeyondPosition
            | Self::DoubleOwnership
            | Self::EosLoss
            | Self::LateProcessing
            | Self::G0
            | Self::G0Process
            | Self::G0Realtime
            | Self::G1c
            | Self::G1cProcess
            | Self::G1cRealtime
            | Self::G1cWw
            | Self::G1cWwProcess
            | Self::G1cWwRealtime => Harm::Other,
        }
    }

    /// The guarantee that it breaks.
    pub fn guarantee(self) -> Guarantee {
        match self {
            Self::LostWrite | Self::Unseen => Guarantee::Durability,
            Self::NonmonotonicSend
            | Self::IntNonmonotonicSend
            | Self::RealtimeOrder
            | Self::NonmonotonicPoll
            | Self::IntNonmonotonicPoll
            | Self::IntSendSkip
            | Self::G0
            | Self::G0Process
            | Self::G0Realtime => Guarantee::Ordering,
            Self::Duplicate
            | Self::InconsistentOffsets
            | Self::PollSkip
            | Self::IntPollSkip
            | Self::EndOffsetRegression
            | Self::StaleEndOffset
            | Self::LostCommit
            | Self::ResumeSkip
            | Self::ZombieCommit
            | Self::CommitBeyondPosition
            | Self::DoubleOwnership
            | Self::EosDuplicate
            | Self::EosLoss => Guarantee::Offsets,
            Self::LateProcessing => Guarantee::Liveness,
            Self::GarbageRead
            | Self::G1a
            | Self::PrecommittedRead
            | Self::TornTransaction
            | Self::G1c
            | Self::G1cProcess
            | Self::G1cRealtime
            | Self::G1cWw
            | Self::G1cWwProcess
            | Self::G1cWwRealtime => Guarantee::Visibility,
        }
    }
}

/// What an anomaly says of its witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The subject is a record that should be there. The other is there, and shows it.
    Missing,
    /// The other is a record that the subject, a read, passed over.
    PassedOver,
    /// Both are records, and cannot both stand where they were told to.
    Misplaced,
    /// The subject is a read of what had been read as the other.
    Repeated,
    /// The subject is a read of what should not have been seen.
    Shown,
    /// The other is a record that came before the subject, a send.
    Between,
    /// Both are end offsets.
    EndOffset,
    /// The subject is what a member of a group, or its transaction, did.
    Group,
    /// Both are steps of a circle.
    Cycle,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which rules are applied. One rule is one anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules(u64);

impl Rules {
    /// Every rule.
    pub const ALL: Self = Self(u64::MAX);

    /// The same without one: used to show that each rule is needed.
    #[must_use]
    pub fn without(self, anomaly: Anomaly) -> Self {
        Self(self.0 & !(1 << anomaly as u32))
    }

    /// Whether this rule is applied.
    pub fn has(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u32) != 0
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::ALL
    }
}
