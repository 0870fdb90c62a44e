//! What the watch can see of logs.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 21] = [
    Entry {
        name: "mirror-mismatch",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's log is not what the replica stated of it: all other invariants judged \
                  something else.",
        example: "A truncation that no note stated.",
        legal: "Never.",
        source: "Harrow",
    },
    Entry {
        name: "committed-truncation",
        kind: Kind::InternalAnomaly,
        meaning: "A member of ISR or ELR truncated committed records that it held.",
        example: "A follower cuts its log at its own high watermark, two records below what is \
                  committed.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KIP-101; RaftEventSimulationTest",
    },
    Entry {
        name: "log-matching",
        kind: Kind::InternalAnomaly,
        meaning: "Two logs hold different records where they must be equal.",
        example: "Offset 5 below the high watermark is one batch on broker 1 and another on broker 2.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "append-not-at-end",
        kind: Kind::InternalAnomaly,
        meaning: "A batch was appended elsewhere than at the log end.",
        example: "Log end 7, appended at 9.",
        legal: "Never.",
        source: "UnifiedLog.append",
    },
    Entry {
        name: "record-epoch-order",
        kind: Kind::InternalAnomaly,
        meaning: "A batch's epoch is below that of the batch before it, or above the epoch in which \
                  its node acts.",
        example: "Epochs 2, 3, 2 in one log.",
        legal: "Never.",
        source: "LeaderEpochFileCache",
    },
    Entry {
        name: "recovery-lost-records",
        kind: Kind::InternalAnomaly,
        meaning: "A log is shorter after a crash that lost nothing.",
        example: "After a process crash the last segment is gone.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LogLoader",
    },
    Entry {
        name: "recovery-invented-records",
        kind: Kind::InternalAnomaly,
        meaning: "A log holds batches after a crash that were not in it before.",
        example: "A torn tail is not cut.",
        legal: "Never.",
        source: "LogLoader",
    },
    Entry {
        name: "recovery-lost-flushed",
        kind: Kind::InternalAnomaly,
        meaning: "A log lacks records after a power loss that had been flushed before.",
        example: "Flushed up to 20; after the restart the log ends at 12.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LogLoader",
    },
    Entry {
        name: "recovery-out-of-bounds",
        kind: Kind::InternalAnomaly,
        meaning: "A reopened log's high watermark is outside of it.",
        example: "Log end 12, high watermark 20 from an old checkpoint.",
        legal: "Never.",
        source: "LogLoader",
    },
    Entry {
        name: "committed-lost-everywhere",
        kind: Kind::InternalAnomaly,
        meaning: "No replica holds all committed records any more, though fewer lost data than \
                  the configuration survives.",
        example: "One broker of three lost power, and the other two had cut the record away.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas \
                  brokers losing data.",
        source: "KIP-966; NoCommittedRecordLostGlobally",
    },
    Entry {
        name: "replica-divergence",
        kind: Kind::InternalAnomaly,
        meaning: "At the end of a run, a replica holds other records below its high watermark \
                  than those committed.",
        example: "After convergence, offset 5 differs on broker 3.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas \
                  brokers losing data.",
        source: "TigerBeetle's storage checker",
    },
    Entry {
        name: "retained-too-short",
        kind: Kind::InternalAnomaly,
        meaning: "Records were deleted before retention.ms or retention.bytes let them go.",
        example: "retention.ms is 60000, and what was appended 20 s ago is gone.",
        legal: "When the clock of a broker or of a producer was set wrong: retention goes by both.",
        source: "UnifiedLog.deleteOldSegments",
    },
    Entry {
        name: "log-start-ahead-of-leader",
        kind: Kind::InternalAnomaly,
        meaning: "A follower deleted records for its leader that no other replica has deleted.",
        example: "Every other log begins at 10, the follower's at 12 as its leader is said to have it.",
        legal: "Never.",
        source: "KIP-107; ReplicaFetcherThread.processPartitionData",
    },
    Entry {
        name: "log-start-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's log start went back although its log holds records.",
        example: "From 30 back to 10: deleted records are offered again.",
        legal: "When the disk itself was damaged.",
        source: "KIP-107",
    },
    Entry {
        name: "deleted-records-return",
        kind: Kind::InternalAnomaly,
        meaning: "A replica leads that has records which a client was told are deleted on all live replicas.",
        example: "DeleteRecords below 40 was confirmed; the new leader's log starts at 0.",
        legal: "For a replica that was down then, or has lost data since.",
        source: "KIP-107; Partition.lowWatermarkIfLeader",
    },
    Entry {
        name: "log-start-above-commit",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's log start moved above what is committed.",
        example: "Committed up to 10, log start 12.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas \
                  brokers losing data.",
        source: "KIP-107; UnifiedLog.maybeIncrementLogStartOffset",
    },
    Entry {
        name: "epoch-end-wrong",
        kind: Kind::InternalAnomaly,
        meaning: "A leader returned an end offset of an epoch that is not where the epoch ends in its \
                  log.",
        example: "Epoch 2 ends at 10 in its log; a follower is told 11 and keeps a record \
                  that nobody else has.",
        legal: "Never.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "epoch-cache-mismatch",
        kind: Kind::InternalAnomaly,
        meaning: "A replica takes epochs to begin elsewhere than they do in its own log.",
        example: "After a cut to 10, its cache still says that epoch 3 began at 12.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LeaderEpochFileCache",
    },
    Entry {
        name: "recovery-kept-damage",
        kind: Kind::InternalAnomaly,
        meaning: "A log was opened with more or less than the sound batches in its files.",
        example: "A torn batch at the end is kept: consumers can never read past it.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LogLoader, LogSegment.recover",
    },
    Entry {
        name: "own-replica-discarded",
        kind: Kind::InternalAnomaly,
        meaning: "A broker gave up the log of a partition of which it is a replica.",
        example: "Broker 2 deletes orders-0 although its metadata names it as a replica.",
        legal: "Never.",
        source: "ReplicaManager.applyDelta",
    },
    Entry {
        name: "stray-log",
        kind: Kind::InternalAnomaly,
        meaning: "A broker keeps a log of a partition of which it is no replica any more.",
        example: "Broker 2 was down while orders-0 moved away, and still has its log at the end.",
        legal: "Never.",
        source: "KAFKA-13127; LogManager.isStrayKraftReplica",
    },
];

