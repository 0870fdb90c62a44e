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
} }
