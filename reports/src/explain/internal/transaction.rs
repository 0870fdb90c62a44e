//! What the watch can see of transactions.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 16] = [
    Entry {
        name: "illegal-txn-transition",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction went to a state that cannot follow.",
        example: "To be committed, then aborted.",
        legal: "Never.",
        source: "KIP-98; TransactionState.validPreviousStates",
    },
    Entry {
        name: "fenced-producer-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator let an older producer id or epoch of a transactional id go on.",
        example: "Epoch 4 took over; epoch 3 commits its transaction.",
        legal: "Never.",
        source: "KIP-98, KIP-447",
    },
    Entry {
        name: "marker-without-decision",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction marker was written that its coordinator had not decided.",
        example: "A commit marker while the transaction is ongoing, or after it was aborted.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "marker-wrong-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A marker of one transaction ended the records of another of the same \
                  producer.",
        example: "A delayed commit of transaction 1 arrives while transaction 2 is open, and \
                  commits it.",
        legal: "Never; Kafka before KIP-890 can do it.",
        source: "KAFKA-17754, KIP-890",
    },
    Entry {
        name: "torn-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction is committed on one partition and aborted, or left open, on \
                  another.",
        example: "orders-0 has a commit marker, orders-1 an abort marker.",
        legal: "Never.",
        source: "KIP-98, KAFKA-17754",
    },
    Entry {
        name: "hanging-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A record joined a transaction that is over or never began, so that no marker \
                  will end it.",
        example: "A delayed batch is appended after the abort marker: the last stable offset \
                  stands still.",
        legal: "Never; Kafka before KIP-890 can do it.",
        source: "KIP-664, KIP-890",
    },
    Entry {
        name: "non-transactional-append-in-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A producer's record outside of any transaction was appended amid its open \
                  transaction.",
        example: "The transactional bit is missing on the second batch.",
        legal: "Never.",
        source: "UnifiedLog.analyzeAndValidateProducerState",
    },
    Entry {
        name: "read-past-lso",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer with read_committed was given records at or above one of an open \
                  transaction.",
        example: "A transaction is open since offset 5; offset 5 is served.",
        legal: "With isolation.level=read_uncommitted.",
        source: "KIP-98",
    },
    Entry {
        name: "read-hides-committed",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer with read_committed got a committed transaction as an aborted \
                  one.",
        example: "The answer lists the producer as aborted from offset 5; it committed.",
        legal: "Never.",
        source: "KIP-98; TransactionIndex",
    },
    Entry {
        name: "offset-past-lso",
        kind: Kind::InternalAnomaly,
        meaning: "A client with read_committed asked for the end or for a time, and was told an \
                  offset behind the first record of an open transaction.",
        example: "Open since 5; the end that it was told is 9, or the first record since noon 7.",
        legal: "With isolation.level=read_uncommitted.",
        source: "KIP-98, KAFKA-5522; Partition.fetchOffsetForTimestamp",
    },
    Entry {
        name: "lso-ahead",
        kind: Kind::InternalAnomaly,
        meaning: "A last stable offset is above a record of an open transaction, or above the \
                  high watermark.",
        example: "Open since 5, last stable offset 7.",
        legal: "Never.",
        source: "KIP-98; UnifiedLog.lastStableOffset",
    },
    Entry {
        name: "lso-regress-same-epoch",
        kind: Kind::InternalAnomaly,
        meaning: "A leader's last stable offset fell within one epoch.",
        example: "It was 7, and is 5.",
        legal: "Between epochs it may: a new leader learns its high watermark late.",
        source: "KIP-98",
    },
    Entry {
        name: "transaction-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction was open for longer than its timeout and its coordinator's looks allow, or decided for \
                  longer than its markers need.",
        example: "A commit is decided, and all partitions have their markers. The coordinator never writes that it is \
                  complete: the producer is told to wait, for ever.",
        legal: "While the coordinator, the active controller or a replica of a partition that is needed is down, \
                touched by a fault or cut off; a timeout where a wall clock is wrong.",
        source: "KIP-98, TransactionCoordinator.abortTimedOutTransactions, TransactionMarkerChannelManager",
    },
    Entry {
        name: "decided-end-refused",
        kind: Kind::InternalAnomaly,
        meaning: "A producer that asked again was told that its transaction cannot end as it has ended.",
        example: "A commit is done, and its answer is lost. The producer asks again and is refused with \
                  INVALID_TXN_STATE: its application takes what is committed for failed.",
        legal: "To another end than the decided one, or once the next transaction has begun.",
        source: "TransactionCoordinator.endTransaction; Redpanda 3616",
    },
    Entry {
        name: "aborted-unasked",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator aborted a transaction that had time left, and nobody had asked for that.",
        example: "The transaction before began two seconds ago, and transaction.timeout.ms is 1500. The new one, \
                  which is ten milliseconds old, is aborted, and its producer is fenced.",
        legal: "Once transaction.timeout.ms has passed since it began by the coordinators' wall clocks; when its \
                producer ends it, or somebody takes its transactional id over.",
        source: "KIP-98; TransactionMetadata.prepareAddPartitions, TransactionStateManager.timedOutTransactions",
    },
    Entry {
        name: "epoch-kept-at-end",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction ended, and its producer stayed in the same epoch.",
        example: "An abort of a transaction of which the coordinator knows nothing yet is answered as done in the same \
                  epoch. A batch of it comes late, joins the next transaction and is committed with that.",
        legal: "With transaction.version below 2.",
        source: "KIP-890; TransactionCoordinator.endTransaction, TransactionMetadata.prepareAbortOrCommit",
    },
];

