//! Wrong and weak rules of the log cleaner.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of the log cleaner.
CleanerDefect {
    CleansUncommitted {
        name: "cleans-uncommitted",
        source: "KAFKA-13194",
        affected: Affected::Fixed { since: Version::new(0, 8, 1), fixed: &[Version::new(3, 1, 0)] },
        side: Server,
        shows: "durability" / "cleaned-past-stable" in "compacted-changelog", seed 12,
        meaning: "The cleaner goes beyond the high watermark: records that are not committed replace those that are.",
        example: "A leader's followers lag. A key is written again and again, two segments full, and the leader's \
            cleaner takes the value that was committed, since a newer one is there. The leader is cut off, and what \
            was not committed goes with it: the key has no value any more.",
    }

    IgnoresLag {
        name: "cleaner-ignores-lag",
        source: "KIP-58; LogCleanerManager.cleanableOffsets",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "cleaned-too-young" in "compacted-changelog", seed 5,
        meaning: "The cleaner does not look at `min.compaction.lag.ms`.",
        example: "An auditor is to see each change of a key, and has an hour for it. A key is written twice in a \
            minute, and the cleaner takes the first record at once.",
    }

    IgnoresMaxLag {
        name: "cleaner-ignores-max-lag",
        source: "KIP-354; LogCleanerManager.grabFilthiestCompactedLog",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "compaction-overdue" in "compaction-in-time", seed 1,
        meaning: "The cleaner goes by how much of a log is dirty alone, and not by `max.compaction.lag.ms`.",
        example: "What a person asks to be deleted is to be gone within a day. Its key is written once more, in a log \
            of which little changes, and the old value stays there for months.",
    }

    TombstonesGoAtOnce {
        name: "tombstones-go-at-once",
        source: "KAFKA-4529, KAFKA-8522, KIP-534",
        affected: Affected::Fixed { since: Version::new(0, 10, 1), fixed: &[Version::new(0, 10, 2)] },
        side: Server,
        shows: "durability" / "tombstone-removed-early" in "compacted-changelog", seed 1,
        meaning: "A tombstone goes with the first cleaning of it: a reader that has read the value before may never \
            learn that it was deleted.",
        example: "A consumer has read a key's value. The key is deleted, and the log is cleaned before the \
            consumer comes there: value and tombstone are gone, and its table keeps the key for ever.",
    }

    DropsLastBatch {
        name: "cleaner-drops-last-batch",
        source: "KAFKA-17076",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(4, 0, 0)] },
        side: Server,
        shows: "offsets" / "round-end-lost" in "compacted-changelog", seed 1,
        meaning: "The cleaner leaves nothing of the last batch that it was at, if all of that is replaced: nothing \
            tells any more how far the log has come.",
        example: "All records of a log's last cleaned segment are replaced by later ones. The active segment is \
            lost with the power: the log ends where the last record is that was left, and offsets that were given are \
            given again.",
    }

    ForgetsProducers {
        name: "cleaner-forgets-producers",
        source: "KAFKA-5490, KAFKA-8335",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(1, 0, 0)] },
        side: Server,
        shows: "ordering" / "producer-batch-removed" in "compacted-changelog", seed 1,
        meaning: "The cleaner takes the last batch of a producer with its records: a replica that reads its log \
            does not know the producer, or an older sequence of it.",
        example: "A producer's last record is replaced by another one's. The log is cleaned, and a replica that \
            was new copies it. It is elected, and takes the producer's retry for a new batch.",
    }

    ForgetsTransactions {
        name: "cleaner-forgets-transactions",
        source: "KAFKA-8351",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(2, 4, 0)] },
        side: Server,
        shows: "visibility" / "marker-removed-early" in "compacted-changelog", seed 2,
        meaning: "The cleaner begins anew with each group of segments: the marker of a transaction that reaches across \
            looks as if nothing of that were left, and goes.",
        example: "A transaction's records end one group of segments, its marker is in the next. The marker goes, \
            and the records are of an open transaction for whoever reads the log anew.",
    }

    IgnoresAbsent {
        name: "cleaner-ignores-absent",
        source: "KIP-534; Cleaner.cleanInto, MemoryRecords.filterTo",
        affected: Affected::Open { since: Version::new(0, 8, 1) },
        side: Server,
        shows: "durability" / "hole-in-log" in "compacted-changelog", seed 1252,
        meaning: "Tombstones and markers go when delete.retention.ms is over, whether or not every replica has them.",
        example: "A replica has the records of a transaction and dies. The transaction is aborted, and the marker \
            goes from the leader's log before the replica is back. With the producer's next marker the replica takes \
            all for committed, and its cleaner takes what they replace.",
    }

    DropsSwapFiles {
        name: "swap-files-dropped",
        source: "LogLoader.load",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "hole-in-log" in "compacted-changelog", seed 1,
        meaning: "A log that is opened takes a `.swap` file for what an interrupted cleaning has left, and deletes \
            it: the segments in whose place it was to come are gone already.",
        example: "A broker crashes when the old segments have other names and the new one not yet its own. It starts, \
            deletes all of them, and its log has lost what was committed long ago.",
    }

    DropsEpochStart {
        name: "cleaner-drops-epoch-start",
        source: "KIP-101; Cleaner.cleanInto, LeaderEpochFileCache.assign",
        affected: Affected::Open { since: Version::new(0, 11, 0) },
        side: Server,
        shows: "replication" / "epoch-start-removed" in "compacted-changelog", seed 1,
        meaning: "The cleaner takes the batch with which a leader's epoch begins, if all of that is replaced: who \
            copies the log begins the epoch later than its leader did.",
        example: "A replica is cut off with records that nobody else has. The others go on in a new epoch, whose \
            first batches are replaced and cleaned away, and a new replica copies what is left and is elected. It \
            tells the one that comes back that the old epoch ends where it saw the new one begin: the records stay.",
    }

    LoneTombstonesStay {
        name: "lone-tombstones-stay",
        source: "KIP-534; MemoryRecords.filterTo, without needToSetDeleteHorizon",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "tombstone-without-horizon" in "swarm-administration", seed 1,
        meaning: "A batch of which nothing is taken is left as it is: a tombstone in it gets no time at which it may \
            go.",
        example: "Keys come and go. The tombstone of each that is gone stays for ever, and the log grows with all keys \
            that there ever were.",
    }
} }
