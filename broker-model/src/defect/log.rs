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
        shows: "replication" / "recovery-kept-damage" in "flush-race", seed 1,
        meaning: "Recovery does not compare where a segment ends with where the next one begins: if the end of \
            one is lost and the next one is there, the log has a hole.",
        example: "A segment is rolled and its flush is under way; the next one is written back already. Power \
            is lost, and with it the last batches of the first. No byte is wrong, so both segments stay. \
            The replica fetches on from its end, joins the ISR, and leads a log without those records.",
    }

    CutsNotSynced {
        name: "cuts-not-synced",
        source: "KAFKA-16541, FileRecords.truncateTo, LeaderEpochFileCache.truncateFromEndAsyncFlush, \
            UnifiedLog.flush, LocalLog.markFlushed",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        with: ["recovery-trusts-remainders"],
        shows: "replication" / "recovery-kept-damage" in "cut-and-struck", seed 206,
        meaning: "A truncation is not synced, and its epoch checkpoint is written some time later: a power loss \
            may bring back what was cut, records and epochs each by themselves. A flush that was scheduled before \
            the cut still moves the recovery point, above what is flushed of what took its place.",
        example: "A follower cuts off what its leader does not have, and with it an epoch. The epoch is gone \
            from the checkpoint, but the file that was cut was never synced: after a power loss the \
            records are back, and nothing tells that they are not the log's.",
    }

    DerivedStateFromFiles {
        name: "derived-state-from-files",
        source: "LogLoader.load, LeaderEpochFileCache, ProducerStateManager.truncateAndReload, \
            KAFKA-16541, KAFKA-15046",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        with: ["recovery-trusts-remainders"],
        shows: "replication" / "heard-of-other-log" in "cut-and-struck", seed 116,
        meaning: "A log that is opened takes its epochs from their checkpoint and its producers from their newest \
            snapshot, whatever log these were written for: recovery only adds later epochs and later records.",
        example: "The checkpoint says that epoch 7 begins at 40; a power loss has left older records there. The \
            replica tells leaders and followers that its records from 40 on are of epoch 7. Or a snapshot whose \
            deletion was lost with the power is taken for that of the log that has grown since.",
    }

    MarkerDeletionNotSynced {
        name: "marker-deletion-not-synced",
        source: "CleanShutdownFileHandler.delete, LogManager.loadLogs, KAFKA-10471",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        shows: "durability" / "false-clean-recovery" in "stopped-and-struck", seed 1,
        meaning: "A broker that starts deletes its clean-shutdown file, but does not sync that: the file can come back \
            with the power, and logs that were torn are opened as whole.",
        example: "A broker stops cleanly, starts, and loses power soon after. Its clean-shutdown file is there \
            again: the logs are not checked, and the controller is told that nothing was lost.",
    }
} }
