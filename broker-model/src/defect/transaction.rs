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
        shows: "offsets" / "poll-skip" in "hanging-transaction", seed 7,
        meaning: "A transaction that takes too long is aborted in the epoch of its own producer, which may go on.",
        example: "A producer stalls amid a transaction. The coordinator aborts it. The producer wakes, adds \
            one more partition, which begins another transaction, and commits that: it is told that all was \
            committed, but what it sent before the pause is aborted.",
    }

    ToldBeforeDurable {
        name: "commit-told-before-durable",
        source: "KIP-98; TransactionCoordinator.endTransaction",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "poll-skip" in "bank", seed 4,
        meaning: "A coordinator answers a commit before its decision is committed to the transaction log.",
        example: "The coordinator dies with the decision. The next one knows of an open transaction only, \
            which times out and is aborted, though its producer was told that it was committed.",
    }

    ProduceUnverified {
        name: "produce-unverified",
        source: "KIP-890, KAFKA-14402; UnifiedLog.maybeStartTransactionVerification",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(3, 6, 0)] },
        side: Server,
        shows: "visibility" / "hanging-txn" in "held-produce", seed 2,
        meaning: "A leader begins a transaction with any batch of a present epoch (transaction version 1), and asks \
            nobody whether the transaction goes on.",
        example: "A batch lies on the way while its transaction is aborted. It arrives behind the marker and opens a \
            transaction that no coordinator knows: nothing ends it, and consumers of committed records wait there for \
            ever, until an administrator aborts it.",
    }

    MarkerRetryRefused {
        name: "marker-retry-refused",
        source: "KAFKA-19999; ProducerAppendInfo.checkProducerEpoch",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "transaction-overdue" in "swarm-transactions", seed 7,
        meaning: "Where each transaction has an epoch of its own, a leader refuses a marker that it has written \
            already.",
        example: "A leader has written a marker, and its answer is lost. The coordinator sends it again and is \
            refused: \
            it tries for ever, and the producer is told to wait.",
    }

    InitAbortsUnfenced {
        name: "init-aborts-unfenced",
        source: "KAFKA-5231; TransactionMetadata.prepareFenceProducerEpoch",
        affected: Affected::Never,
        side: Server,
        with: ["produce-unverified"],
        shows: "offsets" / "ack-of-other-record" in "zombie-producer", seed 2,
        meaning: "A producer that takes a transactional id over has the open transaction aborted in the epoch of the \
            producer before.",
        example: "The producer before has a batch on the way. It arrives behind the abort marker, in an epoch that is \
            still the newest there, and opens a transaction that nobody ends.",
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

    EndsBeforeAnswered {
        name: "ends-before-answered",
        source: "KIP-98, KAFKA-9312; TransactionManager.nextRequest, RecordAccumulator.awaitFlushCompletion",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-loss" in "exactly-once", seed 37,
        meaning: "A producer ends a transaction while batches of it are under way.",
        example: "Of three batches two are acknowledged. The commit overtakes the third, which arrives behind the \
            marker, or not at all: the transaction is committed without it.",
    }

    CompletionNotWrittenAgain {
        name: "completion-not-written-again",
        source: "KAFKA-9777; TransactionMarkerChannelManager.tryAppendToLog",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "transaction-overdue" in "swarm-transactions", seed 186,
        meaning: "A coordinator whose record that a transaction is complete could not be written does not write it \
            again.",
        example: "All markers are there, and the transaction log has too few replicas for a moment. The producer's \
            next transaction is told to wait for the one before, for ever.",
    }

    DeposedGoesOn {
        name: "deposed-coordinator-goes-on",
        source: "KAFKA-9235; TransactionCoordinator.onResignation",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "acts-in-older-epoch" in "hanging-transaction", seed 3,
        meaning: "A transaction coordinator that leads its partition no more keeps what it knows and goes by it.",
        example: "Coordination moves to another broker and back. What was decided in between is in the log, and the \
            first coordinator, which did not forget, goes by what it knew before.",
    }

    LogUnreplicated {
        name: "transaction-log-unreplicated",
        source: "KIP-98; TransactionStateManager.appendTransactionToLog",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "illegal-txn-transition" in "bank", seed 2,
        meaning: "A coordinator appends to the transaction log with acks=1: what it decides counts as soon as it alone \
            has it.",
        example: "A commit is told, the broker that coordinates dies, and no follower has the record: the next \
            coordinator lets the transaction time out, and aborts it.",
    }

    NextUnverified {
        name: "next-transaction-unverified",
        source: "KAFKA-18575, KAFKA-18654; UnifiedLog.hasOngoingTransaction",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "transaction-overdue" in "hanging-transaction", seed 5,
        meaning: "A leader on which the transaction before is still open, as its marker has not come, takes a record \
            of the next one without a question: nobody puts the partition in.",
        example: "With an epoch for each transaction, a producer begins the next one as soon as its commit is decided. \
            Its first record comes before the marker of the one before, and belongs to no transaction that the \
            coordinator knows.",
    }

    OlderCoordinatorsMarkers {
        name: "older-coordinator-marks",
        source: "KIP-98; ProducerAppendInfo.checkCoordinatorEpoch",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "unfenced-request" in "swarm-transactions", seed 140,
        meaning: "A leader writes markers of a coordinator that has been replaced since.",
        example: "A coordinator stands still with a marker on the way, and another one goes on. Its transaction is \
            over when the marker comes.",
    }

    DataUnreplicated {
        name: "transaction-data-unreplicated",
        source: "KIP-98; Redpanda 6019: records of transactions with acks=1",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "poll-skip" in "hanging-transaction", seed 12,
        meaning: "A leader acknowledges the records of a transaction as soon as it has them itself.",
        example: "All records are acknowledged, and the transaction is committed. The leader of one partition dies \
            with what no other replica has: the transaction is committed without it.",
    }

    MarkerAnsweredEarly {
        name: "marker-answered-early",
        source: "KIP-98; KAFKA-17507 is its kin; KafkaApis.handleWriteTxnMarkersRequest",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "marker-wrong-txn" in "swarm-transactions", seed 10,
        meaning: "A group coordinator answers a marker before that is committed, and the offsets with it.",
        example: "A transaction is complete as far as its coordinator knows. The broker of the group dies with the \
            marker, and who gets the partition next is told where the group was before.",
    }

    StableAtMarker {
        name: "stable-at-marker",
        source: "KIP-98; ProducerStateManager.unreplicatedTxns, onHighWatermarkUpdated",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "read-past-lso" in "hanging-transaction", seed 1,
        meaning: "The last stable offset passes a transaction as soon as its leader has the marker, committed or not.",
        example: "A leader has a commit marker that no follower has, and gives the records to a consumer. It dies, and \
            with the next leader the transaction is open again.",
    }

    LoadsUncommitted {
        name: "loads-uncommitted",
        source: "KIP-98; TransactionStateManager.loadTransactionMetadata, which reads up to the log's end",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        shows: "visibility" / "illegal-txn-transition" in "lost-coordinators", seed 6,
        meaning: "A coordinator goes by all that is in its log when it is elected, be it committed or not: it acts on \
            a decision that may yet be lost.",
        example: "A coordinator has written that a transaction is to be committed, and dies before enough replicas \
            have it. The next one has it, sends the first markers, and dies too: who is elected then has never \
            heard of the decision, and aborts when the transaction's time is over, or its producer asks for that.",
    }

    VerificationForgetsLowest {
        name: "verification-forgets-lowest",
        source: "KAFKA-14920; VerificationStateEntry.maybeUpdateLowestSequenceAndEpoch, \
            ProducerAppendInfo.checkSequence",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "batch-passed-over" in "lost-answers", seed 7,
        meaning: "A leader appends a producer's first verified batch whatever its sequence (transaction version 1), \
            although an earlier one was refused when it could not be verified.",
        example: "Two first batches are on their way. The first one cannot be verified and is to be sent again; the \
            second one is appended. The first one comes too late for ever, and its transaction must be aborted.",
    }

    RepeatedEndRefused {
        name: "repeated-end-refused",
        source: "Redpanda 3616; TransactionCoordinator.endTransaction, for a transaction that ended as it is asked to",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "decided-end-refused" in "lost-answers", seed 1,
        meaning: "A coordinator that is asked again to end a transaction which has ended so refuses that as invalid.",
        example: "A transaction is committed, and the answer is lost. The producer asks again and is told that it has \
            no transaction to commit: its application takes what is committed for failed.",
    }

    UnaskedAdded {
        name: "unasked-partitions-added",
        source: "KIP-98; TransactionManager.AddPartitionsToTxnHandler, pendingPartitionsInTransaction",
        affected: Affected::Never,
        side: Client,
        with: ["produce-unverified"],
        shows: "visibility" / "torn-txn" in "lost-answers", seed 3,
        meaning: "A producer takes for part of its transaction (version 1) what it came to use while it asked for \
            other partitions.",
        example: "A producer has asked for partition 0 and has a record for partition 1 by the time of the answer. It \
            sends to both, and its coordinator has the marker written to one of them: the record on the other one is \
            in a transaction that nobody ends.",
    }

    StartKept {
        name: "transaction-start-kept",
        source: "TransactionMetadata.prepareAddPartitions, which is to set txnStartTimestamp",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "aborted-unasked" in "swarm-requests", seed 1,
        meaning: "Transactions of a transactional id count as begun when its first one did: after a timeout all of \
            them are over it.",
        example: "A pipeline commits ten transactions a second. After a minute each that the coordinator happens to \
            see open is aborted, and its producer fenced, though it is some milliseconds old.",
    }

    EmptyAbortKeepsEpoch {
        name: "empty-abort-keeps-epoch",
        source: "KIP-890; TransactionCoordinator.endTransaction, without the next epoch where nothing is to be aborted",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "epoch-kept-at-end" in "swarm-requests", seed 5,
        meaning: "An abort of a transaction of which the coordinator knows nothing is answered in the same epoch \
            (transaction version 2).",
        example: "The only batch of a transaction lies on the way, and its producer aborts. The batch comes when the \
            next transaction has begun, in the same epoch: it is committed with that.",
    }

    OffsetsStayWithDeposed {
        name: "txn-offsets-stay-with-deposed",
        source: "TransactionManager.TxnOffsetCommitHandler, without lookupCoordinator",
        affected: Affected::Never,
        side: Client,
        shows: "liveness" / "no-coordinator-asked" in "swarm-transactions", seed 5,
        meaning: "A producer whose offsets are answered with `NOT_COORDINATOR` sends them to the same broker again.",
        example: "A group gets another coordinator while a transaction commits its offsets. They go to the one before, \
            again and again, until the transaction has timed out: it is all to be done anew.",
    }

    LateDecisionForgotten {
        name: "late-decision-forgotten",
        source: "KIP-98; TransactionStateManager.appendTransactionToLog, which resets pendingState after any error",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        shows: "visibility" / "illegal-txn-transition" in "late-decision", seed 51,
        meaning: "A coordinator takes what was not committed within the transaction's timeout for never written, \
            though it is in its log: it may decide otherwise, and both decisions are committed.",
        example: "Followers are slow, and the decision to commit a transaction is not committed in time. Its \
            coordinator aborts the transaction, and dies: the next one has heard of the commit alone and writes \
            markers, and who is elected after that has both decisions in its log.",
    }
} }
