//! What the watch can see in the true state of the cluster: transactions, groups, disks and memberships. The rest is in
//! `internal`.

use super::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 33] = [
    Entry {
        name: "commit-below-min-isr",
        kind: Kind::InternalAnomaly,
        meaning: "The leader raised its high watermark while fewer replicas than \
                  min.insync.replicas were in sync.",
        example: "ISR {1} and ELR {2} with min.insync.replicas=2; leader 1 commits alone, and \
                  2 may still be elected.",
        legal: "In clusters without eligible leader replicas.",
        source: "KIP-966",
    },
    Entry {
        name: "ack-below-min-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A produce with acks=all was acknowledged while fewer replicas than \
                  min.insync.replicas were in sync.",
        example: "min.insync.replicas=2, ISR {1}: the leader answers success.",
        legal: "Never.",
        source: "KIP-497; Partition.checkEnoughReplicasReachOffset",
    },
    Entry {
        name: "needless-refusal",
        kind: Kind::InternalAnomaly,
        meaning: "A produce was refused for lack of in-sync replicas although the leader knew \
                  of enough.",
        example: "ISR {1, 2}, min.insync.replicas=2: not enough replicas, says the leader.",
        legal: "Never.",
        source: "Partition.appendRecordsToLeader",
    },
    Entry {
        name: "isr-elr-overlap",
        kind: Kind::InternalAnomaly,
        meaning: "A replica is in ISR and ELR at once.",
        example: "ISR {1, 2}, ELR {2}.",
        legal: "Never.",
        source: "KIP-966; ValidControllerIsrAndElr",
    },
    Entry {
        name: "fenced-in-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A broker is fenced, or back after an unclean stop, while it still counts as \
                  in sync or eligible.",
        example: "Broker 3 is fenced; the ISR is {1, 3}.",
        legal: "Never.",
        source: "KIP-841, KIP-966",
    },
    Entry {
        name: "broker-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A broker's uptime was registered with a broker epoch that is not new.",
        example: "Epoch 40 after epoch 52: an answer meant for the earlier uptime would count.",
        legal: "Never.",
        source: "KIP-380, KIP-631",
    },
    Entry {
        name: "isr-join-unfetched",
        kind: Kind::InternalAnomaly,
        meaning: "A leader proposed a replica for the ISR that has not followed in the \
                  leader's epoch.",
        example: "A fetch of epoch 3 counts for the leader of epoch 4, whose log parts from \
                  the follower's.",
        legal: "Never.",
        source: "KAFKA-7128, KIP-320",
    },
    Entry {
        name: "isr-member-behind",
        kind: Kind::InternalAnomaly,
        meaning: "A leader goes by an ISR with a member that does not hold all below its high \
                  watermark.",
        example: "The high watermark is 9, the log of member 2 ends at 7.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas \
                  brokers losing data.",
        source: "WeakIsr of the Kafka TLA+ specification",
    },
    Entry {
        name: "candidate-incomplete",
        kind: Kind::InternalAnomaly,
        meaning: "A replica stays in ISR or ELR although it lost committed records and the \
                  controller could know.",
        example: "Broker 2 registers after a power loss and stays eligible.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas \
                  brokers losing data.",
        source: "KIP-966; LeaderCandidateCompleteness",
    },
    Entry {
        name: "stale-isr-change-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "The controller took an ISR from a leader that is deposed, knew an older \
                  version of the partition, or named an earlier uptime of a member.",
        example: "Broker 1 led in epoch 3; its ISR is taken in epoch 4.",
        legal: "Never.",
        source: "KIP-497, KIP-903",
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
        name: "log-start-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's log start went back although its log holds records.",
        example: "From 30 back to 10: deleted records are told as there.",
        legal: "Never.",
        source: "KIP-107",
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
        name: "producer-state-mismatch",
        kind: Kind::InternalAnomaly,
        meaning: "A replica that opened or cut its log, or began to lead, knows other producers or \
                  sequences than its log has.",
        example: "After a failover, the new leader has no state of producer 7: a retry is \
                  appended again.",
        legal: "Never.",
        source: "KIP-98; ProducerStateManager",
    },
    Entry {
        name: "producer-id-block-overlap",
        kind: Kind::InternalAnomaly,
        meaning: "The controller allocated producer ids that it had allocated before.",
        example: "Two brokers give out ids from 1000 to 1999.",
        legal: "Never.",
        source: "KIP-730",
    },
    Entry {
        name: "producer-id-reused",
        kind: Kind::InternalAnomaly,
        meaning: "A fresh producer id was given twice, or was not allocated.",
        example: "Two producers have id 1000 in epoch 0: each takes the other's records for \
                  retries.",
        legal: "Never.",
        source: "KIP-98, KIP-730",
    },
    Entry {
        name: "illegal-txn-transition",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction went to a state that cannot follow.",
        example: "To be committed, then aborted.",
        legal: "Never.",
        source: "KIP-98; TransactionState.validPreviousStates",
    },
    Entry {
        name: "fenced-producer-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator let an older producer id or epoch of a transactional id go on.",
        example: "Epoch 4 took over; epoch 3 commits its transaction.",
        legal: "Never.",
        source: "KIP-98, KIP-447",
    },
    Entry {
        name: "marker-without-decision",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction marker was written that its coordinator had not decided.",
        example: "A commit marker while the transaction is ongoing, or after it was aborted.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "marker-wrong-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A marker of one transaction ended the records of another of the same \
                  producer.",
        example: "A delayed commit of transaction 1 arrives while transaction 2 is open, and \
                  commits it.",
        legal: "Never; Kafka before KIP-890 can do it.",
        source: "KAFKA-17754, KIP-890",
    },
    Entry {
        name: "torn-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A transaction is committed on one partition and aborted, or left open, on \
                  another.",
        example: "orders-0 has a commit marker, orders-1 an abort marker.",
        legal: "Never.",
        source: "KIP-98, KAFKA-17754",
    },
    Entry {
        name: "hanging-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A record joined a transaction that is over or never began, so that no marker \
                  will end it.",
        example: "A delayed batch is appended after the abort marker: the last stable offset \
                  stands still.",
        legal: "Never; Kafka before KIP-890 can do it.",
        source: "KIP-664, KIP-890",
    },
    Entry {
        name: "non-transactional-append-in-txn",
        kind: Kind::InternalAnomaly,
        meaning: "A producer's record outside of any transaction was appended amid its open \
                  transaction.",
        example: "The transactional bit is missing on the second batch.",
        legal: "Never.",
        source: "UnifiedLog.analyzeAndValidateProducerState",
    },
    Entry {
        name: "read-past-lso",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer with read_committed was given records at or above one of an open \
                  transaction.",
        example: "A transaction is open since offset 5; offset 5 is served.",
        legal: "With isolation.level=read_uncommitted.",
        source: "KIP-98",
    },
    Entry {
        name: "read-hides-committed",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer with read_committed was told to leave out records of a committed \
                  transaction.",
        example: "The answer lists the producer as aborted from offset 5; it committed.",
        legal: "Never.",
        source: "KIP-98; TransactionIndex",
    },
    Entry {
        name: "lso-ahead",
        kind: Kind::InternalAnomaly,
        meaning: "A last stable offset is above a record of an open transaction, or above the \
                  high watermark.",
        example: "Open since 5, last stable offset 7.",
        legal: "Never.",
        source: "KIP-98; UnifiedLog.lastStableOffset",
    },
    Entry {
        name: "lso-regress-same-epoch",
        kind: Kind::InternalAnomaly,
        meaning: "A leader's last stable offset fell within one epoch.",
        example: "It was 7, and is 5.",
        legal: "Between epochs it may: a new leader learns its high watermark late.",
        source: "KIP-98",
    },
    Entry {
        name: "member-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A member was given a partition that it held in a later epoch already.",
        example: "Epoch 6, then epoch 5.",
        legal: "Never.",
        source: "KIP-848",
    },
];

