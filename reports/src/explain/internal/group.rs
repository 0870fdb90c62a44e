//! What the watch can see of consumer groups.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 16] = [
    Entry {
        name: "active-group-deleted",
        kind: Kind::InternalAnomaly,
        meaning: "A group was deleted while members of it held partitions.",
        example: "A group reads, and an administrator deletes it. Its members start where auto.offset.reset says.",
        legal: "Never.",
        source: "KIP-229",
    },
    Entry {
        name: "live-offset-expired",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator let an offset expire although members of its group go on from it.",
        example: "A partition is quiet for longer than offsets.retention.minutes. Its offset goes while its consumer \
                  reads; after a restart that begins where auto.offset.reset says.",
        legal: "Where no member has the partition, and none joins.",
        source: "KIP-211, KAFKA-13636, ClassicGroup.offsetExpirationCondition",
    },
    Entry {
        name: "answer-before-commit",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator answered a request before the record that it had written was committed.",
        example: "A commit of offset 100 is answered, and the coordinator dies before a follower has its record.",
        legal: "Never.",
        source: "KIP-848, CoordinatorRuntime",
    },
    Entry {
        name: "member-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A member was given a partition that it held in a later epoch already.",
        example: "Epoch 6, then epoch 5.",
        legal: "Never.",
        source: "KIP-848",
    },
    Entry {
        name: "revocation-unacknowledged",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator took a partition from a member of a group that had not given it up.",
        example: "A member has partitions 0 and 1 and is to give 1 up. Before its heartbeat says that it has, the \
            coordinator goes on and gives 1 to another one: both read it.",
        legal: "Never. A member that was thrown out, or left, has lost what it had.",
        source: "KIP-848, CurrentAssignmentBuilder",
    },
    Entry {
        name: "stale-commit-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator took a commit of a generation, or of a member's epoch, that was over.",
        example: "A member stands still, its partitions go to another one in generation 6, and its commit of \
            generation 5 counts: whoever comes next goes back to it.",
        legal: "Never.",
        source: "KIP-447, KIP-848",
    },
    Entry {
        name: "ungiven-partition-taken",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer took a partition that its group's coordinator did not hold for it.",
        example: "A consumer is fenced while it takes over what it was given. It joins again and goes on with that, \
            though another one has it by now.",
        legal: "Never. A consumer that was thrown out and has not heard of it is left out.",
        source: "KIP-848, AbstractMembershipManager",
    },
    Entry {
        name: "rebalance-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator waited for members to join, for its leader to assign or for one to give partitions up, \
                  for longer than their timeouts allow.",
        example: "A member is to give orders-0 up and never does. Its rebalance timeout is over, it stays, and who \
                  should get orders-0 waits.",
        legal: "While a replica of the coordinator's partition of __consumer_offsets is down, touched by a fault or \
                cut off; the time to join it ends by itself. Members may be down or cut.",
        source: "KIP-62, KIP-848, GroupMetadataManager.prepareRebalance, scheduleConsumerGroupRebalanceTimeout",
    },
    Entry {
        name: "claimed-partition-given",
        kind: Kind::InternalAnomaly,
        meaning: "The leader of a cooperative group gave a member a partition that another one still owns.",
        example: "A member missed generation 7 and joins generation 8 with what it had in 6. The leader gives half of \
                  that to others: two members read it, until the first one is told.",
        legal: "Where the member that it is given to says that it owns it, too, of a newer generation.",
        source: "KIP-429, KIP-792, KAFKA-14639",
    },
    Entry {
        name: "told-offset-never-committed",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator told an offset, a leader epoch and a text for it that no commit of the group had \
                  together.",
        example: "Offset 7 was committed with epoch 3 and is told without one: after an unclean election its consumer \
                  reads on in another log and notices nothing.",
        legal: "Never.",
        source: "KIP-320; OffsetAndMetadata.fromRequest",
    },
    Entry {
        name: "member-removed-early",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator threw a member out of its group although it had heard of it, or its time was not up.",
        example: "A new coordinator loads a group of four and throws all of them out at once. They join anew, and do \
                  again what they had not committed.",
        legal: "Never. Whoever leaves, or is not heard of for its session, goes.",
        source: "KIP-62, KIP-848, ClassicGroupMember.hasSatisfiedHeartbeat, GroupMetadataManager.onLoaded",
    },
    Entry {
        name: "foreign-commit-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator took a commit of no generation for a group that had members.",
        example: "An administrator sets the offsets of a group that reads. Whoever gets the partition next goes on \
                  from there, and repeats or passes over records.",
        legal: "While the group has no members, and in transactions of old producers.",
        source: "KIP-447, KIP-848, validateOffsetCommit",
    },
    Entry {
        name: "valid-commit-refused",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator refused a commit for the state of its group, in which it had to take it.",
        example: "Members are to join again, and commit what they have done before. The coordinator refuses that for \
                  the rebalance: whoever gets their partitions does all of it again.",
        legal: "While the group waits for its leader's assignment.",
        source: "ClassicGroup.validateOffsetCommit",
    },
    Entry {
        name: "deleted-offset-told",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator told an offset that was committed before its group was deleted.",
        example: "A group is deleted that has read up to 100. A new one of its name begins at 100, though nobody has \
                  committed that for it.",
        legal: "Never.",
        source: "KIP-229, OffsetMetadataManager.deleteAllOffsets",
    },
    Entry {
        name: "join-phase-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A coordinator went on waiting for members to join although nobody was left to wait for.",
        example: "Two of three members have joined, and the third one's session ends. The coordinator waits for the \
                  rest of the rebalance timeout, minutes in which nobody consumes.",
        legal: "In the first join phase of a group, for group.initial.rebalance.delay.ms after the last one came; in \
                one that is full.",
        source: "KIP-134, GroupMetadataManager.maybeCompleteJoinPhase, tryCompleteInitialRebalanceElseSchedule",
    },
    Entry {
        name: "needless-rebalance",
        kind: Kind::InternalAnomaly,
        meaning: "A static member came back within its session, and its group began to rebalance for that.",
        example: "The members of a group are restarted one by one, each within its session. When it is the leader's \
                  turn all of them stop and join again.",
        legal: "Where it names other assignors, or was thrown out meanwhile.",
        source: "KIP-345, KIP-814, GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin",
    },
];

