//! Wrong and weak rules of leaders and followers.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of leaders and followers.
ReplicationDefect {
    TruncateToHw {
        name: "truncate-to-hw",
        source: "KIP-101, KAFKA-1211",
        affected: Affected::Fixed { since: Version::new(0, 8, 0), fixed: &[Version::new(0, 11, 0)] },
        side: Server,
        shows: "durability" / "committed-truncation" in "quick-failover", seed 9,
        meaning: "A new follower cuts its log at its own high watermark, which lags behind what is \
            committed, and then may be elected without those records.",
        example: "A follower has a record that the leader has committed, but has not heard so yet. It \
            restarts and cuts the record away; before it has fetched it again the leader dies, and \
            the follower is elected: it is still in the ISR. The record is gone everywhere.",
    }

    LowWatermarkIgnoresFollowers {
        name: "low-watermark-ignores-followers",
        source: "KIP-107; Partition.lowWatermarkIfLeader",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "deleted-records-return" in "retention-and-laggard", seed 145,
        meaning: "A client is told that records are deleted as soon as the leader's log starts behind them: a replica \
            that is elected next may offer them again.",
        example: "A client deletes the records below 40 and is told so. The leader dies before a follower has heard of \
            it; the follower is elected, its log starts at 0, and a new consumer reads what was deleted.",
    }

    NoFetchEpochFencing {
        name: "no-fetch-epoch-fencing",
        source: "KIP-320, KAFKA-6880, KAFKA-7395",
        affected: Affected::Fixed { since: Version::new(0, 8, 0), fixed: &[Version::new(2, 1, 0)] },
        side: Server,
        shows: "leadership" / "fetch-of-other-epoch" in "zombie-follower", seed 1,
        meaning: "A leader takes fetches from followers that live in another epoch, so that their fetch \
            offsets count although their logs have parted.",
        example: "A follower's metadata is late, and it misses that the leadership went elsewhere and \
            came back. It fetches on in the old epoch, with records that the leader has cut away \
            meanwhile: its offset counts, others are committed at the same offsets, and it may be \
            elected without them.",
    }

    IsrExpandOnlyHw {
        name: "isr-expand-only-hw",
        source: "KAFKA-7128",
        affected: Affected::Fixed {
            since: Version::new(0, 8, 0),
            fixed: &[Version::new(2, 0, 1), Version::new(2, 1, 0)],
        },
        side: Server,
        shows: "replication" / "isr-join-too-early" in "catch-up-race", seed 2,
        meaning: "A replica joins the ISR as soon as it reaches the leader's high watermark, although a \
            new leader's lags behind what is committed.",
        example: "Committed up to 10; a new leader still believes 5. A replica that ends at 5 has \
            reached that and joins the ISR. The leader dies, and the replica is elected without \
            offsets 5 to 9.",
    }

    HwUsesProposedIsr {
        name: "hw-uses-proposed-isr",
        source: "KIP-497, Partition.maximalIsr",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "commit-before-replication" in "isr-race", seed 1,
        meaning: "A leader commits on the ISR that it has asked for, before the controller has accepted \
            it.",
        example: "A leader asks to drop a slow follower while it is cut off from the controllers. It \
            commits and acknowledges without that follower; the controller, which still counts it \
            in, elects it.",
    }

    IsrAllowsFenced {
        name: "isr-allows-fenced",
        source: "KAFKA-13916, KIP-841",
        affected: Affected::Fixed { since: Version::new(2, 7, 0), fixed: &[Version::new(3, 3, 0)] },
        side: Server,
        shows: "leadership" / "isr-join-ineligible" in "controller-failover", seed 1,
        meaning: "A leader proposes a replica for the ISR, and the controller takes it, although the replica \
            is fenced or shuts down.",
        example: "A broker stops in a controlled way and is taken out of every ISR. It still fetches: its \
            leaders let it in again, and it is elected a moment before it is gone.",
    }

    IsrNoBrokerEpoch {
        name: "isr-no-broker-epoch",
        source: "KAFKA-14139, KIP-903",
        affected: Affected::Fixed { since: Version::new(2, 7, 0), fixed: &[Version::new(3, 5, 0)] },
        side: Server,
        shows: "replication" / "fetch-of-earlier-uptime" in "refused-join", seed 1,
        meaning: "Neither a leader nor the controller looks in which uptime a replica was caught up that is \
            to join the ISR.",
        example: "A follower fetches up to the end and loses power, and unflushed records with it. A fetch \
            that it had sent before arrives after it is back: the leader takes it for caught up and \
            proposes it, and the controller lets it in without its records.",
    }

    StalePartitionEpoch {
        name: "stale-partition-epoch",
        source: "KAFKA-1382, \"Cached zkVersion not equal\"; here for a change by the controller",
        affected: Affected::Fixed { since: Version::new(0, 8, 0), fixed: &[Version::new(0, 8, 2)] },
        side: Server,
        shows: "liveness" / "expansion-overdue" in "follower-crash", seed 24,
        meaning: "A leader never reads again which version of the registration is current, so that every \
            change of the ISR that it asks for is refused once somebody else has changed it.",
        example: "A follower dies, and the controller takes it out of the ISR. The leader does not hear \
            of it: when the follower is back, nobody adds it again.",
    }

    NoHwOnShrink {
        name: "no-hw-on-shrink",
        source: "KAFKA-13091, KIP-497",
        affected: Affected::Fixed { since: Version::new(2, 7, 0), fixed: &[Version::new(3, 1, 0)] },
        side: Server,
        shows: "liveness" / "commit-overdue" in "group-administration", seed 4,
        meaning: "A leader does not compute its high watermark anew when a member that held it back has \
            left the ISR.",
        example: "A follower dies for good with records under way. The ISR shrinks to the leader, which \
            has them all, but they stay uncommitted until somebody produces again.",
    }

    GoneJoinerHolds {
        name: "gone-joiner-holds",
        source: "Partition.maybeShrinkIsr, Partition.maybeIncrementLeaderHW",
        affected: Affected::Open { since: Version::new(0, 10, 2) },
        side: Server,
        shows: "liveness" / "commit-overdue" in "gone-joiner", seed 33,
        meaning: "A leader that looks who lags does not look at its high watermark: whoever was about to join the ISR \
            holds that back, gone or not, until somebody produces again or the ISR changes.",
        example: "A replica that has nearly caught up dies with records under way, for which it was waited. All of \
            the ISR have them, but consumers do not see them and acks=all has no answer: nobody looks again before \
            a producer has lost its patience and sends them once more.",
    }

    IsrShrinksEarly {
        name: "isr-shrinks-early",
        source: "KIP-16; Partition.isFollowerOutOfSync",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "shrink-too-early" in "swarm", seed 1,
        meaning: "A leader takes a member for out of sync that has lagged for a quarter of \
            replica.lag.time.max.ms.",
        example: "A follower's disk is slow for two of the ten seconds that it may be. It leaves the ISR, and what is \
            acknowledged from then on stands on fewer disks than its owner believes.",
    }

    LoneLeaderWaits {
        name: "lone-leader-waits",
        source: "Partition.appendRecordsToLeader, Partition.maybeIncrementLeaderHW",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "commit-overdue" in "swarm", seed 5,
        meaning: "A leader that is alone in its ISR does not look at its high watermark when it appends.",
        example: "All followers are down, and min.insync.replicas is 1. A producer waits for acks=all until the \
            leader looks for another reason: nobody else has to copy its records.",
    }

    ReelectionKeepsFollowers {
        name: "reelection-keeps-followers",
        source: "Replica.resetReplicaState",
        affected: Affected::Open { since: Version::new(0, 8, 0) },
        side: Server,
        shows: "replication" / "unheard-member-counted" in "stalled-publisher", seed 2,
        meaning: "A leader that is elected again, and has not followed in between as far as it knows, \
            goes by where its followers' logs ended in its earlier epoch.",
        example: "Another broker leads for a moment, and a follower cuts its log to that one's. The old \
            leader hears of both elections at once. It counts what the follower had before the cut, and \
            acknowledges records that nobody else holds.",
    }

    ProposalTakesNewestEpochs {
        name: "proposal-takes-newest-epochs",
        source: "KIP-903",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "isr-incomplete" in "unheard-proposal", seed 14,
        meaning: "An ISR proposal that is sent again names the broker epochs that its members have then, \
            not those of the time at which the leader saw them caught up.",
        example: "A leader proposes a follower, and the controller that it asks is cut off. The follower \
            loses power and unflushed records, and is registered by the next controller. The proposal is \
            sent there with the new broker epoch: the follower joins the ISR without its records.",
    }

    MinimumNotTold {
        name: "minimum-not-told",
        source: "KIP-966; ReplicationControlManager.alterPartition, Partition.handleAlterPartitionUpdate",
        affected: Affected::Open { since: Version::new(4, 0, 0) },
        side: Server,
        shows: "replication" / "commit-before-replication" in "swarm-administration", seed 134,
        meaning: "Who leaves the ISR stays eligible by the min.insync.replicas that the controller knows, while the \
            leader, which is told its new ISR but not the minimum, commits by the one that it has heard of.",
        example: "min.insync.replicas is raised to two. Before the leader hears of it, it takes its only follower \
            out of the ISR: that one stays eligible, since less than two are left. The leader commits alone and \
            crashes, and the follower is elected without what was acknowledged.",
    }

    CommitsBelowMinIsr {
        name: "commits-below-min-isr",
        source: "KAFKA-15583, KIP-966; Partition.maybeIncrementLeaderHW",
        affected: Affected::Fixed { since: Version::new(0, 8, 2), fixed: &[Version::new(3, 7, 0)] },
        side: Server,
        shows: "durability" / "commit-below-min-isr" in "quick-failover", seed 1,
        meaning: "A leader moves its high watermark although fewer replicas are in sync than \
            `min.insync.replicas`: what was sent with acks=1 or 0 is committed on too few.",
        example: "Two of three replicas are gone, and the topic demands two in sync. The leader commits on its own \
            log, and consumers read it. It dies; a replica that left the ISR before is still eligible, as nothing \
            was to be committed without it, and leads without those records.",
    }

    EqualEpochEndsProposal {
        name: "equal-epoch-ends-proposal",
        source: "Partition.makeLeader, KAFKA-13790",
        affected: Affected::Open { since: Version::new(2, 8, 0) },
        side: Server,
        shows: "replication" / "commit-before-replication" in "catch-up-race", seed 2,
        meaning: "A leader that hears the registration again by whose version it goes forgets the change \
            of the ISR that it has asked for meanwhile.",
        example: "The controller's answer tells a leader that its ISR has changed, and at once it asks to add \
            a follower. The metadata log brings the first change too, with the same version: the leader \
            drops what it asked for, and its high watermark does not wait for the follower, which the \
            controller has let in and may elect.",
    }

    LagByWallClock {
        name: "lag-by-wall-clock",
        source: "ReplicaManager.fetchMessages, Partition.getOutOfSyncReplicas, SystemTime.milliseconds",
        affected: Affected::Open { since: Version::new(0, 9, 0) },
        side: Server,
        shows: "liveness" / "laggard-in-isr" in "clock-skew", seed 3,
        meaning: "A leader measures how far its followers lag by the wall clock: when that is set back, a \
            follower that lags stays in the ISR for as long as the clock was set back, and nothing commits.",
        example: "The leader's clock is set back by a minute. A follower was caught up right before that; now \
            it is cut off. For more than a minute it counts as caught up a moment ago, and with it in the ISR \
            the high watermark stands still.",
    }

    OldFetchAnswersCount {
        name: "old-fetch-answers-count",
        source: "KIP-320; AbstractFetcherThread.processFetchRequest, \
            Partition.doAppendRecordsToFollowerOrFutureReplica",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "stale-answer-applied" in "swarm", seed 5,
        meaning: "A follower takes a leader's answer although it follows in another epoch than when it asked.",
        example: "A follower asks in epoch 3. The leader is elected again, in epoch 5, and what a leader of epoch 4 \
            had written is cut away meanwhile; the old answer arrives late, and brings in what nobody has any more.",
    }

    OldIsrAnswersCount {
        name: "old-isr-answers-count",
        source: "KIP-497; Partition.submitAlterPartition, Partition.handleAlterPartitionUpdate",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "stale-answer-applied" in "isr-race", seed 1,
        meaning: "A leader takes the controller's answer to whatever it proposed, not only to what it proposes now.",
        example: "A leader hears of its new ISR from the metadata log and proposes the next one. The answer to the \
            first proposal arrives: it is taken for the answer to the second.",
    }

    EpochNotNamed {
        name: "epoch-not-named",
        source: "KIP-279, KAFKA-6361; AbstractFetcherThread.getOffsetTruncationState",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(2, 0, 0)] },
        side: Server,
        shows: "replication" / "divergence-kept" in "stalled-publisher", seed 9,
        meaning: "A leader tells a follower where their logs part, and not of which epoch that is the end: the \
            follower cuts there, whatever it has before that.",
        example: "Two leaders follow each other within a second, and each has a record that nobody else has. The \
            second one has more of them, and cuts where the first one's epoch ends at the next leader: below that \
            offset it keeps records of its own, which differ from the leader's.",
    }

    KeepsLogStart {
        name: "keeps-log-start",
        source: "KIP-107; ReplicaFetcherThread.processPartitionData",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "log-start-overdue" in "nearest-replica", seed 1,
        meaning: "A follower does not take its leader's log start over.",
        example: "A client has all records of a customer deleted, and is told so after its patience is over. A \
            follower keeps them until it leads: then they are back.",
    }

    UnknownEpochServed {
        name: "unknown-epoch-served",
        source: "KIP-101, KIP-279; UnifiedLog.endOffsetForEpoch, Partition.readRecords",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "heard-of-other-log" in "quick-failover", seed 119,
        meaning: "A leader gives records to a follower whose last epoch it does not know, as if the logs had not \
            parted.",
        example: "A leader of epoch 4 appends one record that nobody else has, and dies. The leader of epoch 5 never \
            heard of epoch 4, and its log is longer: the old one fetches from its own end and gets what follows.",
    }

    DivergingFetchCounts {
        name: "diverging-fetch-counts",
        source: "KAFKA-13141; KafkaApis, Partition.fetchRecords, Partition.updateFollowerFetchState",
        affected: Affected::Fixed {
            since: Version::new(2, 7, 0),
            fixed: &[Version::new(2, 8, 1), Version::new(3, 0, 0)],
        },
        side: Server,
        shows: "replication" / "heard-of-other-log" in "quick-failover", seed 1,
        meaning: "A leader counts the fetch of a follower whose log it finds to have parted from its own.",
        example: "A leader that was deposed comes back with ten records that nobody has. The new leader tells it \
            where to cut, and takes it for one that has everything up to there: what is sent next counts as \
            replicated and is acknowledged. The new leader dies, the other one is elected, and has none of it.",
    }

    EpochBeginsAtAppend {
        name: "epoch-begins-at-append",
        source: "KAFKA-7415; Partition.makeLeader, LeaderEpochFileCache.assign",
        affected: Affected::Fixed {
            since: Version::new(0, 11, 0),
            fixed: &[Version::new(2, 0, 1), Version::new(2, 1, 0)],
        },
        side: Server,
        shows: "replication" / "epoch-cache-mismatch" in "quick-failover", seed 1,
        meaning: "A leader notes that its epoch begins with the first record that it appends, and not when it is \
            elected.",
        example: "Two leaders are elected one after the other, and nobody writes. A follower that has records of \
            an epoch between theirs asks where that one ends, and the leader knows nothing of its own epoch.",
    }
    ThrottlesInSync {
        name: "throttles-in-sync",
        source: "KAFKA-4313; ReplicaManager.shouldLeaderThrottle, RemoteLeaderEndPoint.shouldFollowerThrottle",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "in-sync-held-up" in "throttled-reassignment", seed 1,
        meaning: "A replication quota that is exceeded holds up replicas that are in sync, too.",
        example: "A partition is moved with a throttle. The new replica takes all that the quota allows, and the \
            followers in the ISR get nothing either: they fall behind, leave the ISR, and nobody may write.",
    }
} }