pub(super) static INVARIANTS: [Entry; 6] = [
    Entry {
        name: "mirror",
        kind: Kind::Invariant,
        meaning: "Replicas state every change of their logs, truthfully.",
        example: "Broken by mirror-mismatch.",
        legal: "Never.",
        source: "Harrow",
    },
    Entry {
        name: "log-recovery",
        kind: Kind::Invariant,
        meaning: "A reopened log is a prefix of what was written, and all of it if nothing was lost.",
        example: "Broken by recovery-lost-records, recovery-invented-records.",
        legal: "When the disk itself was damaged.",
        source: "LogLoader",
    },
    Entry {
        name: "retention",
        kind: Kind::Invariant,
        meaning: "Records are kept for retention.ms, and retention.bytes of them.",
        example: "Broken by retained-too-short, log-start-ahead-of-leader.",
        legal: "Clocks that were set wrong make records seem older.",
        source: "KIP-107, UnifiedLog.deleteOldSegments",
    },
    Entry {
        name: "log-start",
        kind: Kind::Invariant,
        meaning: "A log start moves up, over committed records only.",
        example: "Broken by log-start-regress, log-start-above-commit, deleted-records-return.",
        legal: "A log that starts again empty may start anywhere.",
        source: "KIP-107",
    },
    Entry {
        name: "epoch-ends",
        kind: Kind::Invariant,
        meaning: "Starts and ends of epochs are known and returned as the log has them.",
        example: "Broken by epoch-end-wrong, epoch-cache-mismatch.",
        legal: "Never.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "given-up-replicas",
        kind: Kind::Invariant,
        meaning: "A broker has the logs of its replicas, and gives up no others.",
        example: "Broken by own-replica-discarded, stray-log.",
        legal: "Never.",
        source: "KIP-455, KIP-516",
    },
];
