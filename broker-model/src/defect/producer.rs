//! Weak rules of Java's producer.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Weak rules of Java's producer.
ProducerDefect {
    RenumbersInFlight {
        name: "renumbers-in-flight",
        source: "KIP-360, KAFKA-8805; TxnPartitionEntry.startSequencesAtBeginning",
        affected: Affected::Open { since: Version::new(2, 5, 0) },
        side: Client,
        shows: "offsets" / "duplicate" in "unheard-producer", seed 2,
        meaning: "When an idempotent producer takes its next epoch, it numbers all that is in flight on \
            the partition anew, what may be in the log under its old number included.",
        example: "Five batches are in the log of the old leader and its followers, five more in that of \
            the new one; no answer arrives. The first is sent again, but the broker remembers only \
            the last five and refuses it. The producer bumps its epoch and sends all ten as sequences \
            0 to 9 of the new epoch: to the broker they are news, and the records are there twice.",
    }

    FirstBatchesTogether {
        name: "first-batches-together",
        source: "KAFKA-14312, KAFKA-15591, KAFKA-5494; RecordAccumulator.shouldStopDrainBatchesForPartition",
        affected: Affected::Open { since: Version::new(1, 0, 0) },
        side: Client,
        shows: "ordering" / "seq-gap" in "impatient-producers", seed 2,
        meaning: "A producer has several batches of an epoch in flight before the first is acknowledged: a broker that \
            has no state of it takes whatever sequence comes first, one that knows an older epoch refuses all but \
            the first (epoch-not-from-zero).",
        example: "A producer sends its first two batches. The broker does not lead yet when the first \
            arrives, and leads when the second does: it knows nothing of the producer and takes \
            sequence 1. The first is refused as out of order from then on.",
    }

    OldEpochAcksCount {
        name: "old-epoch-acks-count",
        source: "KAFKA-8805; TransactionManager.handleCompletedBatch",
        affected: Affected::Open { since: Version::new(2, 5, 0) },
        side: Client,
        shows: "replication" / "stale-answer-applied" in "impatient-producers", seed 3,
        meaning: "When a batch that has expired is acknowledged after all, its sequence counts as the last one of the \
            partition although the producer is in a newer epoch by then.",
        example: "A batch of epoch 0 with sequence 40 expires, and the producer begins anew with epoch 1. The old \
            batch is acknowledged: the producer takes 40 for what the broker has of epoch 1, and its first batches for \
            such that follow others. The first is lost and the second taken, as the broker knows nothing of epoch 1; \
            or the second is refused, and as it is not 41, no gap is seen and it is sent again in vain.",
    }

    ExpiryUnmarked {
        name: "expiry-unmarked",
        source: "KAFKA-5494; Sender.sendProducerData, ProducerBatch.inRetry",
        affected: Affected::Open { since: Version::new(1, 0, 0) },
        side: Client,
        shows: "ordering" / "seq-gap" in "impatient-producers", seed 17,
        meaning: "A batch that expires in its first attempt is forgotten with its sequence: what follows it \
            is refused as out of order and sent again in vain until it expires, too.",
        example: "A batch lingers, is sent late and lost with its connection as it expires. The next ten \
            batches carry the sequences after it. The broker misses those before and refuses each, \
            again and again, until `delivery.timeout.ms` is over for each.",
    }

    EpochsOutliveTopics {
        name: "epochs-outlive-topics",
        source: "KAFKA-12257; Metadata.updateLatestMetadata",
        affected: Affected::Fixed { since: Version::new(2, 1, 0), fixed: &[Version::new(3, 0, 0)] },
        side: Client,
        shows: "liveness" / "producer-stuck" in "delete-and-recreate", seed 9,
        meaning: "A client takes the metadata of a topic that was created again for old: its epochs are lower than \
            those of the \
            topic before.",
        example: "A topic has had five elections when it is deleted and created again. Its producers go on sending to \
            the leaders of the old one, which know nothing of it, until the new one has had five elections as well.",
    }

    GoneTopicsKeepEpochs {
        name: "gone-topics-keep-epochs",
        source: "KAFKA-13488; Metadata.updateLatestMetadata",
        affected: Affected::Fixed {
            since: Version::new(2, 1, 0),
            fixed: &[Version::new(3, 0, 1), Version::new(3, 1, 1), Version::new(3, 2, 0)],
        },
        side: Client,
        shows: "liveness" / "producer-stuck" in "delete-and-recreate", seed 2,
        meaning: "A client that has been told meanwhile that there is no such topic does not know its id any more, \
            and so does \
            not see that the topic of that name is another one: lower epochs are taken for old.",
        example: "A topic is deleted, and its producer is answered that it is unknown. It is created again a moment \
            later: the producer keeps the last epoch that it knew of the old one, and sends nothing to the new one.",
    }

    LostTopicsForgetEpochs {
        name: "lost-topics-forget-epochs",
        source: "KAFKA-13488; Metadata.updateLatestMetadata",
        affected: Affected::Open { since: Version::new(3, 0, 1) },
        side: Client,
        shows: "leadership" / "acts-in-older-epoch" in "delete-and-recreate", seed 53,
        meaning: "A client that has been told that there is no such topic takes whatever epoch it is told next, of \
            the same topic \
            as well: what it knew of its epochs is gone with the id.",
        example: "A topic is created again, and has had two elections. A broker that has not heard of it says that \
            there is \
            no such topic; another one that lags says that it is led in epoch 0: the client goes back to the first \
            leader.",
    }

    BumpKeepsSequences {
        name: "bump-keeps-sequences",
        source: "KAFKA-12152, KAFKA-13794; TransactionManager.bumpIdempotentProducerEpoch",
        affected: Affected::Fixed { since: Version::new(2, 5, 0), fixed: &[Version::new(2, 8, 0)] },
        side: Client,
        shows: "ordering" / "epoch-not-from-zero" in "swarm", seed 2,
        meaning: "A producer that begins a new epoch numbers from 0 only where batches are in flight, and goes on \
            where it was on its other partitions.",
        example: "A batch fails on one partition, and the producer bumps its epoch. On another one, which rested, it \
            goes on with sequence 40: a first batch of an epoch must be numbered 0, so all that it sends there \
            is refused.",
    }

    UnsureToldAsFailed {
        name: "unsure-told-as-failed",
        source: "KIP-98; Sender.failBatch, TimeoutException, NotEnoughReplicasAfterAppendException",
        affected: Affected::Never,
        side: Client,
        shows: "visibility" / "G1a" in "swarm", seed 2,
        meaning: "A producer says that a record was not written, though an attempt may have reached a log.",
        example: "A connection is lost amid a produce, and the time of the batch is up. The application is told that \
            its record failed and sends another in its place: consumers get both.",
    }

    PartitionNotMuted {
        name: "partition-not-muted",
        source: "KAFKA-3197; Sender.guaranteeMessageOrder, RecordAccumulator.mutePartition",
        affected: Affected::Fixed { since: Version::new(0, 9, 0), fixed: &[Version::new(0, 10, 0)] },
        side: Client,
        shows: "ordering" / "nonmonotonic-send" in "swarm", seed 6,
        meaning: "With a single request in flight and without idempotence, a partition does not wait for its batch on \
            the wire when another broker leads it.",
        example: "A batch is on the wire to a leader that has just been deposed. The next one goes to the new leader \
            and is appended; the first is refused, sent again, and comes after it.",
    }

    RenumbersUnordered {
        name: "renumbers-unordered",
        source: "KAFKA-8483, the heap of 1.0 to 2.2 at the new epochs of KIP-360; TransactionManager",
        affected: Affected::Never,
        side: Client,
        with: ["renumbers-in-flight"],
        shows: "ordering" / "nonmonotonic-send" in "unheard-producer", seed 2,
        meaning: "Batches in flight are kept in a heap, and numbered anew as they lie in it, which is not the order in \
            which they were sent.",
        example: "Five batches are in flight and the first is answered, so that the last one takes its place in the \
            heap before it sinks. What is left is numbered anew: the second of them comes after the third.",
    }

    DeliveryTimeBeginsAnew {
        name: "delivery-time-begins-anew",
        source: "KIP-91; ProducerBatch.hasReachedDeliveryTimeout",
        affected: Affected::Never,
        side: Client,
        shows: "liveness" / "send-past-delivery-timeout" in "swarm", seed 2,
        meaning: "delivery.timeout.ms begins anew with each retry.",
        example: "A partition has no leader for ten minutes. A producer that was told to give up after two goes on for \
            all of them, and its application waits.",
    }
} }
