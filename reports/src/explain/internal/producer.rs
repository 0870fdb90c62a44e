//! What the watch can see of producers.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 15] = [
    Entry {
        name: "ack-before-commit",
        kind: Kind::InternalAnomaly,
        meaning: "A produce with acks=all was acknowledged before its records were committed.",
        example: "The leader answers as soon as its own log has them.",
        legal: "Never.",
        source: "KIP-101; DelayedProduce",
    },
    Entry {
        name: "ack-of-other-record",
        kind: Kind::InternalAnomaly,
        meaning: "A produce was acknowledged at offsets where other records are committed.",
        example: "A retry is answered with offset 0 although it is at offset 5.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "duplicate-seq",
        kind: Kind::InternalAnomaly,
        meaning: "A sequence number of a producer is committed twice.",
        example: "A retry is appended although the first try is in the log.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "seq-gap",
        kind: Kind::InternalAnomaly,
        meaning: "A sequence number of a producer is missing between two committed ones.",
        example: "Sequences 0 and 2 are committed, 1 never was.",
        legal: "Never.",
        source: "KIP-98; ProducerAppendInfo",
    },
    Entry {
        name: "producer-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A producer's epoch fell in a committed log.",
        example: "Epoch 2, then epoch 1 of one producer id.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "ack-below-min-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A produce with acks=all was acknowledged while fewer replicas than \
                  min.insync.replicas were in sync.",
        example: "min.insync.replicas=2, ISR {1}: the leader answers success.",
        legal: "Never.",
        source: "KIP-497; Partition.checkEnoughReplicasReachOffset",
    },
    Entry {
        name: "needless-refusal",
        kind: Kind::InternalAnomaly,
        meaning: "A produce was refused for lack of in-sync replicas although the leader knew \
                  of enough.",
        example: "ISR {1, 2}, min.insync.replicas=2: not enough replicas, says the leader.",
        legal: "Never.",
        source: "Partition.appendRecordsToLeader",
    },
    Entry {
        name: "producer-state-mismatch",
        kind: Kind::InternalAnomaly,
        meaning: "A replica that opened or cut its log, or began to lead, knows other producers or \
                  sequences than its log has.",
        example: "After a failover, the new leader has no state of producer 7: a retry is \
                  appended again.",
        legal: "Never.",
        source: "KIP-98; ProducerStateManager",
    },
    Entry {
        name: "producer-expired-early",
        kind: Kind::InternalAnomaly,
        meaning: "A replica forgot a producer that had not rested for producer.id.expiration.ms, or has \
                  a transaction open.",
        example: "A producer stalls amid a transaction for longer than that, and is forgotten: its \
                  records are not held back any more from those who read what is committed.",
        legal: "Never.",
        source: "KIP-854; ProducerStateManager.isProducerExpired",
    },
    Entry {
        name: "producer-id-block-overlap",
        kind: Kind::InternalAnomaly,
        meaning: "The controller allocated producer ids that it had allocated before.",
        example: "Two brokers give out ids from 1000 to 1999.",
        legal: "Never.",
        source: "KIP-730",
    },
    Entry {
        name: "producer-id-reused",
        kind: Kind::InternalAnomaly,
        meaning: "A fresh producer id was given twice, or was not allocated.",
        example: "Two producers have id 1000 in epoch 0: each takes the other's records for \
                  retries.",
        legal: "Never.",
        source: "KIP-98, KIP-730",
    },
    Entry {
        name: "needless-sequence-refusal",
        kind: Kind::InternalAnomaly,
        meaning: "A leader refused a batch for its epoch or sequence that its own log allows \
                  or already has.",
        example: "The second last batch is sent again after a timeout, and is out of order, \
                  says the leader.",
        legal: "Never.",
        source: "KIP-98; ProducerStateEntry",
    },
    Entry {
        name: "epoch-not-from-zero",
        kind: Kind::InternalAnomaly,
        meaning: "A producer sent a later sequence of an epoch to a partition whose leader has nothing of that epoch.",
        example: "After a bump, one partition goes on with the sequences of the epoch before; or a second batch is in \
                  flight before the first is acknowledged, and comes to the next leader alone.",
        legal: "When the partition has lost records. Java's producer gives cause in all versions \
                (first-batches-together): by itself a refusal loses nothing, the batch is sent again behind the \
                first; a leader that knows nothing of the producer takes it instead, and the first is out of order \
                for good.",
        source: "KIP-360; KAFKA-14359, KAFKA-14312",
    },
    Entry {
        name: "append-below-min-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A leader appended a produce with acks=all while it knew of fewer replicas in \
                  sync than min.insync.replicas.",
        example: "min.insync.replicas=2, ISR {1}: the batch is in the log of 1, and its \
                  producer waits for an answer until it times out.",
        legal: "Never: not enough replicas must be the answer, before anything is appended.",
        source: "Partition.appendRecordsToLeader",
    },
    Entry {
        name: "send-past-delivery-timeout",
        kind: Kind::InternalAnomaly,
        meaning: "A producer told what became of a record only when its delivery timeout was long over.",
        example: "delivery.timeout.ms is 4000. Each attempt is refused in time and tried again, and each begins the \
                  time anew: the send ends after a minute.",
        legal: "Where the client stood still meanwhile.",
        source: "KIP-91; ProducerBatch.hasReachedDeliveryTimeout",
    },
];

pub(super) static INVARIANTS: [Entry; 5] = [
    Entry {
        name: "ack-rule",
        kind: Kind::Invariant,
        meaning: "An acknowledged record is committed at the offset returned.",
        example: "Broken by ack-before-commit, ack-of-other-record.",
        legal: "acks=0 and acks=1 promise less.",
        source: "KIP-98, KIP-101",
    },
    Entry {
        name: "producer-sequence",
        kind: Kind::Invariant,
        meaning: "The committed batches of a producer carry contiguous sequence numbers, each once.",
        example: "Broken by duplicate-seq, seq-gap, producer-epoch-regress.",
        legal: "In a trace that leaves facts out, the first sequence of a producer that is new to the partition may be \
                any.",
        source: "KIP-98",
    },
    Entry {
        name: "producer-state",
        kind: Kind::Invariant,
        meaning: "Replicas know producers as their logs do, and a producer id has one owner.",
        example: "Broken by producer-state-mismatch, producer-id-block-overlap, producer-id- \
                  reused, producer-expired-early.",
        legal: "Never.",
        source: "KIP-98, KIP-730",
    },
    Entry {
        name: "sequence-refusal",
        kind: Kind::Invariant,
        meaning: "A producer's next batch, and a repetition of one of its last five, are \
                  never refused.",
        example: "Broken by needless-sequence-refusal, epoch-not-from-zero.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "delivery-timeout",
        kind: Kind::Invariant,
        meaning: "A send has an outcome within delivery.timeout.ms, whatever faults last.",
        example: "Broken by send-past-delivery-timeout.",
        legal: "Where the client stood still meanwhile.",
        source: "KIP-91, ProducerBatch.hasReachedDeliveryTimeout",
    },
];
