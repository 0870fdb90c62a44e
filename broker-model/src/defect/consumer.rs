//! Wrong and weak rules of consumers and of who serves them.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of consumers and of who serves them.
ConsumerDefect {
    FollowerReadsToEnd {
        name: "follower-reads-to-end",
        source: "KIP-392; UnifiedLog.read",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "read-above-true-hw" in "nearest-replica", seed 1,
        meaning: "A follower gives consumers all that it has, and not only what it knows to be committed.",
        example: "A follower has a record that its leader has not committed, and a consumer in its rack reads it. \
            The leader dies, another follower is elected that lacks the record: nobody else ever reads it.",
    }

    LatestPastStable {
        name: "latest-past-stable",
        source: "KIP-98; UnifiedLog.fetchOffsetByTimestamp, Partition.fetchOffsetForTimestamp",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "offset-past-lso" in "hanging-transaction", seed 2,
        meaning: "A leader tells the high watermark for the end to whoever asks, a consumer of committed transactions \
            among them, which can read only up to the last stable offset.",
        example: "A transaction is open at offset 40, the log ends at 60. A consumer of committed transactions that \
            begins at the end is told 60: when the transaction is committed, it never reads its records.",
    }

    LatestBeforeKnown {
        name: "latest-before-known",
        source: "KIP-207, KAFKA-2334; Partition.fetchOffsetForTimestamp",
        affected: Affected::Fixed { since: Version::new(0, 8, 0), fixed: &[Version::new(2, 2, 0)] },
        side: Server,
        shows: "offsets" / "end-offset-too-early" in "quick-failover", seed 5,
        meaning: "A leader that has just been elected tells its high watermark for the end, which lags behind what \
            the leader before it has told.",
        example: "A consumer asks for the end and is told 300. The leader dies; the next one knows 280 and tells that: \
            a job that began at the end reads twenty records again.",
    }

    TimeReachesWatermark {
        name: "time-reaches-watermark",
        source: "KAFKA-5522; KafkaApis.handleOffsetRequestV1",
        affected: Affected::Fixed { since: Version::new(0, 10, 1), fixed: &[Version::new(1, 0, 0)] },
        side: Server,
        shows: "offsets" / "timed-offset-wrong" in "restless-consumers", seed 37,
        meaning: "Who asks for a time may be told the record at the high watermark, which is not committed, and who \
            reads committed transactions one that is not decided.",
        example: "A consumer seeks to noon and is told offset 300, which only the leader has. The leader dies, the \
            next one appends another record at 300, from before noon by the producer's clock.",
    }

    AbortedListUnordered {
        name: "aborted-list-unordered",
        source: "KIP-98, librdkafka 3020; CompletedFetch.consumeAbortedTransactionsUpTo",
        affected: Affected::Never,
        side: Client,
        shows: "visibility" / "G1a" in "swarm-transactions", seed 4,
        meaning: "A consumer goes through the aborted transactions that it is told of from the back, and not from the \
            first offset on.",
        example: "A fetch tells of two aborted transactions, of producer 4 from offset 10 and of producer 7 from 20. \
            The consumer waits for 20 first: what producer 4 wrote at 10 is delivered.",
    }

    PreferredOutOfIsr {
        name: "preferred-out-of-isr",
        source: "KAFKA-14372; ReplicaManager.findPreferredReadReplica",
        affected: Affected::Fixed { since: Version::new(2, 4, 0), fixed: &[Version::new(3, 4, 0)] },
        side: Server,
        shows: "leadership" / "read-replica-not-in-sync" in "nearest-replica", seed 2,
        meaning: "A leader sends consumers to a replica of their rack although that is not in the ISR.",
        example: "A follower is cut off from its leader and not from its consumers. They are sent to it, again and \
            again, and read nothing new for as long as it lasts.",
    }

    CommitsFetched {
        name: "commits-fetched",
        source: "KAFKA-18641; AsyncKafkaConsumer, SubscriptionState.allConsumed asked from the background thread",
        affected: Affected::Fixed { since: Version::new(3, 7, 0), fixed: &[Version::new(4, 0, 0)] },
        side: Client,
        shows: "offsets" / "resume-skip" in "next-gen-rebalance", seed 17,
        meaning: "A commit that does not wait, as auto-commit makes it, commits what is fetched, and not what the \
            application has got.",
        example: "A consumer has fetched 500 records and returned 10 when it commits. It dies: whoever goes on begins \
            behind 490 records that nobody has seen.",
    }

    LeaderReadsToEnd {
        name: "leader-reads-to-end",
        source: "UnifiedLog.read, FetchIsolation; Redpanda 14794",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "read-above-true-hw" in "partition-leader", seed 1,
        meaning: "A leader gives consumers all that it has, and not only what is committed.",
        example: "A consumer reads a payment that the leader has appended and nobody else. The leader dies, \
            another one takes over without that record, and the payment that was acted on never was.",
    }

    OlderFetchCounts {
        name: "older-fetch-counts",
        source: "KIP-320; FetchCollector.handleInitializeSuccess, FetchCollector.fetchRecords",
        affected: Affected::Open { since: Version::new(0, 9, 0) },
        side: Client,
        shows: "replication" / "stale-answer-applied" in "swarm-lossy", seed 196,
        meaning: "A consumer that has heard of another leader, and goes on there, takes what the one before still \
            answers for the same offset.",
        example: "A consumer at offset 99 waits for an answer of a leader that is cut off, hears that another one was \
            elected uncleanly, and asks that. The old answer comes, with offsets up to 105, which are in no log any \
            more: it goes on from 106 in the new log and misses what that has below.",
    }

    FirstEpochLost {
        name: "first-epoch-lost",
        source: "KAFKA-9724; Metadata.updateLastSeenEpochIfNewer, SubscriptionState.maybeCompleteValidation",
        affected: Affected::Open { since: Version::new(2, 5, 1) },
        side: Client,
        shows: "offsets" / "lost-commit" in "at-most-once", seed 1495,
        meaning: "A consumer that has not heard of a partition before does not remember the leader epoch that is told \
            with its commit.",
        example: "A group has committed offset 9, of epoch 1. A new consumer hears that, and of a deposed broker that \
            it leads in epoch 0; that broker knows nothing of epoch 1. What was read is taken for lost, and reading \
            begins where `auto.offset.reset` says: 240 records are processed twice, or passed over.",
    }

    PositionsNotValidated {
        name: "positions-not-validated",
        source: "KIP-320, KAFKA-7747; SubscriptionState.maybeValidatePosition",
        affected: Affected::Fixed { since: Version::new(0, 9, 0), fixed: &[Version::new(2, 3, 0)] },
        side: Client,
        shows: "ordering" / "nonmonotonic-poll" in "unclean-allowed", seed 1,
        meaning: "A consumer goes on at its offset whoever leads, and never asks where its log and the leader's \
            part.",
        example: "A consumer has read up to 99 when an unclean election leaves a log that ends at 60. If that has \
            grown past 100 when it asks next, it never gets what stands at 60 to 99 now; else its offset is out of \
            range, and it reads everything again.",
    }

    ResetsToEnd {
        name: "resets-to-end",
        source: "FetchCollector.handleInitializeErrors; OffsetFetcherUtils.resetPositionsIfNeeded, with latest for \
            every policy",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "reset-against-policy" in "retention-and-laggard", seed 1,
        meaning: "A consumer whose position is not in the log any more goes to its end, also with \
            auto.offset.reset=earliest.",
        example: "A consumer is away for longer than records are kept. It is to go on with the oldest that are there, \
            and passes over all of them.",
    }

    AsyncCommitTriedAgain {
        name: "async-commit-tried-again",
        source: "KafkaConsumer.commitAsync, ConsumerCoordinator.doCommitOffsetsAsync, which never try again",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "async-commit-repeated" in "work-queue", seed 1,
        meaning: "A commit for which the application does not wait is sent again after an error that may pass.",
        example: "A commit of 100 is refused as its coordinator loads, one of 200 is taken a moment later, and then \
            the first one is sent again: whoever has the partition next begins at 100.",
    }

    CommitEpochsOutliveTopics {
        name: "commit-epochs-outlive-topics",
        source: "KIP-320; Metadata.updateLastSeenEpochIfNewer, ConsumerUtils.refreshCommittedOffsets",
        affected: Affected::Open { since: Version::new(2, 1, 0) },
        side: Client,
        shows: "liveness" / "consumer-lag" in "recreated-and-resumed", seed 2,
        meaning: "A consumer takes the leader epoch of a commit for one of the topic that is there now: all metadata \
            of that count as old if it is of the one before.",
        example: "A topic has had an election when it is deleted and created again. A member that has not heard of \
            that commits where it stood, with epoch 1. Whoever is given the partition takes all metadata of epoch 0 \
            for old, asks for others ten times a second, and reads nothing until the new topic has had an election, \
            too.",
    }
} }
