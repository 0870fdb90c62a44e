//! What the watch can see of leaders and followers.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 25] = [
    Entry {
        name: "commit-before-replication",
        kind: Kind::InternalAnomaly,
        meaning: "The leader raised its high watermark over records that a member of ISR or ELR does \
                  not hold.",
        example: "A follower is left out of the computation before the controller has accepted a \
                  smaller ISR.",
        legal: "Never.",
        source: "KIP-497; Partition.maybeIncrementLeaderHW",
    },
    Entry {
        name: "high-watermark-by-stale-leader",
        kind: Kind::InternalAnomaly,
        meaning: "A leader whose epoch is over raised its high watermark over records that are not \
                  committed.",
        example: "A leader cut off from the controllers goes on alone.",
        legal: "Never.",
        source: "KIP-497",
    },
    Entry {
        name: "committed-overwritten",
        kind: Kind::InternalAnomaly,
        meaning: "A leader committed other records at offsets that were committed before.",
        example: "After a failover offset 5 is committed anew with another batch.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KIP-101",
    },
    Entry {
        name: "hw-regress-same-epoch",
        kind: Kind::InternalAnomaly,
        meaning: "A leader's high watermark fell within one epoch.",
        example: "It was 7, and is 5 after the ISR grew.",
        legal: "Between epochs it may: a new leader learns it late.",
        source: "KIP-966 TLA+ specification",
    },
    Entry {
        name: "hw-above-leo",
        kind: Kind::InternalAnomaly,
        meaning: "A high watermark is above its log's end.",
        example: "High watermark 8, log end 7.",
        legal: "Never.",
        source: "UnifiedLog.updateHighWatermark",
    },
    Entry {
        name: "high-watermark-ahead",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's high watermark is above what is committed.",
        example: "A follower takes a high watermark from a leader whose epoch is over.",
        legal: "At a replica that has not heard yet of an election that legally lost records.",
        source: "KIP-101",
    },
    Entry {
        name: "isr-incomplete",
        kind: Kind::InternalAnomaly,
        meaning: "A replica joined ISR or ELR without holding all committed records.",
        example: "It caught up to the new leader's high watermark, which lags behind what is \
                  committed.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KAFKA-7128, KIP-497",
    },
    Entry {
        name: "isr-join-too-early",
        kind: Kind::InternalAnomaly,
        meaning: "A leader proposed a replica whose log ends below the high watermark or the start of \
                  the leader's epoch.",
        example: "High watermark 5, epoch starts at 10, the follower at 6 is proposed.",
        legal: "Never.",
        source: "KAFKA-7128",
    },
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
        name: "isr-join-unfetched",
        kind: Kind::InternalAnomaly,
        meaning: "A leader proposed a replica for the ISR that has not followed in the \
                  leader's epoch.",
        example: "A fetch of epoch 3 counts for the leader of epoch 4, whose log diverges from \
                  the follower's.",
        legal: "Never.",
        source: "KAFKA-7128, KIP-320",
    },
    Entry {
        name: "isr-join-ineligible",
        kind: Kind::InternalAnomaly,
        meaning: "A leader proposed a replica for the ISR that it knew to be fenced, to shut down, or to \
                  be of another uptime than it had heard of last.",
        example: "A broker that was just fenced fetches from its leader and is proposed; a controller \
                  that has not fenced it yet lets it in.",
        legal: "Never.",
        source: "KIP-841, KIP-903",
    },
    Entry {
        name: "isr-member-behind",
        kind: Kind::InternalAnomaly,
        meaning: "A leader uses an ISR with a member that does not hold all below its high \
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
        name: "fetch-of-other-epoch",
        kind: Kind::InternalAnomaly,
        meaning: "A leader took news of a follower that follows in another epoch than it \
                  leads.",
        example: "A fetch that names epoch 3 moves the high watermark of the leader of epoch \
                  4.",
        legal: "Never.",
        source: "KIP-320",
    },
    Entry {
        name: "fetch-of-earlier-uptime",
        kind: Kind::InternalAnomaly,
        meaning: "A leader took news of a follower from an uptime that it knew to be over.",
        example: "Broker 3 restarted empty; a late fetch of its former uptime counts for \
                  offset 90.",
        legal: "Never.",
        source: "KIP-903",
    },
    Entry {
        name: "unheard-member-counted",
        kind: Kind::InternalAnomaly,
        meaning: "A leader raised its high watermark before a member of the ISR had fetched \
                  in its epoch.",
        example: "ISR {1, 2}: leader 1 of epoch 4 goes by what 2 had in epoch 2, and 2 has \
                  been cut since.",
        legal: "Never.",
        source: "Partition.makeLeader; rule 2.1.7",
    },
    Entry {
        name: "elr-incomplete",
        kind: Kind::InternalAnomaly,
        meaning: "A replica left a short ISR in good order, or the ELR, and is not eligible \
                  any more.",
        example: "min.insync.replicas=2, ISR {1, 2}: 2 is fenced, the ELR stays empty, and 1 \
                  dies.",
        legal: "When the election was unclean.",
        source: "KIP-966; PartitionChangeBuilder",
    },
    Entry {
        name: "laggard-in-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A leader kept a follower in its ISR that had not caught up for longer than \
                  replica.lag.time.max.ms, and half of that again for its next look.",
        example: "Node 3 is cut off from its leader and still unfenced: with it in the ISR \
                  nothing commits for as long as the cut lasts.",
        legal: "While the leader is paused, its disk keeps it waiting, or an earlier proposal \
                is not answered.",
        source: "KIP-16; ReplicaManager.maybeShrinkIsr",
    },
    Entry {
        name: "in-sync-held-up",
        kind: Kind::InternalAnomaly,
        meaning: "A replication quota held a replica up that was in sync.",
        example: "A partition is moved with a throttle. Its leader has sent all that the quota allows, and sends \
                  nothing to a member of the ISR either, which falls behind for it.",
        legal: "Never: only who is not in sync waits for a quota.",
        source: "KIP-73, KAFKA-4313; ReplicaManager.shouldLeaderThrottle",
    },
    Entry {
        name: "shrink-too-early",
        kind: Kind::InternalAnomaly,
        meaning: "A leader proposed to remove a member of its ISR that had not lagged for longer than \
                  replica.lag.time.max.ms.",
        example: "Node 3 had everything four seconds ago, and may lag for ten: it leaves the ISR, and what is \
                  acknowledged from then on stands on one disk less.",
        legal: "Never.",
        source: "KIP-16; Partition.isFollowerOutOfSync",
    },
    Entry {
        name: "high-watermark-differs",
        kind: Kind::InternalAnomaly,
        meaning: "A replica's high watermark covers other records than those that are committed.",
        example: "A follower takes the high watermark 12 over records 9 to 11 of a former leader.",
        legal: "At a replica that has not heard yet of an election that legally lost records.",
        source: "KIP-101",
    },
    Entry {
        name: "heard-of-other-log",
        kind: Kind::InternalAnomaly,
        meaning: "A leader took a follower's log end for news although its log is another one below.",
        example: "The follower ends at 12, as the leader does, with a former leader's record at 11.",
        legal: "Never.",
        source: "KIP-101, KIP-595",
    },
    Entry {
        name: "commit-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A leader did not commit what every member of its ISR has held for long enough, or, alone in it, \
                  what it has appended.",
        example: "All three hold offset 9; the high watermark stays at 7 although nothing is broken.",
        legal: "While the leader or a member of the ISR is down, or a fault touches one of them or cuts them apart. \
                Somebody else may be.",
        source: "Partition.maybeIncrementLeaderHW",
    },
    Entry {
        name: "expansion-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A leader did not let a replica into the ISR that has had all that it needs for long enough.",
        example: "Node 3 is back and has all; its leader never asks the controller to add it.",
        legal: "While the leader, the replica or the active controller is down, touched by a fault or cut off, or \
                the controller from a majority. Somebody else may be.",
        source: "KIP-497, Partition.maybeExpandIsr",
    },
    Entry {
        name: "log-start-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A member of the ISR did not let its log start where its leader's has started for long enough.",
        example: "A client has all below 50 deleted. Node 3 goes on fetching from its leader, whose log starts at 50, \
            and keeps the first fifty records: they are back when it leads.",
        legal: "While one of the two is down, touched by a fault or cut from the other.",
        source: "KIP-107, ReplicaFetcherThread.processPartitionData",
    },
];

