//! What the watch can see of the controller quorum.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 23] = [
    Entry {
        name: "double-vote",
        kind: Kind::InternalAnomaly,
        meaning: "A voter voted for two candidates in one epoch.",
        example: "It votes, loses power before the vote is on disk, and votes again.",
        legal: "When the voter's disk was wiped or lies.",
        source: "KIP-595",
    },
    Entry {
        name: "metadata-applied-early",
        kind: Kind::InternalAnomaly,
        meaning: "A node applied metadata that was not committed.",
        example: "A broker takes the lead of a partition by an election that its controller wrote and never committed: \
            the next controller knows nothing of it.",
        legal: "Never.",
        source: "KIP-595, KIP-631",
    },
    Entry {
        name: "vote-for-shorter-log",
        kind: Kind::InternalAnomaly,
        meaning: "A voter gave its vote to a candidate whose metadata log is behind its own.",
        example: "A candidate has more records, all of an older epoch, and is voted for by who has the newer ones: it \
            leads without metadata that is committed.",
        legal: "Never.",
        source: "KIP-595; KafkaRaftClient.handleVoteRequest",
    },
    Entry {
        name: "dual-controller",
        kind: Kind::InternalAnomaly,
        meaning: "An epoch of the quorum has two leaders.",
        example: "Two controllers are active in epoch 4.",
        legal: "Never.",
        source: "KIP-595; Raft section 3.4",
    },
    Entry {
        name: "controller-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A voter's epoch fell.",
        example: "It was in epoch 4 and is in 3 after a restart.",
        legal: "When the voter's disk was wiped or lies.",
        source: "KIP-595",
    },
    Entry {
        name: "metadata-commit-without-majority",
        kind: Kind::InternalAnomaly,
        meaning: "Metadata was committed that a majority does not hold, or that ends with an older \
                  epoch.",
        example: "A leader of three counts itself alone.",
        legal: "Never.",
        source: "KIP-595; Raft section 3.6",
    },
    Entry {
        name: "committed-metadata-overwritten",
        kind: Kind::InternalAnomaly,
        meaning: "A leader of the quorum committed other metadata than was committed before.",
        example: "Offset 12 of the metadata log is committed twice, with two contents.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-595",
    },
    Entry {
        name: "controller-completeness",
        kind: Kind::InternalAnomaly,
        meaning: "A leader of the quorum lacks committed metadata.",
        example: "A voter with a short log wins an election.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-595",
    },
    Entry {
        name: "committed-metadata-truncation",
        kind: Kind::InternalAnomaly,
        meaning: "A voter truncated committed metadata.",
        example: "A follower cuts its log below the quorum's high watermark.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-595",
    },
    Entry {
        name: "committed-metadata-lost",
        kind: Kind::InternalAnomaly,
        meaning: "After a restart, committed metadata is held by less than a majority.",
        example: "Two of three voters come back without it.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-595",
    },
    Entry {
        name: "metadata-divergence",
        kind: Kind::InternalAnomaly,
        meaning: "Two nodes applied different metadata at one offset.",
        example: "Brokers 1 and 2 disagree on the leader at one metadata offset.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-631",
    },
    Entry {
        name: "metadata-gap",
        kind: Kind::InternalAnomaly,
        meaning: "A node applied metadata out of order, or left some out.",
        example: "Offset 12 after offset 10.",
        legal: "Never.",
        source: "KIP-631",
    },
    Entry {
        name: "vote-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "A voter showed an epoch or a vote that is not on its disk, so that a power \
                  loss makes it forget.",
        example: "It votes for 102 in epoch 5; its quorum-state file has epoch 5 and no vote.",
        legal: "When the voter's disk lies.",
        source: "KIP-595",
    },
    Entry {
        name: "controller-epoch-resumed",
        kind: Kind::InternalAnomaly,
        meaning: "A voter led an epoch of the quorum again that it had led before its \
                  process ended.",
        example: "It appends to epoch 5 where it had appended before its disk lost that.",
        legal: "Never.",
        source: "KIP-595, KAFKA-10527",
    },
    Entry {
        name: "metadata-commit-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "Metadata was committed that is on the disks of less than a majority.",
        example: "The leader counts its own end before its sync: a power loss takes a \
                  committed record.",
        legal: "When the disk lies.",
        source: "KIP-595, KAFKA-10533",
    },
    Entry {
        name: "controller-unelected",
        kind: Kind::InternalAnomaly,
        meaning: "A voter led an epoch of the quorum for which no majority had voted for it.",
        example: "A vote that was given in epoch 4 arrives late and is counted in epoch 5.",
        legal: "Never.",
        source: "KIP-595; Raft section 3.4",
    },
    Entry {
        name: "controller-without-quorum",
        kind: Kind::InternalAnomaly,
        meaning: "A leader of the quorum did not resign although no majority had fetched from \
                  it for three times controller.quorum.fetch.timeout.ms.",
        example: "It is cut off with some brokers, which go on asking it and learn nothing.",
        legal: "While it is paused or its disk keeps it waiting.",
        source: "KIP-595, KAFKA-15489",
    },
    Entry {
        name: "healthy-leader-deposed",
        kind: Kind::InternalAnomaly,
        meaning: "A voter stood for election in a new epoch while a majority led or followed a \
                  leader from which it had taken something.",
        example: "A controller is cut off for a minute and comes back with an epoch that is ten \
                  higher: the others, who miss nothing, lose their controller to it.",
        legal: "Never.",
        source: "KIP-996; EpochState.canGrantVote",
    },
    Entry {
        name: "quorum-election-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "No voter leads the quorum although all of them run and can reach each other.",
        example: "Two voters refuse each other's pre-votes for ever.",
        legal: "While a fault lasts, or a process is down.",
        source: "KIP-595, KIP-996",
    },
    Entry {
        name: "snapshot-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "A voter counts a snapshot of the metadata that is not on its disk for good.",
        example: "The file has its name, its bytes are in the page cache, and the voter deletes what of its \
                  log the snapshot holds.",
        legal: "When the voter's disk lies.",
        source: "KIP-630, KAFKA-15312",
    },
    Entry {
        name: "snapshot-above-commit",
        kind: Kind::InternalAnomaly,
        meaning: "A snapshot holds metadata that is not committed.",
        example: "A snapshot ends at offset 40; the quorum has committed up to 38.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-630, KafkaMetadataLog.createNewSnapshot",
    },
    Entry {
        name: "snapshot-differs",
        kind: Kind::InternalAnomaly,
        meaning: "Two nodes have different metadata at one offset.",
        example: "A broker that began with a snapshot lacks a topic that brokers which read the whole log \
                  have.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-630",
    },
    Entry {
        name: "metadata-deleted-uncovered",
        kind: Kind::InternalAnomaly,
        meaning: "A voter deleted metadata from its log that no snapshot on its disk holds.",
        example: "The log begins at offset 60, the last snapshot ends at 40: who needs 40 to 59 finds it \
                  nowhere.",
        legal: "When the voter's disk lies.",
        source: "KIP-630, KAFKA-14238",
    },
];

