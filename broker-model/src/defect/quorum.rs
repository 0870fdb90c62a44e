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

    ConcurrentVoterChanges {
        name: "concurrent-voter-changes",
        source: "KIP-853; RemoveVoterHandler.handleRemoveVoterRequest, AddVoterHandler",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "concurrent-voter-change" in "voter-replacement", seed 6,
        meaning: "A leader of the quorum changes its voters again before the change before is committed.",
        example: "A cluster has controllers 1 to 3. The leader removes 3, and 2 before anybody has heard of it, and \
            goes on alone. The others elect another one of those that they know: two histories of one cluster.",
    }

    VoterChangeBeforeCommit {
        name: "voter-change-before-commit",
        source: "KIP-853; Ongaro, raft-dev, July 2015; AddVoterHandler.handleAddVoterRequest",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "early-voter-change" in "voter-replacement", seed 15,
        meaning: "A new leader of the quorum changes its voters before a record of its own epoch is committed.",
        example: "A leader adds controller 4 and is cut off before that is committed. The next one removes \
            controller 3 at once. The first is elected again by those that it knows: neither set has a majority \
            that meets each one of the other.",
    }

    AddsLaggingVoter {
        name: "adds-lagging-voter",
        source: "KIP-853; LeaderState.isReplicaCaughtUp",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "lagging-voter-added" in "voter-replacement", seed 1,
        meaning: "A voter is added that has not caught up with the leader.",
        example: "A controller with an empty disk becomes a voter of three, and one of the other two dies. \
            Nothing is committed, no broker is fenced and no leader elected, until the empty one has fetched \
            all of the metadata.",
    }

    RemovedLeaderLeadsOn {
        name: "removed-leader-leads-on",
        source: "KIP-853; RemoveVoterHandler.highWatermarkUpdated",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "removed-leader-leads" in "voter-replacement", seed 1,
        meaning: "A leader that is removed from the voters leads on when its removal is committed.",
        example: "An operator removes the controller that leads and shuts its machine down: the cluster has no \
            controller until the others have missed it for long enough.",
    }

    LateRemovalKeepsLeader {
        name: "late-removal-keeps-leader",
        source: "KIP-853; LeaderState.maybeExpirePendingOperation, RemoveVoterHandler.highWatermarkUpdated",
        affected: Affected::Open { since: Version::new(3, 9, 0) },
        side: Server,
        shows: "leadership" / "removed-leader-leads" in "unheard-removal", seed 1,
        meaning: "A leader that is removed from the voters leads on if its removal is committed only after \
            controller.quorum.request.timeout.ms: it has forgotten by then that it waits for that.",
        example: "An operator removes the controller that leads, and is told that the time was up: one of the others \
            was slow. The removal is committed a moment later, and the controller that is no voter leads on. The \
            operator, who sees it gone from the voters, shuts its machine down.",
    }

    KeepsCutVoters {
        name: "keeps-cut-voters",
        source: "KIP-853; KRaftControlRecordStateMachine.truncateNewEntries",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "stale-voter-set" in "voter-replacement", seed 26,
        meaning: "A controller whose log is cut goes on by voters that were written in what is gone.",
        example: "A leader is cut off, removes a voter, and is deposed. It follows the next leader and cuts its \
            log, but counts by the smaller set: when it stands again fewer votes than a majority will do.",
    }

    CountsRemovedLeader {
        name: "counts-removed-leader",
        source: "KIP-853; LeaderState.maybeUpdateHighWatermark",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "metadata-commit-not-durable" in "voter-replacement", seed 4,
        meaning: "A leader that is no voter any more counts its own log for what is committed.",
        example: "The leader of three is removed, and counts itself with one of the two that are left. Both go \
            down, and the last one has not what was committed.",
    }

    IgnoresDirectory {
        name: "ignores-voter-directory",
        source: "KIP-853; VoterSet.isVoter, KafkaRaftClient.isValidVoterKey",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "vote-from-another-disk" in "voter-replacement", seed 1,
        meaning: "A controller whose disk was replaced counts as the voter that it was.",
        example: "A controller votes, loses its disk, is given a new one under its old id, and votes in the same \
            epoch for somebody else: the epoch has two leaders.",
    }

    SnapshotWithoutVoters {
        name: "snapshot-without-voters",
        source: "KIP-853; RecordsSnapshotWriter, KRaftControlRecordStateMachine.maybeLoadSnapshot",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "snapshot-differs" in "voter-replacement", seed 3,
        meaning: "A snapshot of the metadata does not say who the voters are.",
        example: "A controller joins a quorum by its snapshot, knows nobody who votes, and never stands.",
    }

    CommitsAtEpochStart {
        name: "commits-at-epoch-start",
        source: "KAFKA-12619; LeaderState.maybeUpdateHighWatermark",
        affected: Affected::Fixed { since: Version::new(2, 7, 0), fixed: &[Version::new(3, 0, 0)] },
        side: Server,
        shows: "durability" / "metadata-commit-without-majority" in "vote-storm", seed 2,
        meaning: "A leader of the quorum takes records of earlier epochs for committed as soon as a majority has \
            them, before one of its own epoch is.",
        example: "A record of epoch 2 reaches a majority only under the leader of epoch 4, which dies before \
            anything of its own epoch has. A voter whose log ends in epoch 3 may still win, and cuts away what \
            was committed.",
    }

    VotesTwice {
        name: "votes-twice",
        source: "KIP-595; EpochState.canGrantVote",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "double-vote" in "vote-storm", seed 1,
        meaning: "A voter gives its vote to whoever asks for it, although it has given it in that epoch.",
        example: "Two controllers stand in one epoch, and the third votes for both: the epoch has two leaders.",
    }

    RestartedLeaderResumes {
        name: "restarted-leader-resumes",
        source: "KAFKA-10527; KafkaRaftClient.initialize, QuorumState.initialize",
        affected: Affected::Fixed { since: Version::new(2, 7, 0), fixed: &[Version::new(2, 8, 0)] },
        side: Server,
        shows: "leadership" / "controller-epoch-resumed" in "vote-storm", seed 1,
        meaning: "A leader of the quorum that restarts goes on in the epoch in which it led.",
        example: "A leader loses power, and with it a record that a follower has fetched already. It comes back \
            as the leader of the same epoch and writes another record at that offset: two logs differ where \
            epoch and offset are alike, and nobody can tell.",
    }

    IsolatedLeaderLeadsOn {
        name: "isolated-leader-leads-on",
        source: "KAFKA-15489; LeaderState.timeUntilCheckQuorumExpires",
        affected: Affected::Fixed { since: Version::new(2, 8, 0), fixed: &[Version::new(3, 7, 0)] },
        side: Server,
        shows: "liveness" / "controller-without-quorum" in "unheard-proposal", seed 1,
        meaning: "A leader of the quorum that no majority fetches from goes on leading.",
        example: "The active controller is cut off from the other controllers, not from the brokers. Another one is \
            elected, and the first one goes on taking heartbeats and requests that it can never commit.",
    }

    CandidateWaitsForEver {
        name: "candidate-waits-for-ever",
        source: "KIP-595: KafkaRaftClient.pollCandidate, without the end of its election timeout",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "quorum-election-overdue" in "swarm", seed 28,
        meaning: "A voter whose election was not won in time does not stand again.",
        example: "Three controllers stand at once and vote for themselves. None of them ever asks again, and the \
            cluster has no controller until one is restarted.",
    }

    SnapshotsNeedBoth {
        name: "snapshots-need-both",
        source: "KIP-876; SnapshotGenerator.publishLogDelta, which is to go by either of the two",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "snapshot-overdue" in "swarm-administration", seed 3,
        meaning: "A snapshot of the metadata is made when as many bytes as are to be between two are applied, and the \
            longest interval is over, too.",
        example: "Topics come and go by the thousand in an hour. No snapshot is made in it: the metadata log grows, \
            and who starts reads all of it.",
    }
} }