pub(super) static INVARIANTS: [Entry; 12] = [
    Entry {
        name: "group-deletion",
        kind: Kind::Invariant,
        meaning: "Only a group without members is deleted, and its offsets go with it.",
        example: "Broken by active-group-deleted and deleted-offset-told.",
        legal: "Members that hold nothing are not looked at.",
        source: "KIP-229",
    },
    Entry {
        name: "offsets-of-members",
        kind: Kind::Invariant,
        meaning: "What members of a classic group read, or may come to read, keeps its offset.",
        example: "Broken by live-offset-expired.",
        legal: "How old offsets are is not looked at, nor are groups of the consumer protocol.",
        source: "KIP-211, KAFKA-13636",
    },
    Entry {
        name: "coordinator-answers",
        kind: Kind::Invariant,
        meaning: "What a coordinator has answered is committed.",
        example: "Broken by answer-before-commit.",
        legal: "An answer that rests on no record of its own waits for those before it only.",
        source: "KIP-848, CoordinatorRuntime",
    },
    Entry {
        name: "commit-fencing",
        kind: Kind::Invariant,
        meaning: "Members of the present generation, or in their present epoch, commit, and nobody else.",
        example: "Broken by stale-commit-accepted, foreign-commit-accepted and valid-commit-refused.",
        legal: "Who names no generation commits for a group without members.",
        source: "KIP-447, KIP-848, validateOffsetCommit",
    },
    Entry {
        name: "member-assignment",
        kind: Kind::Invariant,
        meaning: "In the consumer protocol a consumer takes only what its coordinator holds for it.",
        example: "Broken by ungiven-partition-taken.",
        legal: "What it keeps is not looked at.",
        source: "KIP-848, AbstractMembershipManager",
    },
    Entry {
        name: "partition-ownership",
        kind: Kind::Invariant,
        meaning: "A partition of a group has one current owner.",
        example: "Broken by double-ownership, member-epoch-regress.",
        legal: "A fenced member may still believe that it owns it.",
        source: "KIP-848",
    },
    Entry {
        name: "reconciliation",
        kind: Kind::Invariant,
        meaning: "In the consumer protocol a member gives a partition up before anybody else may have it.",
        example: "Broken by revocation-unacknowledged, and by double-ownership.",
        legal: "A member that was thrown out may still believe that it has its partitions.",
        source: "KIP-848",
    },
    Entry {
        name: "rebalance-due",
        kind: Kind::Invariant,
        meaning: "No group waits for a member longer than its timeouts allow, as long as its coordinator can act.",
        example: "Broken by rebalance-overdue.",
        legal: "While who is needed is down, touched by a fault or cut off.",
        source: "KIP-62, KIP-848, GroupMetadataManager",
    },
    Entry {
        name: "cooperative-assignment",
        kind: Kind::Invariant,
        meaning: "What changes hands in a cooperative group is given up before it is given on.",
        example: "Broken by claimed-partition-given.",
        legal: "With assignors that have all members give up all they have.",
        source: "KIP-429, KIP-792, CooperativeStickyAssignor.adjustAssignment",
    },
    Entry {
        name: "told-offsets",
        kind: Kind::Invariant,
        meaning: "A committed offset is told with the epoch and the text with which it was committed.",
        example: "Broken by told-offset-never-committed.",
        legal: "Never.",
        source: "KIP-320, OffsetAndMetadata.fromRequest",
    },
    Entry {
        name: "member-sessions",
        kind: Kind::Invariant,
        meaning: "Who is heard of stays a member, and has all of its time to join and to ask for its assignment.",
        example: "Broken by member-removed-early.",
        legal: "A first JoinGroup waits for five minutes; in the consumer protocol only sessions are looked at.",
        source: "KIP-62, KIP-848, ClassicGroupMember.hasSatisfiedHeartbeat, GroupMetadataManager.onLoaded",
    },
    Entry {
        name: "join-phase",
        kind: Kind::Invariant,
        meaning: "A group waits for members only as long as one is missing, and not for a static one that comes back.",
        example: "Broken by join-phase-overdue and needless-rebalance.",
        legal: "Static members that come back to another coordinator are not looked at, nor groups that are full.",
        source: "KIP-134, KIP-345, KIP-814, GroupMetadataManager.maybeCompleteJoinPhase",
    },
];