pub(super) static INVARIANTS: [Entry; 6] = [
    Entry {
        name: "transactions",
        kind: Kind::Invariant,
        meaning: "A transaction is decided once, with the same outcome on every partition.",
        example: "Broken by torn-txn, marker-wrong-txn, hanging-txn and others.",
        legal: "Never.",
        source: "KIP-98, KIP-890",
    },
    Entry {
        name: "last-stable-offset",
        kind: Kind::Invariant,
        meaning: "read_committed shows what is decided and committed, all of it and nothing \
                  else.",
        example: "Broken by read-past-lso, offset-past-lso, G1a, read-hides-committed, lso-ahead.",
        legal: "With isolation.level=read_uncommitted.",
        source: "KIP-98",
    },
    Entry {
        name: "transaction-due",
        kind: Kind::Invariant,
        meaning: "When it is calm for who is needed, a transaction is aborted when its time is over, and complete when \
                  it is decided.",
        example: "Broken by transaction-overdue.",
        legal: "While who is needed is down, touched by a fault or cut off.",
        source: "KIP-98, TransactionCoordinator.abortTimedOutTransactions, TransactionMarkerChannelManager",
    },
    Entry {
        name: "repeated-ends",
        kind: Kind::Invariant,
        meaning: "Who asks again to end a transaction is told that it has ended so.",
        example: "Broken by decided-end-refused.",
        legal: "At a coordinator that has not stated the decision itself, or once the next transaction has begun.",
        source: "TransactionCoordinator.endTransaction, KIP-890",
    },
    Entry {
        name: "transaction-time",
        kind: Kind::Invariant,
        meaning: "A transaction has its whole timeout, unless somebody asks for its abort.",
        example: "Broken by aborted-unasked.",
        legal: "Never; as far as wall clocks are wrong, it may seem longer than it is.",
        source: "KIP-98, TransactionStateManager.timedOutTransactions",
    },
    Entry {
        name: "epoch-per-transaction",
        kind: Kind::Invariant,
        meaning: "With transaction version 2, each end takes the producer to its next epoch.",
        example: "Broken by epoch-kept-at-end.",
        legal: "With transaction.version below 2.",
        source: "KIP-890, TransactionMetadata.prepareAbortOrCommit",
    },
];