/// Rules whose names are not those of their anomalies.
pub(super) static INVARIANTS: [Entry; 7] = [
    Entry {
        name: "log-start",
        kind: Kind::Invariant,
        meaning: "A log start moves up, over committed records only.",
        example: "Broken by log-start-regress, log-start-above-commit.",
        legal: "A log that starts again empty may start anywhere.",
        source: "KIP-107",
    },
    Entry {
        name: "isr-proposal",
        kind: Kind::Invariant,
        meaning: "Only the present leader changes the ISR, from the present state.",
        example: "Broken by stale-isr-change-accepted.",
        legal: "Never.",
        source: "KIP-497, KIP-903",
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
        name: "producer-state",
        kind: Kind::Invariant,
        meaning: "Replicas know producers as their logs do, and a producer id has one owner.",
        example: "Broken by producer-state-mismatch, producer-id-block-overlap, producer-id- \
                  reused.",
        legal: "Never.",
        source: "KIP-98, KIP-730",
    },
    Entry {
        name: "transactions",
        kind: Kind::Invariant,
        meaning: "A transaction is decided once, and every partition is told the same.",
        example: "Broken by torn-txn, marker-wrong-txn, hanging-txn and others.",
        legal: "Never.",
        source: "KIP-98, KIP-890",
    },
    Entry {
        name: "last-stable-offset",
        kind: Kind::Invariant,
        meaning: "read_committed shows what is decided and committed, all of it and nothing \
                  else.",
        example: "Broken by read-past-lso, G1a, read-hides-committed, lso-ahead.",
        legal: "With isolation.level=read_uncommitted.",
        source: "KIP-98",
    },
    Entry {
        name: "partition-ownership",
        kind: Kind::Invariant,
        meaning: "A partition of a group has one current owner.",
        example: "Broken by double-ownership, member-epoch-regress.",
        legal: "A fenced member may still believe that it owns it.",
        source: "KIP-848",
    },
];
