//! Wrong and weak rules of logs and their files.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of logs and their files.
LogDefect {
    NoDedup {
        name: "no-dedup",
        source: "KIP-98",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "duplicate-seq" in "lost-response", seed 1,
        meaning: "The broker appends a batch again that it already has.",
        example: "A batch is appended and its response is lost. The producer sends it again, as it must, \
            and the record is in the log twice.",
    }

    RecoveryTrustsRemainders {
        name: "recovery-trusts-remainders",
        source: "LogSegment.recover, LogLoader.recoverLog",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        shows: "replication" / "recovery-kept-damage" in "cut-and-struck", seed 1,
        meaning: "Recovery checks that batches are whole and takes them for the log: what a truncation had \
            removed, and the power brought back, stays, next to what was written since.",
        example: "A follower cuts its log at 40 and takes the new leader's records from there. The cut was \
            not synced; its machine loses power, and the old records at 40 are back. Checksums are right, \
            so they stay; the epoch checkpoint says that they are the new leader's, so nobody sees that \
            the logs have parted. The replica joins the ISR, is elected, and what was committed is gone.",
    }

    RecoveryKeepsGaps {
        name: "recovery-keeps-gaps",
        source: "LogLoader.recoverLog",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        shows: "replication" / "recovery-kept-damage" in "flush-race", seed 2,
        meaning: "Recovery does not compare where a segment ends with where the next one begins: if the end of \
            one is lost and the next one is there, the log has a hole.",
        example: "A segment is rolled and its flush is under way; the next one is written back already. Power \
            is lost, and with it the last batches of the first. No byte is wrong, so both segments stay. \
            The replica fetches on from its end, joins the ISR, and leads a log without those records.",
    }

    CutsNotSynced {
        name: "cuts-not-synced",
        source: "FileRecords.truncateTo, LocalLog.deleteSegmentFiles, UnifiedLog.flush, LocalLog.markFlushed",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        with: ["recovery-trusts-remainders"],
        shows: "replication" / "recovery-kept-damage" in "slow-cut", seed 1,
        meaning: "A truncation is not synced: a power loss may bring back what was cut. A flush that was scheduled \
            before the cut still moves the recovery point, above what is flushed of what took its place.",
        example: "A follower cuts off what its leader does not have, and with it an epoch. The epoch is gone \
            from the checkpoint, but the file that was cut was never synced: after a power loss the \
            records are back, and nothing tells that they are not the log's.",
    }

    EpochCutsNotSynced {
        name: "epoch-cuts-not-synced",
        source: "KAFKA-15046, KAFKA-16541; LeaderEpochFileCache.truncateFromEndAsyncFlush",
        affected: Affected::Open { since: Version::new(3, 7, 0) },
        side: Server,
        shows: "durability" / "recovery-lost-records" in "slow-cut", seed 234,
        meaning: "When epochs are cut from the checkpoint it is written some time later: a power loss brings them \
            back, and they contradict the records that are there by then.",
        example: "A leader notes that its epoch 7 begins at 40, is deposed before it writes anything, and drops \
            the entry when it follows. It copies records of epoch 6 up to 60 and loses power: its checkpoint \
            says again that what is at 40 is of epoch 7. Either the records are taken for remainders and cut, or \
            leaders are told of an epoch that nobody else knows.",
    }

    EpochCheckpointTorn {
        name: "epoch-checkpoint-torn",
        source: "KAFKA-15046, KAFKA-16541; CheckpointFile.write without a sync before its rename",
        affected: Affected::Fixed { since: Version::new(3, 7, 0), fixed: &[Version::new(3, 8, 0)] },
        side: Server,
        with: ["derived-state-from-files"],
        shows: "replication" / "epoch-cache-mismatch" in "slow-cut", seed 22,
        meaning: "When epochs are cut from the checkpoint, the new file takes the old one's name before it is on the \
            disk: a power loss may leave it empty.",
        example: "A follower cuts an epoch and loses power: its checkpoint is empty. Recovery reads the epochs of the \
            last segments alone, so that the replica does not know any more in which epochs its older records were \
            written, and a leader cannot be told where their logs part.",
    }

    SnapshotKeepsLastBatch {
        name: "snapshot-keeps-last-batch",
        source: "KAFKA-5494; ProducerStateManager.writeSnapshot, LogLoader.recoverSegment",
        affected: Affected::Open { since: Version::new(1, 0, 0) },
        side: Server,
        shows: "ordering" / "needless-sequence-refusal" in "unheard-restart", seed 3,
        meaning: "A snapshot of the producers has one batch of each: a broker that has restarted recognises only the \
            last one when it is sent again, where one that runs recognises the last five.",
        example: "Three batches are appended, and no answer arrives. The leader restarts and leads again. The first \
            batch is sent again: it is neither the last nor the next, so it is out of order. The producer bumps \
            its epoch and, if it numbers what is in flight anew, sends all three as new: the records are there \
            twice.",
    }

    DerivedStateFromFiles {
        name: "derived-state-from-files",
        source: "LogLoader.load, LeaderEpochFileCache, ProducerStateManager.truncateAndReload, \
            KAFKA-16541, KAFKA-15046",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        with: ["recovery-trusts-remainders"],
        shows: "replication" / "epoch-cache-mismatch" in "slow-cut", seed 93,
        meaning: "A log that is opened takes its epochs from their checkpoint and its producers from their newest \
            snapshot, whatever log these were written for: recovery only adds later epochs and later records.",
        example: "The checkpoint says that epoch 7 begins at 40; a power loss has left older records there. The \
            replica tells leaders and followers that its records from 40 on are of epoch 7. Or a snapshot whose \
            deletion was lost with the power is taken for that of the log that has grown since.",
    }

    LogStartCheckpointLags {
        name: "log-start-checkpoint-lags",
        source: "KIP-107; LogLoader.load, LogManager.checkpointLogStartOffsets",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        shows: "offsets" / "log-start-regress" in "retention-and-laggard", seed 5,
        meaning: "A log start is written down once a minute and at a clean stop: a broker that crashes before may \
            start with records that were deleted.",
        example: "A client deletes the records below 40; each replica moves its log start there, and the client is \
            told so. A broker crashes half a minute later. Its segment begins at 0, and no checkpoint says \
            otherwise: it leads again, and a new consumer reads what was deleted.",
    }

    RecoveryPointToEnd {
        name: "recovery-point-to-end",
        source: "KAFKA-10101; Log.recoverLog",
        affected: Affected::Fixed { since: Version::new(1, 0, 0), fixed: &[Version::new(2, 8, 0)] },
        side: Server,
        shows: "durability" / "recovery-point-ahead" in "cut-and-struck", seed 1,
        meaning: "A log that was opened after a crash counts as flushed up to its end, though nobody has flushed what \
            was found in it.",
        example: "A broker process is killed and starts again: its log is whole, part of it in the page cache. The \
            next checkpoint says that all of it is on the disk. The machine loses power, the cache is gone, and \
            recovery looks at nothing below that point.",
    }

    RemembersLastBatch {
        name: "remembers-last-batch",
        source: "KAFKA-5494; ProducerStateManager, ProducerIdEntry",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(1, 0, 0)] },
        side: Server,
        shows: "ordering" / "needless-sequence-refusal" in "swarm", seed 4,
        meaning: "A leader knows only the last batch of a producer again, though several may be in flight.",
        example: "Three batches are appended, and the connection is lost with their answers. The first one comes \
            again: it is neither the last one nor the next, and is refused as out of order, though it is in the \
            log.",
    }

    DuplicateOfAnyEpoch {
        name: "duplicate-of-any-epoch",
        source: "KIP-98; ProducerStateEntry.findDuplicateBatch",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "ack-of-other-record" in "swarm", seed 2,
        meaning: "A batch counts as one that comes again if its sequences were used in any epoch of its producer.",
        example: "A producer begins a new epoch and numbers from 0. The leader remembers a batch 0 to 9 of the epoch \
            before, answers that it has it, and appends nothing: ten records are acknowledged and nowhere.",
    }

    RetentionForgetsProducers {
        name: "retention-forgets-producers",
        source: "KAFKA-7190; ProducerStateManager.truncateHead",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(2, 4, 0)] },
        side: Server,
        shows: "ordering" / "producer-state-mismatch" in "retention-and-laggard", seed 1,
        meaning: "A producer is forgotten with the last of its records: what it sends again is appended again.",
        example: "A producer's batch is appended, and the answer is lost. Before it is sent again the log start \
            moves past it. The broker does not know the producer any more, and takes the batch for a new one.",
    }

    MarkerDeletionNotSynced {
        name: "marker-deletion-not-synced",
        source: "CleanShutdownFileHandler.delete, LogManager.loadLogs, KAFKA-10471",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        shows: "durability" / "false-clean-recovery" in "stopped-and-struck", seed 3,
        meaning: "A broker that starts deletes its clean-shutdown file, but does not sync that: the file can come back \
            with the power, and logs that were torn are opened as whole.",
        example: "A broker stops cleanly, starts, and loses power soon after. Its clean-shutdown file is there \
            again: the logs are not checked, and the controller is told that nothing was lost.",
    }

    DuplicateAnsweredEarly {
        name: "duplicate-answered-early",
        source: "KIP-98; UnifiedLog.append, DelayedProduce",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "ack-before-commit" in "swarm", seed 2,
        meaning: "A batch that comes again is acknowledged at once, whether or not the first one is committed.",
        example: "A leader appends a batch, and its connection breaks before a follower has it. The producer sends it \
            again and is told that it is there; the leader dies, and no other replica has it.",
    }

    CutKeepsProducers {
        name: "cut-keeps-producers",
        source: "KAFKA-12153 is its kin; UnifiedLog.truncateTo, ProducerStateManager.truncateAndReload",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "producer-state-mismatch" in "quick-failover", seed 1,
        meaning: "A log that is cut keeps what it knows of producers by the records that are gone.",
        example: "A leader appends a batch that nobody else has, is deposed, cuts it, and is elected again. The \
            producer sends the batch once more, and is told that it is there already.",
    }

    ExpiresOpenTransactions {
        name: "expires-open-transactions",
        source: "KIP-98; ProducerStateManager.isProducerExpired",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "producer-expired-early" in "forgotten-transactions", seed 1,
        meaning: "A log forgets a producer that has rested for `producer.id.expiration.ms`, be a transaction of it \
            open or not.",
        example: "A producer stalls amid a transaction for longer than that. Its records are not held back any \
            more, and consumers of committed records are given what is aborted a moment later.",
    }

    MarkersKeepNobody {
        name: "markers-keep-nobody",
        source: "KAFKA-9144; ProducerStateEntry.update, lastTimestamp",
        affected: Affected::Fixed {
            since: Version::new(1, 0, 0),
            fixed: &[Version::new(2, 4, 1), Version::new(2, 5, 0)],
        },
        side: Server,
        shows: "ordering" / "producer-expired-early" in "forgotten-transactions", seed 1,
        meaning: "The marker of a transaction does not count for how old a producer's state is, and one of a new \
            epoch leaves no batch that does: the state expires too early, and the epoch of the coordinator with it.",
        example: "A transaction takes too long, and its coordinator aborts it in the next epoch. The producer is \
            forgotten at the next look, however young its records are, so that a marker of a coordinator that was \
            replaced is taken as well.",
    }

    NeverRetains {
        name: "never-retains",
        source: "KIP-107: UnifiedLog.deleteOldSegments, but for what lies below the log start",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "retention-overdue" in "retention-and-laggard", seed 2,
        meaning: "No record is deleted for its age or for the size of its log.",
        example: "A topic keeps its records for a day, and its disks are full after a month.",
    }

    RetainsByOldest {
        name: "retains-by-oldest",
        source: "LogSegment.largestTimestamp, with the first record's in its place",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "retained-too-short" in "retention-and-laggard", seed 4,
        meaning: "A segment is taken for as old as its oldest record: all of it goes with that one.",
        example: "A topic keeps its records for an hour, and its segments hold as much. When the first record of a \
            segment is an hour old the last one, which is new, is deleted with it.",
    }
} }
