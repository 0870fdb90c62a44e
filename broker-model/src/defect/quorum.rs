//! Wrong and weak rules of the controller quorum.

use super::entry::family;
use super::version::Affected;

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
} }