pub(super) static INVARIANTS: [Entry; 9] = [
    Entry {
        name: "commit-rule",
        kind: Kind::Invariant,
        meaning: "A record counts as committed only when every electable replica holds it, and stays \
                  what it is.",
        example: "Broken by commit-before-replication, committed-overwritten.",
        legal: "Above the commit, replicas may differ.",
        source: "KIP-101, KIP-966",
    },
    Entry {
        name: "high-watermark",
        kind: Kind::Invariant,
        meaning: "A high watermark covers committed records of the own log only, and a leader's never \
                  falls in an epoch.",
        example: "Broken by hw-regress-same-epoch, hw-above-leo, high-watermark-ahead.",
        legal: "A follower's may fall, and a new leader's may start low.",
        source: "KIP-966",
    },
    Entry {
        name: "isr-membership",
        kind: Kind::Invariant,
        meaning: "Whoever may be elected cleanly holds every committed record.",
        example: "Broken by isr-incomplete, isr-join-too-early.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KIP-497, KAFKA-7128",
    },
    Entry {
        name: "isr-candidates",
        kind: Kind::Invariant,
        meaning: "A leader proposes only replicas that it takes for active, in their present uptime.",
        example: "Broken by isr-join-ineligible.",
        legal: "The leader may not know yet that a replica was fenced.",
        source: "KIP-841, KIP-903",
    },
    Entry {
        name: "following",
        kind: Kind::Invariant,
        meaning: "A leader counts only fetches of its own epoch and of a follower's present \
                  uptime.",
        example: "Broken by fetch-of-other-epoch, unheard-member-counted.",
        legal: "Never.",
        source: "KIP-320, KIP-903",
    },
    Entry {
        name: "replica-lag",
        kind: Kind::Invariant,
        meaning: "Who has not caught up for too long leaves the ISR, so that it holds nobody \
                  up.",
        example: "Broken by laggard-in-isr.",
        legal: "While its leader cannot look.",
        source: "KIP-16",
    },
    Entry {
        name: "replication-quota",
        kind: Kind::Invariant,
        meaning: "A replication quota holds up nobody who is in sync.",
        example: "Broken by in-sync-held-up.",
        legal: "Never.",
        source: "KIP-73, KAFKA-4313",
    },
    Entry {
        name: "isr-shrink",
        kind: Kind::Invariant,
        meaning: "An in-sync replica that keeps up stays one.",
        example: "Broken by shrink-too-early.",
        legal: "Never.",
        source: "KIP-16",
    },
    Entry {
        name: "replication-due",
        kind: Kind::Invariant,
        meaning: "When nothing stands in the way, what all in-sync replicas hold is committed, and who has \
            caught up is in sync, in time.",
        example: "Broken by commit-overdue, expansion-overdue, log-start-overdue.",
        legal: "While a fault lasts that touches who is needed, or one of them is down, unless a leader is alone.",
        source: "KIP-101, KIP-497",
    },
];
