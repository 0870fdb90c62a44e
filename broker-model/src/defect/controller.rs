//! Wrong and weak rules of the active controller.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of the active controller.
ControllerDefect {
    UncleanElection {
        name: "unclean-election",
        source: "KIP-106, KAFKA-4623; a setting whose default was true before 0.11",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "illegal-unclean-election" in "unclean-trap", seed 1,
        meaning: "A replica outside ISR and ELR is elected although the topic forbids it.",
        example: "The leader is alone in the ISR and dies. A replica that lags is elected instead of \
            leaving the partition offline, and the old leader cuts its log to the new one's when \
            it comes back.",
    }

    MemberEpochsIgnored {
        name: "member-epochs-ignored",
        source: "KIP-903; ReplicationControlManager.ineligibleReplicasForIsr",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "stale-isr-change-accepted" in "unheard-proposal", seed 14,
        meaning: "The controller does not look in which uptime the leader saw the members of an ISR caught up.",
        example: "A leader proposes a follower, and the proposal is under way for long. The follower loses power, and \
            unflushed records, and is registered anew: the controller lets it into the ISR without them.",
    }

    ReassignmentEndsEarly {
        name: "reassignment-ends-early",
        source: "KIP-455: PartitionReassignmentReplicas.maybeCompleteReassignment, its last condition left out",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "reassignment-too-early" in "reassignment-under-fire", seed 1,
        meaning: "A reassignment ends as soon as one of the replicas that are to stay is in sync: the \
            others give up their logs although those that take their places have not caught up.",
        example: "A partition moves from brokers 1, 2 and 3 to 4, 5 and 6. As soon as 4 has joined the \
            ISR, 1, 2 and 3 delete what they have: everything is on one disk.",
    }

    DropKeepsLeaderEpoch {
        name: "drop-keeps-leader-epoch",
        source: "PartitionChangeBuilder.triggerLeaderEpochBumpForReplicaReassignmentIfNeeded, left out",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "epoch-regress" in "reassignment-under-fire", seed 1,
        meaning: "A replica is taken out of a partition in the same leader epoch, so that nothing tells \
            its fetches from before apart.",
        example: "A broker gives up its replica and is given it again in the same epoch. A fetch that it \
            sent before is under way for long: its offset counts for a log that is empty by now.",
    }

    ElrOutlivesMinimum {
        name: "elr-outlives-minimum",
        source: "KIP-966: ConfigurationControlManager.createClearElrRecordsAsNeeded, left out",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "commit-before-replication" in "settings-under-fire", seed 2,
        meaning: "Who was eligible to lead because the high watermark stood still stays so although \
            min.insync.replicas was changed, and the high watermark moves again without it.",
        example: "Of two replicas in sync, with min.insync.replicas=2, one dies and stays eligible. An administrator \
            sets it to 1 so that producers go on. What they are acknowledged then the other does not have, and \
            it is elected when the leader dies.",
    }

    ClearsLastEligible {
        name: "minimum-clears-last-eligible",
        source: "KIP-966; ConfigurationControlManager.createClearElrRecordsAsNeeded, ClearElrRecord",
        affected: Affected::Open { since: Version::new(4, 0, 0) },
        side: Server,
        shows: "replication" / "registration-shape" in "swarm-administration", seed 504,
        meaning: "When min.insync.replicas is changed nobody is eligible any more, where nobody leads, too: the \
            partition has no leader for good, though replicas have all that is committed.",
        example: "A partition's brokers are down. An administrator lowers its min.insync.replicas, so that one of them \
            will do. They come back, and none of them is elected.",
    }

    AssignmentElectsNobody {
        name: "assignment-elects-nobody",
        source: "KIP-858: ReplicationControlManager.handleAssignReplicasToDirs, whose LeaderAcceptor goes by the \
            directory before",
        affected: Affected::Open { since: Version::new(3, 7, 0) },
        side: Server,
        shows: "liveness" / "partition-leaderless" in "disk-dies-while-down", seed 63,
        meaning: "A replica whose broker tells that it is in a directory that is online is not elected, although \
            its partition waits for nobody else.",
        example: "The last known leader of a partition comes back with a new disk in place of the one that \
            died. It is unfenced before it has told where its replica is, so that it is not elected then; \
            and when it has told, nobody asks again until leaders are balanced.",
    }

    OfflineDirectoryStaysInSync {
        name: "offline-directory-stays-in-sync",
        source: "KIP-858: ReplicationControlManager.handleDirectoriesOffline without its elections",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "offline-replica-leads" in "log-directory-dies", seed 1,
        meaning: "The controller writes down that a log directory of a broker is offline, and leaves the \
            replicas in it in the ISR and in the lead.",
        example: "A disk of a broker dies. The broker goes on with its other disks and its heartbeats, so \
            nobody fences it: the partitions that it led on the dead disk answer \
            KAFKA_STORAGE_ERROR until somebody stops it.",
    }

    UncleanStopForgotten {
        name: "unclean-stop-forgotten",
        source: "KIP-966, KAFKA-18106; ReplicationControlManager.handleBrokerUncleanShutdown",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "fenced-in-isr" in "unclean-trap", seed 1,
        meaning: "A broker whose last uptime ended without a clean shutdown stays eligible to lead what it may \
            have lost.",
        example: "The last eligible replica of a partition loses power, and with it what it had not flushed. It \
            comes back, tells that it was not stopped cleanly, is elected all the same, and everybody cuts to \
            its log.",
    }

    RegistrationKeepsIsr {
        name: "registration-keeps-isr",
        source: "KAFKA-15586; ClusterControlManager.registerBroker",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "fenced-in-isr" in "whole-cluster-outage", seed 1,
        meaning: "A broker that registers its next uptime before its last one has expired keeps its place in the \
            ISR.",
        example: "A machine loses power and is back within the session timeout. Nobody was fenced: it is still \
            in the ISR, with a log that has lost its end, and counts for what is committed.",
    }

    SameUptimeGetsNewEpoch {
        name: "same-uptime-gets-new-epoch",
        source: "KAFKA-16952, KAFKA-16757; ClusterControlManager.registerBroker",
        affected: Affected::Fixed { since: Version::new(3, 0, 0), fixed: &[Version::new(3, 8, 0)] },
        side: Server,
        shows: "leadership" / "uptime-registered-twice" in "controller-failover", seed 42,
        meaning: "A broker that registers the same uptime again is given another broker epoch, and is fenced.",
        example: "The answer to a registration is lost, and the broker asks again. It is registered anew, leaves \
            every ISR, and what it sends in the epoch that it has is refused as stale.",
    }

    ProducerIdsGivenAgain {
        name: "producer-ids-given-again",
        source: "KAFKA-15552; ProducerIdControlManager.generateNextProducerId",
        affected: Affected::Never,
        side: Server,
        shows: "ordering" / "producer-id-block-overlap" in "calm", seed 1,
        meaning: "The controller gives out a block of producer ids that it has given out before.",
        example: "Two producers have the same id: the sequences of the one are those of the other, and what the \
            second sends is taken for what the first has sent, or refused.",
    }

    FencesFromOneState {
        name: "fences-from-one-state",
        source: "KAFKA-13173; ReplicationControlManager.maybeFenceStaleBrokers",
        affected: Affected::Fixed { since: Version::new(2, 8, 0), fixed: &[Version::new(3, 0, 0)] },
        side: Server,
        shows: "replication" / "registration-shape" in "whole-cluster-outage", seed 1,
        meaning: "Brokers whose sessions end together are fenced at once, each by what was true before: what is \
            written for the second one undoes what is for the first.",
        example: "Of three replicas in sync two are cut off, the leader and another. For the first the ISR is \
            written without it, and another leader; for the second, without that one and with the first, which \
            leads again: a broker that is gone.",
    }

    NeverBalances {
        name: "never-balances",
        source: "QuorumController.electPreferred, left out; ReplicationControlManager.maybeBalancePartitionLeaders",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "preferred-leader-overdue" in "leader-balance", seed 4,
        meaning: "Partitions are never given back to their preferred leaders, whatever \
            auto.leader.rebalance.enable says.",
        example: "Brokers are restarted one after another. Each hands its partitions to others, and gets none of them \
            back: in the end the first one leads everything.",
    }

    ReassignmentNeverEnds {
        name: "reassignment-never-ends",
        source: "KIP-455: PartitionChangeBuilder.completeReassignmentIfNeeded, left out",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "reassignment-unfinished" in "reassignment-under-fire", seed 1,
        meaning: "A reassignment goes on when all replicas that it adds are in sync: those that were to go stay.",
        example: "A partition moves from brokers 1, 2 and 3 to 4, 5 and 6, so that the first three can be taken away. \
            All six are in sync, and the reassignment is listed as under way for ever.",
    }

    SessionsNeverEnd {
        name: "sessions-never-end",
        source: "KIP-631: ReplicationControlManager.maybeFenceStaleBrokers, left out",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "fencing-overdue" in "leader-crash", seed 1,
        meaning: "A broker of which the controller hears no more is never fenced.",
        example: "A broker loses its network. Nobody is elected in its place: what it led stands still until it \
            is back.",
    }

    UnfencingElectsNobody {
        name: "unfencing-elects-nobody",
        source: "KIP-631: ReplicationControlManager.handleBrokerUnfenced, left out",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "election-overdue" in "impatient-producers", seed 1,
        meaning: "A broker that is unfenced is elected nowhere, though nobody leads partitions whose last member in \
            sync it is.",
        example: "All brokers of a cluster are restarted at once. They are let in again, and the partitions that the \
            last of them led have no leader until something else changes them.",
    }

    UnfencesBehind {
        name: "unfences-behind",
        source: "KIP-631: BrokerHeartbeatManager.calculateNextBrokerState, without its looks at the metadata offset \
            and at WantFence",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "unfenced-unready" in "swarm", seed 1,
        meaning: "A broker is unfenced by its first heartbeat, whether or not it says that it has applied the metadata \
            up to its registration.",
        example: "A broker starts and has much metadata to read. It is elected, and does not know that the partitions \
            exist: their clients are refused until it does.",
    }

    LeaderYields {
        name: "leader-yields",
        source: "PartitionChangeBuilder.electAnyLeader, without its look at the present leader",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "needless-election" in "swarm-administration", seed 1,
        meaning: "With each change of a partition the first replica in sync is elected, though another one leads and \
            may go on.",
        example: "A slow follower leaves the ISR and joins it again. The lead moves to and fro with it, and each time \
            all clients have to find the new leader.",
    }

    FailoverFencesAll {
        name: "failover-fences-all",
        source: "ClusterControlManager.activate, which is to begin the session of each unfenced broker anew",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "fenced-in-session" in "swarm", seed 1,
        meaning: "A controller that becomes active takes the sessions of the brokers that are unfenced for over.",
        example: "The active controller is restarted. The next one fences all brokers one after the other, though each \
            sends its heartbeats: every partition is without a leader until they have told that they are there.",
    }

    ReassignmentSortsReplicas {
        name: "reassignment-sorts-replicas",
        source: "KIP-455; PartitionReassignmentReplicas, which keeps the order that was asked for",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "reassigned-to-others" in "swarm-administration", seed 9,
        meaning: "A reassignment registers the replicas by their ids, and not in the order that was asked for.",
        example: "A partition is to go to brokers 6, 4 and 5 so that 6 leads it. The first of its replicas is 4, to \
            which the balancing of leaders gives it, with all others that were to be spread.",
    }
} }
