//! Mistakes of applications: Kafka keeps what it promises, and records are lost or processed twice all the same.

use super::entry::family;
use super::version::Affected;

family! {
/// Mistakes of applications.
ApplicationDefect {
    CommitsBeforeProcessing {
        name: "commits-before-processing",
        source: "KafkaConsumer's documentation on manual commits",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-loss" in "at-least-once", seed 1,
        meaning: "An application that promises to process each record at least once commits what it has read \
            before it has processed it.",
        example: "A consumer polls 20 records, commits, and dies amid processing them. Whoever gets its \
            partitions begins behind them: the rest is never processed.",
    }
    IgnoresRevocation {
        name: "ignores-revocation",
        source: "ConsumerRebalanceListener's documentation, onPartitionsRevoked; KIP-447",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-duplicate" in "exactly-once", seed 15,
        meaning: "An application reads ahead while it processes, and when partitions are taken from it, it goes on \
            with what it has read of them, and commits that.",
        example: "A consumer has polled 20 records and polls again before it has processed them. Their partition goes \
            to another member meanwhile, which processes them, too. The first one commits as the member that it still \
            is: nobody refuses it.",
    }
    KeepsPositionAfterAbort {
        name: "keeps-position-after-abort",
        source: "Kafka's example ExactlyOnceMessageProcessor, resetToLastCommittedPositions",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-loss" in "exactly-once", seed 12,
        meaning: "An application whose transaction is aborted polls on, and does not go back to what its group has \
            committed.",
        example: "A transaction that processes offsets 10 to 19 is aborted. The next poll returns 20 to 29, and the \
            next transaction commits 30: what was to be processed from 10 to 19 never is.",
    }
    SharesTransactionalId {
        name: "shares-transactional-id",
        source: "ProducerConfig's documentation on transactional.id",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "eos-loss" in "exactly-once", seed 44,
        meaning: "All members of a group that process exactly once use one transactional id.",
        example: "Two members begin. The second one fences the first and has its transaction aborted; that begins \
            anew, and fences the second one, and so on: records are read hundreds of times and never processed.",
    }
} }
