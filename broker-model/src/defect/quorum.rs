//! Wrong and weak rules of the controller quorum.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of the controller quorum.
QuorumDefect {
    VoteNotPersisted {
        name: "vote-not-persisted",
        source: "KIP-595, KAFKA-16526, KAFKA-18389",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "vote-not-durable" in "vote-storm", seed 1,
        meaning: "A voter forgets its vote when it restarts and votes again in the same epoch.",
        example: "Two controllers ask for votes in one epoch. The third votes for one, restarts, and \
            votes for the other: two leaders, two histories of the cluster's metadata.",
    }

    VotesByLength {
        name: "votes-by-length",
        source: "KIP-595; KafkaRaftClient.handleVoteRequest, OffsetAndEpoch.compareTo",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "vote-for-shorter-log" in "vote-storm", seed 7,
        meaning: "A voter compares where logs end, and not the epoch of their last records: a log that is as long \
            may lack what was committed since.",
        example: "A controller that was cut off has appended ten records that nobody took. Meanwhile the others \
            committed five of a later epoch. It comes back, its log is the longest, and it is elected: the five \
            are gone.",
    }

    AppliesUncommitted {
        name: "applies-uncommitted",
        source: "KIP-595, KIP-631; KafkaRaftClient.onUpdateLeaderHighWatermark",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "metadata-applied-early" in "vote-storm", seed 1,
        meaning: "A broker acts on metadata as soon as it has fetched it, whether a majority of the controllers has \
            it or not.",
        example: "The active controller elects broker 2 and is cut off before anybody but broker 2 has heard of it. \
            The next controller elects broker 3 in the same epoch of the partition: both lead.",
    }

    NoPreVote {
        name: "no-pre-vote",
        source: "KIP-996, KAFKA-16164",
        affected: Affected::Fixed { since: Version::new(2, 8, 0), fixed: &[Version::new(4, 0, 0)] },
        side: Server,
        shows: "leadership" / "healthy-leader-deposed" in "vote-storm", seed 1,
        meaning: "A voter that hears nothing of its leader enters a new epoch without asking whether \
            anybody would vote for it.",
        example: "One controller of three is cut off for a minute and enters epoch after epoch. When it \
            is back its epoch is the highest: the leader that the others followed all the while steps \
            down, and the cluster changes nothing until another is elected.",
    }

    CountsBeforeFlush {
        name: "counts-before-flush",
        source: "KAFKA-10632; KafkaRaftClient.flushLeaderLog",
        affected: Affected::Open { since: Version::new(2, 8, 0) },
        side: Server,
        shows: "durability" / "metadata-commit-not-durable" in "lone-controller", seed 1,
        meaning: "A leader of the quorum counts its own log end for the high watermark before it has \
            flushed that. With several voters the others' flushes cover it; a single voter commits what is \
            not on its disk.",
        example: "A cluster has one controller. It tells the brokers of a new leader and loses power \
            before its log is on the disk: when it is back it knows nothing of that, and the brokers \
            have metadata that their controller does not have.",
    }

    SnapshotNotSynced {
        name: "snapshot-not-synced",
        source: "KAFKA-15312; FileRawSnapshotWriter.freeze",
        affected: Affected::Fixed {
            since: Version::new(3, 0, 0),
            fixed: &[Version::new(3, 5, 2), Version::new(3, 6, 0)],
        },
        side: Server,
        shows: "durability" / "snapshot-not-durable" in "snapshot-catch-up", seed 1,
        meaning: "A snapshot of the metadata counts as soon as its file has its name, though its bytes may not \
            be on the disk.",
        example: "A controller writes a snapshot, deletes what of its log the snapshot holds, and loses power. \
            The file is there and empty, the log begins behind it: what the cluster was is gone on this \
            disk.",
    }

    RetentionPastSnapshot {
        name: "retention-past-snapshot",
        source: "KAFKA-14238; KafkaMetadataLog.apply",
        affected: Affected::Fixed { since: Version::new(3, 0, 0), fixed: &[Version::new(3, 3, 0)] },
        side: Server,
        shows: "durability" / "metadata-deleted-uncovered" in "snapshot-catch-up", seed 7,
        meaning: "Records of the metadata log are deleted for their age though no snapshot holds what they \
            gave.",
        example: "A cluster is quiet for a week. Its controllers delete metadata that is older than that, \
            beyond their last snapshot. One restarts and has no metadata to begin with; a new broker is \
            told to fetch the snapshot again and again.",
    }
} }
