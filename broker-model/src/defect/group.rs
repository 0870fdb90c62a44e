//! Wrong rules of group coordinators and of consumers in groups.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong rules of group coordinators and of consumers in groups.
GroupDefect {
    CommitIgnoresGeneration {
        name: "commit-ignores-generation",
        source: "KAFKA-2596; ClassicGroup.validateOffsetCommit",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "stale-commit-accepted" in "zombie-consumer", seed 1,
        meaning: "A coordinator takes a commit without looking whether it comes from a member of the \
            present generation.",
        example: "A consumer stands still for longer than its session. Its partitions go to another one, \
            which reads on and commits 100. The first one wakes up and commits what it had read, 50: \
            whoever comes next reads 50 to 100 again.",
    }
    TxnCommitIgnoresGeneration {
        name: "txn-commit-ignores-generation",
        source: "KIP-447; OffsetMetadataManager.validateTransactionalOffsetCommit",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(2, 5, 0)] },
        side: Server,
        shows: "offsets" / "stale-commit-accepted" in "exactly-once", seed 3,
        meaning: "A coordinator takes offsets within a transaction from who is no member of the group any \
            more: only the fence of the producer stands between.",
        example: "A member stands still amid its transaction. Its partitions go to another one, whose \
            producer has an id of its own and fences nobody. The first one wakes up and commits: its \
            records have been processed twice, in two committed transactions.",
    }
    UnstableOffsetsTold {
        name: "unstable-offsets-told",
        source: "KIP-447; OffsetMetadataManager.fetchOffsets, requireStable",
        affected: Affected::Fixed { since: Version::new(0, 11, 0), fixed: &[Version::new(2, 5, 0)] },
        side: Server,
        shows: "offsets" / "eos-duplicate" in "exactly-once", seed 7,
        meaning: "Who gets a partition is told the committed offset while a transaction that commits a later one \
            is open.",
        example: "A member has sent its offsets, and the commit of its transaction is on its way, when its \
            partition goes to another one. That is told where the group was before, and processes the same \
            records again: both transactions are committed.",
    }
    StaticRejoinNotStored {
        name: "static-rejoin-not-stored",
        source: "KAFKA-10284; GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin",
        affected: Affected::Fixed {
            since: Version::new(2, 3, 0),
            fixed: &[Version::new(2, 6, 1), Version::new(2, 7, 0)],
        },
        side: Server,
        shows: "offsets" / "double-ownership" in "static-member-bounce", seed 1,
        meaning: "A static member that is back gets a new id that only the coordinator's memory knows.",
        example: "A consumer restarts and takes its place with a new id. The coordinator fails; the next \
            one knows the old id alone, and tells the live consumer that it is fenced.",
    }
    ExpiresActiveGroups {
        name: "expires-active-groups",
        source: "KIP-211, KAFKA-4682",
        affected: Affected::Fixed { since: Version::new(0, 9, 0), fixed: &[Version::new(2, 1, 0)] },
        side: Server,
        shows: "offsets" / "live-offset-expired" in "offset-expiration", seed 1,
        meaning: "Offsets expire by the age of their commit, although the group has members that read \
            the partition.",
        example: "A partition is quiet for longer than `offsets.retention.minutes`. Its consumer restarts, \
            finds no offset and starts where `auto.offset.reset` says: at the end, behind records that \
            nobody has read.",
    }
    CommitAnsweredAtAppend {
        name: "commit-answered-at-append",
        source: "CoordinatorRuntime, OffsetMetadataManager: without the deferred event queue",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "answer-before-commit" in "coordinator-failover", seed 1,
        meaning: "A coordinator answers a commit as soon as its own log has it.",
        example: "A consumer commits 100 and is told so. The coordinator's machine dies before a follower \
            has the record: the next coordinator knows 50.",
    }
    CoordinatorNotUnloaded {
        name: "coordinator-not-unloaded",
        source: "KAFKA-9235, KAFKA-20115",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "acts-in-older-epoch" in "coordinator-failover", seed 1,
        meaning: "A coordinator that does not lead its partition any more goes on answering from memory.",
        example: "A broker loses the leadership of a partition of `__consumer_offsets` and keeps its groups. \
            It answers heartbeats of members that the new coordinator has long thrown out.",
    }
    PartitionEpochLost {
        name: "partition-epoch-lost",
        source: "KAFKA-16147; ConsumerGroup.maybeUpdatePartitionEpoch",
        affected: Affected::Fixed { since: Version::new(3, 7, 0), fixed: &[Version::new(3, 8, 0)] },
        side: Server,
        shows: "offsets" / "double-ownership" in "next-gen-rebalance", seed 22,
        meaning: "A partition that a member gives up and is given again at once counts as nobody's.",
        example: "A target takes a partition from A, the next one gives it back before A has let go of it, \
            and the one after gives it to B: B has it at once, while A reads on.",
    }
    AssignsBeforeRevocation {
        name: "assigns-before-revocation",
        source: "KIP-848; CurrentAssignmentBuilder.ownsRevokedPartitions",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "next-gen-rebalance", seed 1,
        meaning: "A coordinator gives partitions on before the member that has them says that it is done.",
        example: "B joins and is given half of A's partitions with its first heartbeat. A hears of it with its \
            next one: until then both read them, and A commits over B.",
    }
    AssignsUnreleased {
        name: "assigns-unreleased",
        source: "KIP-848; CurrentAssignmentBuilder, currentPartitionEpoch",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "double-ownership" in "next-gen-rebalance", seed 1,
        meaning: "A coordinator gives a member all of its target, whoever holds it.",
        example: "A has been told to give a partition up and takes its time. B, whose target has it, gets it \
            with its next heartbeat.",
    }
    StaleEpochMeansNoOffset {
        name: "stale-epoch-means-no-offset",
        source: "KAFKA-20442; CommitRequestManager, platformatic/kafka issue 267",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "lost-commit" in "next-gen-rebalance", seed 123,
        meaning: "A consumer that asks for offsets in an epoch that has passed takes the refusal for `nothing is \
            committed`.",
        example: "A member gets a partition, asks where its group is there, and the coordinator has gone to the next \
            epoch meanwhile. It starts where `auto.offset.reset` says, far from what was committed.",
    }
    UpgradeForgetsHoldings {
        name: "upgrade-forgets-holdings",
        source: "KIP-848; ConsumerGroup.fromClassicGroup",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "protocol-upgrade", seed 3,
        meaning: "A classic group becomes one of the consumer protocol, and nobody knows what its members were given.",
        example: "Two members read all partitions when a third one joins by the consumer protocol. Nobody seems to \
            hold anything: the third one gets its share at once, while the two read on.",
    }
    ClassicMemberNotTold {
        name: "classic-member-not-told",
        source: "KIP-848; GroupMetadataManager.classicGroupHeartbeatToConsumerGroup",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "consumer-lag" in "protocol-upgrade", seed 2,
        meaning: "In a group of the consumer protocol, heartbeats of the classic one are answered as if nothing had \
            changed.",
        example: "A member joins by the consumer protocol and waits for partitions of one that speaks the classic one. \
            That is never told to join again, and never gives them up.",
    }
    LateCommitCounts {
        name: "late-commit-counts",
        source: "OffsetMetadataManager.commitOffset",
        affected: Affected::Open { since: Version::new(0, 9, 0) },
        side: Server,
        shows: "offsets" / "lost-commit" in "late-member", seed 97,
        meaning: "A commit that lay on the way counts although its member was heard of on another connection \
            since, if it is still in the same generation or epoch.",
        example: "A commit of 75 lies on the way, and its consumer commits on another connection: 75 again, then \
            81. The late one arrives: whoever has the partition next begins at 75.",
    }
    LateHeartbeatCounts {
        name: "late-heartbeat-counts",
        source: "KIP-848; GroupMetadataManager.throwIfConsumerGroupMemberEpochIsInvalid",
        affected: Affected::Open { since: Version::new(3, 7, 0) },
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "late-member", seed 51,
        meaning: "What a heartbeat says of its member's partitions counts although it lay on the way, if its epoch is \
            the present one or the one before.",
        example: "A heartbeat that names partition 0 lies on the way. Its member asks again on another connection and \
            is given 1, too. The target takes 1 away, and the late heartbeat, which does not name it, says that it is \
            given up: another one reads it with the member.",
    }
    StaleGenerationErrorCounts {
        name: "stale-generation-error-counts",
        source: "KAFKA-9823; AbstractCoordinator.CoordinatorResponseHandler.generationUnchanged",
        affected: Affected::Fixed { since: Version::new(0, 9, 0), fixed: &[Version::new(2, 6, 0)] },
        side: Client,
        shows: "replication" / "stale-answer-applied" in "coordinator-failover", seed 3,
        meaning: "A member that is refused for an older generation gives up its present one.",
        example: "A heartbeat of generation 4 is answered with an error when its member is in generation 5 already. It \
            forgets who it is and joins as somebody else: its partitions are nobody's until its session ends.",
    }
    HeartbeatOmitsPending {
        name: "heartbeat-omits-pending",
        source: "KIP-848; ConsumerHeartbeatRequestManager.HeartbeatState.buildRequestData",
        affected: Affected::Open { since: Version::new(3, 7, 0) },
        side: Client,
        shows: "offsets" / "revocation-unacknowledged" in "late-member", seed 10645,
        meaning: "A heartbeat that names a member's partitions leaves out those that it was given and is about to \
            take.",
        example: "A member is given partitions and does not know their topic yet. Its heartbeat is lost, and the next \
            one, which says all again, names nothing. Meanwhile it takes what it was given; the coordinator, whose \
            target has changed, takes the heartbeat's word that there is nothing to give up.",
    }
    FencedGoesOn {
        name: "fenced-goes-on",
        source: "KIP-848; AbstractMembershipManager.maybeAbortReconciliation",
        affected: Affected::Never,
        side: Client,
        shows: "offsets" / "ungiven-partition-taken" in "slow-rebalance-listener", seed 19,
        meaning: "A consumer that is fenced amid a reconciliation goes on with it once it is a member again.",
        example: "A consumer commits before it gives partitions up, and takes too long. It is thrown out, joins again, \
            and takes what it was about to take, which another one has by now: both read it.",
    }
    DeletesActiveGroups {
        name: "deletes-active-groups",
        source: "KIP-229; ClassicGroup.validateDeleteGroup",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "active-group-deleted" in "group-administration", seed 4,
        meaning: "A coordinator deletes a classic group that has members.",
        example: "A group reads, and an administrator deletes it. Its offsets are gone, its members join a new group \
            of that name and start where `auto.offset.reset` says.",
    }
    UnreleasedForgotten {
        name: "unreleased-forgotten",
        source: "KIP-848; CurrentAssignmentBuilder, MemberState.UNRELEASED_PARTITIONS",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "consumer-lag" in "next-gen-rebalance", seed 1,
        meaning: "A member that waits for partitions of others is not looked at again in that epoch.",
        example: "B joins and waits for half of A's partitions. A gives them up, and nobody gives them to B: they are \
            read by nobody until the group's next epoch.",
    }

    StableAnsweredEarly {
        name: "stable-answered-early",
        source: "GroupMetadataManager.classicGroupSyncToClassicGroup, classicGroupJoinExistingMember",
        affected: Affected::Open { since: Version::new(0, 9, 0) },
        side: Server,
        shows: "offsets" / "double-ownership" in "exactly-once", seed 1968,
        meaning: "A coordinator that has just read its log gives out the assignments of a stable group, though the \
            record with these may not be committed.",
        example: "A coordinator dies with the record of generation 2, which no other replica has. It is back alone, \
            reads it, and a member takes what it was given. Then another broker coordinates, without that record: \
            its own generation 2 gives the partition to somebody else, and both read.",
    }

    OlderEpochsCount {
        name: "older-epochs-count",
        source: "KIP-848; GroupMetadataManager.throwIfConsumerGroupMemberEpochIsInvalid",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "unfenced-request" in "swarm-groups", seed 70,
        meaning: "A heartbeat of any older epoch counts, whatever its member has.",
        example: "A member stands still and is replaced by itself, or misses several answers. What it says in an epoch \
            that is long over is taken for what it has now.",
    }

    ExpiresWhileRebalancing {
        name: "expires-while-rebalancing",
        source: "KAFKA-13636; GroupMetadata.removeExpiredOffsets",
        affected: Affected::Fixed { since: Version::new(2, 1, 0), fixed: &[Version::new(3, 2, 0)] },
        side: Server,
        shows: "offsets" / "live-offset-expired" in "offset-expiration", seed 1,
        meaning: "While a group rebalances nobody knows what its members will read: offsets that are old enough expire \
            meanwhile.",
        example: "A partition is quiet for longer than `offsets.retention.minutes`. Its group rebalances when the \
            coordinator looks for what is old: the offset goes, and its consumer starts where \
            `auto.offset.reset` says.",
    }

    ReplacedTells {
        name: "replaced-coordinator-tells",
        source: "KIP-447; OffsetMetadataManager.fetchOffsets",
        affected: Affected::Open { since: Version::new(2, 5, 0) },
        side: Server,
        shows: "offsets" / "eos-duplicate" in "paused-coordinator", seed 2457,
        meaning: "A coordinator that has not been heard of for longer than its session, and may have been replaced, \
            tells where a group stands.",
        example: "The broker that coordinates stands still, another one takes its place and commits a transaction. The \
            first one wakes, and before it hears of that, a member asks it where to go on: it processes again \
            what that transaction has.",
    }

    UnknownOwnersJoin {
        name: "unknown-owners-join",
        source: "KIP-848; GroupMetadataManager.getOrMaybeSubscribeDynamicConsumerGroupMember",
        affected: Affected::Open { since: Version::new(3, 8, 0) },
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "upgrade-unanswered", seed 25,
        meaning: "In a group of the consumer protocol whoever joins by the classic one under an id that is not known \
            is a new member, even one that says what it owns.",
        example: "A member with partition 0 stands still, expires, and joins again under its id. It is never told that \
            it lost anything: while it was away somebody else read partition 0 and committed; it is given it again \
            and goes on where it was itself.",
    }

    UpgradeFreesUnrevoked {
        name: "upgrade-frees-unrevoked",
        source: "KIP-848; ConsumerGroup.fromClassicGroup",
        affected: Affected::Open { since: Version::new(3, 8, 0) },
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "upgrade-unanswered", seed 4,
        meaning: "A classic group becomes one of the consumer protocol while a cooperative member has yet to give up \
            what it is not given any more: that is free at once.",
        example: "A has partitions 0 to 5 and joins again; its leader gives it 0 to 2, so that it gives up the others \
            next. Before it hears of that somebody joins by the consumer protocol, and gets partition 3: both read \
            it, and what A commits of it counts.",
    }

    UpgradeNeedsGeneration {
        name: "upgrade-needs-generation",
        source: "KIP-848; ConsumerGroup.fromClassicGroup, ClassicGroup.protocolName",
        affected: Affected::Open { since: Version::new(4, 0, 0) },
        side: Server,
        shows: "liveness" / "resources-held" in "upgrade-unanswered", seed 59,
        meaning: "A member of the consumer protocol that joins a classic group before its first generation hears \
            `UNKNOWN_SERVER_ERROR`.",
        example: "A consumer of each protocol starts at about the same time. The classic one waits for \
            `group.initial.rebalance.delay.ms` when the other one joins: the group has no assignor yet by which its \
            members could be read, and the other one fails for good.",
    }

    DowngradeGivesTargets {
        name: "downgrade-gives-targets",
        source: "KIP-848; ClassicGroup.fromConsumerGroup",
        affected: Affected::Open { since: Version::new(3, 8, 0) },
        side: Server,
        shows: "offsets" / "revocation-unacknowledged" in "upgrade-unanswered", seed 247,
        meaning: "When the last member of the consumer protocol goes, the members of the classic group have what was \
            their target, whatever others still hold.",
        example: "A has yet to give partitions 5 and 6 up for B when the group becomes a classic one. Before all have \
            joined that, somebody joins by the consumer protocol, and it is upgraded again: B has 5 and 6 now, which \
            A still reads.",
    }

    StaleCommitErrorCounts {
        name: "stale-commit-error-counts",
        source: "KAFKA-9823; ConsumerCoordinator.OffsetCommitResponseHandler",
        affected: Affected::Open { since: Version::new(2, 6, 0) },
        side: Client,
        shows: "replication" / "stale-answer-applied" in "zombie-consumer", seed 1,
        meaning: "A member whose commit is refused for an older generation gives up its present one, unless it is \
            about to join again.",
        example: "A commit of generation 4 lies on the way while its member joins generation 5. It is refused for its \
            generation, and the member forgets who it is, though it has partitions in generation 5: they are nobody's \
            until it has joined once more.",
    }

    JoinWaitsForAll {
        name: "join-waits-for-all",
        source: "GroupMetadataManager.completeClassicGroupJoin, which is to go on without who has not joined",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "rebalance-overdue" in "swarm-groups", seed 22,
        meaning: "A classic group that rebalances waits for members that do not join for as long as their sessions \
            last, however short the rebalance timeout is.",
        example: "A worker hangs in one record, and its heartbeats go on. Another one joins the group: nobody consumes \
            until the first one is restarted.",
    }

    JoinRepeatedInPart {
        name: "join-repeated-in-part",
        source: "KIP-848; ConsumerHeartbeatRequestManager.HeartbeatState.reset, without which it is so",
        affected: Affected::Never,
        side: Client,
        shows: "liveness" / "invalid-request" in "next-gen-rebalance", seed 1,
        meaning: "A member of the consumer protocol whose heartbeat is lost or refused takes what it told in it for \
            told: where it joins, the next one leaves that out.",
        example: "The coordinator dies with the first heartbeat of a consumer. The consumer asks the next one to let \
            it in and does not name its rebalance timeout, which has not changed: the join is refused as invalid, and \
            the consumer gives up.",
    }

    OlderClaimsIgnored {
        name: "older-claims-ignored",
        source: "KAFKA-14639; AbstractStickyAssignor.allSubscriptionsEqual",
        affected: Affected::Fixed {
            since: Version::new(2, 8, 1),
            fixed: &[Version::new(3, 4, 1), Version::new(3, 5, 0)],
        },
        side: Client,
        shows: "offsets" / "claimed-partition-given" in "missed-generation", seed 6,
        meaning: "The leader of a cooperative group passes over what a member says that it owns if its generation is \
            not the newest: what that member still reads is given to others at once.",
        example: "A member misses a generation, as its answer is lost, and joins again with what it had. Another one \
            is given half of that in the same generation, before the first one has given it up: both read it, and one \
            commits over the other.",
    }

    TxnOffsetsLoseEpoch {
        name: "txn-offsets-lose-epoch",
        source: "KIP-320; OffsetMetadataManager.commitTransactionalOffset",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "told-offset-never-committed" in "swarm-transactions", seed 4,
        meaning: "The leader epoch of an offset that is committed in a transaction is not stored.",
        example: "After an unclean election a pipeline goes on from its committed offset, and cannot see that what \
            lies there now is not what it had read up to.",
    }

    LoadedMembersExpire {
        name: "loaded-members-expire",
        source: "GroupMetadataManager.onLoaded, without rescheduleClassicGroupMemberHeartbeat",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "member-removed-early" in "work-queue", seed 2,
        meaning: "The sessions of members that a new coordinator of a classic group has loaded are over at once.",
        example: "A broker is restarted. All members of the groups that it coordinated are thrown out by the next one, \
            join again, and do again what they had not committed.",
    }

    AnybodyCommits {
        name: "anybody-commits",
        source: "ClassicGroup.validateOffsetCommit, ConsumerGroup.validateOffsetCommit, without their look for members",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "foreign-commit-accepted" in "group-administration", seed 1,
        meaning: "A commit of one who is no member counts although the group has members.",
        example: "An administrator sets a group back and has overlooked a consumer that is still running. That commits \
            over it a moment later, or stops, and who comes next does all of its work again.",
    }

    CommitRefusedWhileJoining {
        name: "commit-refused-while-joining",
        source: "ClassicGroup.validateOffsetCommit, which is to refuse only while an assignment is waited for",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "valid-commit-refused" in "swarm-groups", seed 1,
        meaning: "A member's commit is refused as soon as its group rebalances, before it has joined again.",
        example: "A member is told that its group rebalances and commits what it has done before it gives its \
            partitions up. It is refused: whoever gets them does that again, with each rebalance.",
    }

    DeletionKeepsOffsets {
        name: "deletion-keeps-offsets",
        source: "KIP-229; OffsetMetadataManager.deleteAllOffsets, left out",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "deleted-offset-told" in "group-administration", seed 3,
        meaning: "A group that is deleted leaves what it has committed behind.",
        example: "A group is deleted so that its work is done anew from the start. Its consumers come back under its \
            name, are told the old offsets, and pass over everything below them.",
    }

    InitialDelayInFull {
        name: "initial-delay-in-full",
        source: "KIP-134; GroupMetadataManager.tryCompleteInitialRebalanceElseSchedule, without \
            setNewMemberAdded(false)",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "join-phase-overdue" in "swarm-groups", seed 1,
        meaning: "Once anybody has joined, a group that had no members waits for others until the whole rebalance \
            timeout is over.",
        example: "A service is started. All its consumers are there in a second, and consume nothing for five minutes.",
    }

    ExpiryEndsNoJoin {
        name: "expiry-ends-no-join",
        source: "GroupMetadataManager.expireClassicGroupMemberHeartbeat, without maybeCompleteJoinPhase",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "join-phase-overdue" in "swarm-groups", seed 5,
        meaning: "When the last one for whom a join phase waits expires, the phase goes on until the rebalance timeout \
            is over.",
        example: "A consumer dies while its group rebalances. Its session ends after ten seconds, all others have \
            joined, and nobody consumes for five minutes.",
    }

    StaticLeaderRebalances {
        name: "static-leader-rebalances",
        source: "KIP-345, KIP-814; GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "needless-rebalance" in "static-member-bounce", seed 2,
        meaning: "A static member that leads its group and comes back within its session begins a rebalance.",
        example: "Consumers are static so that they can be restarted one by one without a rebalance. With the restart \
            of one of them all stop, give up what they have and wait for each other.",
    }

    UnloadAnswersNobody {
        name: "unload-answers-nobody",
        source: "GroupMetadataManager.onUnloaded, without its answers to members that wait",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "coordinator-answer-overdue" in "swarm-administration", seed 3,
        meaning: "A coordinator that coordinates no more does not answer members that wait to join with it.",
        example: "The coordinator's partition gets another leader while a group rebalances. Its members wait with the \
            one before for more than five minutes, and are members of nothing by then.",
    }

    HeartbeatsStayWithDeposed {
        name: "heartbeats-stay-with-deposed",
        source: "AbstractCoordinator.HeartbeatResponseHandler, without markCoordinatorUnknown",
        affected: Affected::Never,
        side: Client,
        shows: "liveness" / "no-coordinator-asked" in "swarm-administration", seed 3,
        meaning: "A member of the classic protocol whose heartbeat is answered with `NOT_COORDINATOR` sends the next \
            one to the same broker.",
        example: "A group gets another coordinator. Members that commit nothing go on with their heartbeats at the one \
            before, until the new one has thrown them out.",
    }

    StaticReturnHidesRebalance {
        name: "static-return-hides-rebalance",
        source: "KIP-345, KIP-429; GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin, which compares \
            the selected protocol alone",
        affected: Affected::Open { since: Version::new(2, 4, 0) },
        side: Server,
        shows: "liveness" / "consumer-lag" in "static-returns", seed 2,
        meaning: "A static member that comes back to a stable group begins no rebalance, though it subscribes to other \
            topics now, or the one before was about to join once more for what it had given up.",
        example: "A cooperative member gives a partition up, so that another one is given it when it joins again, and \
            is restarted just then. It comes back into the same generation with what is left: the partition is \
            nobody's until something else has the group rebalance.",
    }
} }
