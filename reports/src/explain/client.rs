//! What clients can see.

use super::entry::{Entry, Kind};

pub(super) static ENTRIES: [Entry; 19] = [
    Entry {
        name: "lost-write",
        kind: Kind::ClientAnomaly,
        meaning: "An acknowledged record is passed over: reads of its partition went on beyond its \
                  offset without it.",
        example: "Acknowledged a@0, b@1, c@2; readers get a and c only.",
        legal: "With acks other than all after a failover; when the configuration allows loss \
                  (an unclean election, or min.insync.replicas brokers losing data in between); \
                  with read_uncommitted, of a transaction of unknown outcome. Retention may \
                  remove a prefix, and compaction what a later record of its key replaces.",
        source: "Jepsen lost-write",
    },
    Entry {
        name: "unseen",
        kind: Kind::ClientAnomaly,
        meaning: "An acknowledged record was in no read by the end of the final reads: it is lost, or \
                  it is stuck.",
        example: "Acknowledged a@0 and b@1; the final reads end after a.",
        legal: "As for lost-write. Still open transactions are no excuse after the heal.",
        source: "Jepsen unseen",
    },
    Entry {
        name: "duplicate",
        kind: Kind::ClientAnomaly,
        meaning: "One value is at more than one offset of its partition.",
        example: "A record is acknowledged at offset 4 and read at 5 as well.",
        legal: "With enable.idempotence=false: a retry may append again. When the configuration \
                  allows loss (an unclean election, or min.insync.replicas brokers losing data \
                  in between).",
        source: "Jepsen duplicate; KIP-98",
    },
    Entry {
        name: "inconsistent-offsets",
        kind: Kind::ClientAnomaly,
        meaning: "One offset has carried two different records.",
        example: "b is acknowledged at offset 1, and readers find c there.",
        legal: "acks other than all after a failover, unless both were read; when the \
                  configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "Jepsen inconsistent-offsets; KIP-101",
    },
    Entry {
        name: "nonmonotonic-send",
        kind: Kind::ClientAnomaly,
        meaning: "A producer's later send got an offset at or below that of an earlier one.",
        example: "The same producer is acknowledged a@5, then b@3.",
        legal: "With enable.idempotence=false, if several requests are in flight or the outcome \
                  of one is not known; with acks other than all after a failover; when the \
                  configuration allows loss (an unclean election, or min.insync.replicas brokers \
                  losing data in between).",
        source: "Jepsen nonmonotonic-send; KIP-98",
    },
    Entry {
        name: "int-nonmonotonic-send",
        kind: Kind::ClientAnomaly,
        meaning: "Two sends of one operation are in reverse order in the log.",
        example: "One transaction sends a, then b, and is acknowledged a@3, b@1.",
        legal: "As for nonmonotonic-send.",
        source: "Jepsen int-nonmonotonic-send",
    },
    Entry {
        name: "realtime-order",
        kind: Kind::ClientAnomaly,
        meaning: "A send that began after another was acknowledged got an offset at or below it.",
        example: "a is acknowledged at 7; then another client sends b, which is acknowledged at 6.",
        legal: "With acks other than all after a failover; when the configuration allows loss \
                  (an unclean election, or min.insync.replicas brokers losing data in between).",
        source: "Redpanda chaos tests; Jepsen G0-realtime",
    },
    Entry {
        name: "garbage-read",
        kind: Kind::ClientAnomaly,
        meaning: "A poll returned a value that nobody sent to that partition.",
        example: "The record at offset 1 holds a value that is in no send.",
        legal: "Never.",
        source: "Jepsen no-writer-of-value",
    },
    Entry {
        name: "nonmonotonic-poll",
        kind: Kind::ClientAnomaly,
        meaning: "A consumer that kept its assignment got records again that it had read.",
        example: "One poll ends at offset 1, the next starts at offset 1.",
        legal: "After an assignment or a seek; of a subscribed consumer that may have lost its \
                  partitions in between; when a legal duplicate comes by; when the configuration \
                  allows loss (an unclean election, or min.insync.replicas brokers losing data \
                  in between).",
        source: "Jepsen nonmonotonic-poll",
    },
    Entry {
        name: "int-nonmonotonic-poll",
        kind: Kind::ClientAnomaly,
        meaning: "One poll goes back within a partition.",
        example: "A poll returns offset 2, then offset 1.",
        legal: "If the partition was rebalanced meanwhile; when a legal duplicate comes by; when \
                  the configuration allows loss (an unclean election, or min.insync.replicas \
                  brokers losing data in between).",
        source: "Jepsen int-nonmonotonic-poll",
    },
    Entry {
        name: "poll-skip",
        kind: Kind::ClientAnomaly,
        meaning: "A consumer that kept its assignment jumped over records that exist.",
        example: "One poll ends at offset 0, the next starts at 2, and another reader finds a record \
                  at 1.",
        legal: "After an assignment or a seek; of a subscribed consumer that may have lost its \
                  partitions in between; over records below the log start or compacted away, \
                  records with acks other than all that nobody read; when the configuration \
                  allows loss (an unclean election, or min.insync.replicas brokers losing data \
                  in between).",
        source: "Jepsen poll-skip",
    },
    Entry {
        name: "int-poll-skip",
        kind: Kind::ClientAnomaly,
        meaning: "One poll jumps over records that exist.",
        example: "A poll returns offsets 0 and 2, and offset 1 is acknowledged.",
        legal: "If the partition was rebalanced meanwhile; over records below the log start or \
                  compacted away, records with acks other than all that nobody read; when the \
                  configuration allows loss (an unclean election, or min.insync.replicas brokers \
                  losing data in between).",
        source: "Jepsen int-poll-skip",
    },
    Entry {
        name: "G1a",
        kind: Kind::ClientAnomaly,
        meaning: "A poll returned the value of a send or transaction that failed.",
        example: "A transaction is aborted and a reader finds its record.",
        legal: "With isolation.level=read_uncommitted, of a transaction. A plain send that \
                  failed must never be there.",
        source: "Adya's G1a, aborted read; Jepsen G1a",
    },
    Entry {
        name: "precommitted-read",
        kind: Kind::ClientAnomaly,
        meaning: "A transaction read what it had written itself before it committed.",
        example: "One transaction sends a and polls a.",
        legal: "With isolation.level=read_uncommitted.",
        source: "Jepsen precommitted-read",
    },
    Entry {
        name: "stale-end-offset",
        kind: Kind::ClientAnomaly,
        meaning: "A partition's end offset does not cover a record that somebody knew of before the call \
                  began: a poll had returned it, or a send was told that it is there.",
        example: "A poll returns the record at offset 5; afterwards a client is told that the end is 3.",
        legal: "When a deposed leader may answer that has not heard of it; of what a send with acks \
                  other than all was told, after a failover; of what any send was told, while \
                  transactions hold the last stable offset back; when the configuration allows loss.",
        source: "KIP-207; ListOffsets",
    },
    Entry {
        name: "lost-commit",
        kind: Kind::ClientAnomaly,
        meaning: "A member that got a partition began before the offset that its group had committed, \
                  so it processes again what was processed: the commit is gone.",
        example: "A commit of 1,200 is acknowledged; after a rebalance the next member begins at 0.",
        legal: "When the group's offsets may have expired (offsets.retention.minutes), or an unclean \
                  election or lost data of brokers may have taken them, or the record's partition \
                  itself was cut back. A commit that was not acknowledged may never have been.",
        source: "Kafka's group coordinator; GroupMetadataManager",
    },
    Entry {
        name: "end-offset-regression",
        kind: Kind::ClientAnomaly,
        meaning: "A partition's end offset went back between two calls that do not overlap.",
        example: "ListOffsets says 5, later 4.",
        legal: "Of a deposed leader that has not heard of it, where the answers' epochs are \
                  watched from inside; where who asked first may read what is not committed, and \
                  open transactions hold the last stable offset of who asked then back; when the \
                  configuration allows loss (an unclean election, \
                  or min.insync.replicas brokers losing data in between).",
        source: "KIP-207",
    },
    Entry {
        name: "checker-disagreement",
        kind: Kind::ClientAnomaly,
        meaning: "A check of the client history and the true state of the cluster contradict each other, \
                  so that one of them is wrong.",
        example: "A record that a poll returned is called unseen; or an acks=all record is missing from \
                  the committed log, and the watch saw neither a loss nor a broken rule.",
        legal: "Never: it is a bug of Harrow.",
        source: "Harrow",
    },
    Entry {
        name: "model-panic",
        kind: Kind::ClientAnomaly,
        meaning: "An assertion of the model failed and ended the run.",
        example: "A node appends elsewhere than at its log end.",
        legal: "Once allowed damage has cost the quorum metadata that it had committed: the model takes \
                  for granted that it does not.",
        source: "Harrow",
    },
];
