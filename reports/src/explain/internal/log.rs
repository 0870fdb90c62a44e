//! What the watch can see of logs.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 37] = [
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
        meaning: "A member of ISR or ELR, or the last known leader where nobody is in them, truncated \
                  committed records that it held.",
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
        name: "divergence-kept",
        kind: Kind::InternalAnomaly,
        meaning: "A replica that was told where its log parts from its leader's kept something behind that.",
        example: "A follower has records of epochs 4 and 5, its leader of 3 and 6. Told that epoch 3 ends at 70, it \
            cuts there and keeps what it had of epoch 4 below.",
        legal: "Never.",
        source: "KIP-279, KAFKA-6361",
    },
    Entry {
        name: "recovery-point-ahead",
        kind: Kind::InternalAnomaly,
        meaning: "The recovery point on a disk that lost power was above what had been flushed.",
        example: "A log is cut and written anew, and the checkpoint still says what was flushed before the cut: after \
            the next power loss, recovery does not look at records that are torn.",
        legal: "Never.",
        source: "LogManager.truncateTo, LocalLog.markFlushed",
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
    Entry {
        name: "cleaned-past-stable",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner took a committed record for one that is not committed, or not decided.",
        example: "A key's committed value is taken since a newer one is in the log; that is cut, and the key has no \
                  value any more.",
        legal: "Never.",
        source: "KAFKA-13194",
    },
    Entry {
        name: "latest-value-lost",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner took the last committed record of a key.",
        example: "A table that is rebuilt from the topic lacks a key that was never deleted.",
        legal: "Never.",
        source: "KIP-58; LogCompactionTester",
    },
    Entry {
        name: "tombstone-removed-early",
        kind: Kind::InternalAnomaly,
        meaning: "A tombstone went before delete.retention.ms was over, since it was first cleaned.",
        example: "A consumer has read a key's value; the tombstone is gone when it comes there, and its table \
            keeps the key for ever.",
        legal: "Never.",
        source: "KIP-534, KAFKA-4529",
    },
    Entry {
        name: "tombstone-without-horizon",
        kind: Kind::InternalAnomaly,
        meaning: "A tombstone was cleaned and not given a time at which it may go: it stays for ever.",
        example: "Keys come and go; each that is gone leaves a tombstone, and the log grows without end.",
        legal: "Never.",
        source: "KIP-534; MemoryRecords.filterTo",
    },
    Entry {
        name: "cleaned-too-young",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner was at records that were younger than min.compaction.lag.ms.",
        example: "A consumer that is to see every change of a key within a minute finds the last one alone.",
        legal: "Never.",
        source: "KIP-58; LogCleanerManager.cleanableOffsets",
    },
    Entry {
        name: "compaction-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A record that was replaced stayed in a log for longer than max.compaction.lag.ms and the cleaner \
            allow.",
        example: "What a person asked to be deleted is to be gone within a day, and is there after a month, since \
            little else of the log has changed.",
        legal: "While a fault lasts at the node, and in a log to which nothing is appended any more.",
        source: "KIP-354; LogCleanerManager.maxCompactionDelay",
    },
    Entry {
        name: "retention-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "Records stayed in a log for longer than retention.ms or retention.bytes and the checks of its \
            broker allow.",
        example: "A topic keeps its records for a day, and those of last week are there.",
        legal: "While a fault lasts at the node, and for two intervals of log.retention.check.interval.ms.",
        source: "UnifiedLog.deleteOldSegments",
    },
    Entry {
        name: "marker-removed-early",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner took a transaction's marker, and left something of the transaction.",
        example: "Records of an aborted transaction are left, and nothing says any more that they do not count.",
        legal: "Never.",
        source: "KAFKA-8351, KAFKA-13727",
    },
    Entry {
        name: "replaced-value-kept",
        kind: Kind::InternalAnomaly,
        meaning: "A cleaned part of a log has two records of one key.",
        example: "Records that took the place of those that were cut count as clean, and are never looked at.",
        legal: "When a disk lied about syncs.",
        source: "LogCleanerManager.maybeTruncateCheckpoint",
    },
    Entry {
        name: "cleaned-into-others",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner left batches or records that were not there.",
        example: "A cleaned batch ends at another offset than the one that it was made of.",
        legal: "Never.",
        source: "MemoryRecords.filterTo",
    },
    Entry {
        name: "round-end-lost",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner left nothing of the last batch of its round.",
        example: "The active segment is lost with the power, and the log ends where the last record is that was left.",
        legal: "Never.",
        source: "KAFKA-17076",
    },
    Entry {
        name: "producer-batch-removed",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner left nothing of the last batch of a producer.",
        example: "A replica that reads the log anew takes the producer's retry for a new batch.",
        legal: "Never.",
        source: "KAFKA-5490, KAFKA-8335",
    },
    Entry {
        name: "epoch-start-removed",
        kind: Kind::InternalAnomaly,
        meaning: "The cleaner left nothing of the batch with which a leader's epoch begins.",
        example: "A replica copies the log, begins the epoch later, and is elected. It tells one that was away that \
                  the epoch before went on: records that nobody else has stay there.",
        legal: "Never, though Kafka does so.",
        source: "KIP-101; LeaderEpochFileCache.assign",
    },
    Entry {
        name: "hole-in-log",
        kind: Kind::InternalAnomaly,
        meaning: "A log was opened that lacks records which no cleaner had taken.",
        example: "A swap file is deleted at boot, after the segments whose place it was to take.",
        legal: "When the disk itself was damaged.",
        source: "LogLoader.load",
    },
];

pub(super) static INVARIANTS: [Entry; 10] = [
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
        example: "Broken by recovery-lost-records, recovery-invented-records, recovery-point-ahead.",
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
    Entry {
        name: "divergence",
        kind: Kind::Invariant,
        meaning: "A replica cuts all that its leader does not have.",
        example: "Broken by divergence-kept.",
        legal: "Never.",
        source: "KIP-279",
    },
    Entry {
        name: "compaction",
        kind: Kind::Invariant,
        meaning: "Of each key the last value survives, and its deletion until every reader can have seen it.",
        example: "Broken by cleaned-past-stable, latest-value-lost, tombstone-removed-early, \
                  tombstone-without-horizon, cleaned-too-young, marker-removed-early, replaced-value-kept, \
                  cleaned-into-others, round-end-lost, \
                  producer-batch-removed, epoch-start-removed, hole-in-log.",
        legal: "Never.",
        source: "KIP-58, KIP-534",
    },
    Entry {
        name: "retention-due",
        kind: Kind::Invariant,
        meaning: "What retention.ms and retention.bytes let go is gone after log.retention.check.interval.ms.",
        example: "Broken by retention-overdue.",
        legal: "In topics that are compacted, while a fault lasts at the node, where clocks are wrong, and where \
            applications give records their times.",
        source: "LogManager.cleanupLogs, UnifiedLog.deleteOldSegments",
    },
    Entry {
        name: "compaction-due",
        kind: Kind::Invariant,
        meaning: "What was replaced in a compacted log is gone when max.compaction.lag.ms is over.",
        example: "Broken by compaction-overdue.",
        legal: "While a fault lasts at the node, in a log to which nothing is appended any more, and where clocks are \
            wrong.",
        source: "KIP-354; LogConfig.maxSegmentMs, LogCleanerManager.maxCompactionDelay",
    },
];
