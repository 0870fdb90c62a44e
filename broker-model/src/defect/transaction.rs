//! Known bugs and weaknesses of transactions.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Known bugs and weaknesses of transactions.
TransactionDefect {
    TimeoutKeepsEpoch {
        name: "timeout-keeps-epoch",
        source: "KAFKA-6119; TransactionCoordinator.abortTimedOutTransactions",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(1, 0, 0)] },
        side: Server,
        shows: "offsets" / "poll-skip" in "hanging-transaction", seed 49,
        meaning: "A transaction that takes too long is aborted in the epoch of its own producer, which may go on.",
        example: "A producer stalls amid a transaction. The coordinator aborts it. The producer wakes, adds \
            one more partition, which begins another transaction, and commits that: it is told that all was \
            committed, but what it sent before the pause is aborted.",
    }

    Unverified {
        name: "transactions-unverified",
        source: "KAFKA-14402; KIP-890, ReplicaManager.maybeSendPartitionsToTransactionCoordinator",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(3, 6, 0)] },
        side: Server,
        shows: "visibility" / "hanging-txn" in "hanging-transaction", seed 1,
        meaning: "A leader takes the first record of a transaction without asking the coordinator whether it is going \
            on.",
        example: "A producer's request lies on the way while its transaction times out and is aborted. It arrives \
            after the abort marker and opens a transaction that nobody will end: consumers with `read_committed` \
            stand there.",
    }

    ToldBeforeDurable {
        name: "commit-told-before-durable",
        source: "KIP-98; TransactionCoordinator.endTransaction",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "poll-skip" in "bank", seed 2,
        meaning: "A coordinator answers a commit before its decision is committed to the transaction log.",
        example: "The coordinator dies with the decision. The next one knows of an open transaction only, \
            which times out and is aborted, though its producer was told that it was committed.",
    }

    ReadsPastStable {
        name: "reads-past-stable-offset",
        source: "KIP-98; UnifiedLog.lastStableOffset",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "read-past-lso" in "bank", seed 1,
        meaning: "A leader lets consumers with `read_committed` read up to the high watermark.",
        example: "A consumer is given the records of a transaction that is going on. It is aborted later, \
            when the records have been delivered.",
    }
} }