pub(super) static INVARIANTS: [Entry; 6] = [
    Entry {
        name: "controller-quorum",
        kind: Kind::Invariant,
        meaning: "One controller an epoch, and committed metadata is the same everywhere and for ever.",
        example: "Broken by double-vote, dual-controller and the metadata anomalies.",
        legal: "When a majority's disks are damaged.",
        source: "KIP-595",
    },
    Entry {
        name: "quorum-state-durable",
        kind: Kind::Invariant,
        meaning: "A voter's epoch and vote are on its disk before anybody hears of them.",
        example: "Broken by vote-not-durable.",
        legal: "When the disk lies.",
        source: "KIP-595",
    },
    Entry {
        name: "check-quorum",
        kind: Kind::Invariant,
        meaning: "A leader of the quorum that has lost its majority resigns.",
        example: "Broken by controller-without-quorum.",
        legal: "While it cannot look.",
        source: "KIP-595, KAFKA-15489",
    },
    Entry {
        name: "pre-vote",
        kind: Kind::Invariant,
        meaning: "Nobody stands for election while a majority follows a leader of the quorum.",
        example: "Broken by healthy-leader-deposed.",
        legal: "Never.",
        source: "KIP-996",
    },
    Entry {
        name: "quorum-election-due",
        kind: Kind::Invariant,
        meaning: "When nothing stands in the way, the quorum has a leader.",
        example: "Broken by quorum-election-overdue.",
        legal: "While a fault lasts, or a process is down.",
        source: "KIP-595, KIP-996",
    },
    Entry {
        name: "metadata-snapshots",
        kind: Kind::Invariant,
        meaning: "A snapshot is on the disk, holds committed metadata only, and is what the whole log gives; \
                  nothing that none holds is deleted.",
        example: "Broken by snapshot-not-durable, snapshot-above-commit, snapshot-differs and \
                  metadata-deleted-uncovered.",
        legal: "When disks are damaged.",
        source: "KIP-630",
    },
];
