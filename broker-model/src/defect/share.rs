//! Known bugs of share groups.

use super::entry::family;
use super::version::{Affected, Version};

/// Of share groups as they were released first, until 4.2.
const BEFORE_4_2: Affected =
    Affected::Fixed { since: Version::new(4, 0, 0), fixed: &[Version::new(4, 2, 0)] };

family! {
/// Known bugs of share groups.
ShareDefect {
    AcquireInTransition {
        name: "share-acquire-in-transition",
        source: "KAFKA-18084, PR 17965; SharePartition.acquire",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-lock-broken" in "work-queue", seed 1,
        meaning: "A record that is being released is acquired before its release is stored.",
        example: "A worker releases a record. While the share coordinator writes that, another worker fetches and is \
            given the record; then the answer comes and ends the lock of the second worker.",
    }
    LockNotReleased {
        name: "share-lock-not-released",
        source: "KAFKA-19476; SharePartition.rollbackOrProcessStateUpdates",
        affected: BEFORE_4_2,
        side: Server,
        shows: "liveness" / "share-lock-overdue" in "work-queue", seed 6,
        meaning: "A lock that expires while an acknowledgement is being stored is forgotten if that fails: nobody \
            looks at it again.",
        example: "A worker accepts a record late. The share coordinator moves and the write fails; the lock has \
            expired meanwhile. The record stays with a worker that has given it up, and the start offset behind it.",
    }
    AnsweredBeforeStored {
        name: "share-answered-before-stored",
        source: "KIP-932: an acknowledgement is answered once it is stored; SharePartition.acknowledge",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-done-again" in "work-queue", seed 1,
        meaning: "A leader answers an acknowledgement before the share coordinator has stored it.",
        example: "A worker accepts a record and is told that this is done. The leader dies before the write is out; \
            the next one finds the record available, and another worker does it again.",
    }
    DeliveryNotCounted {
        name: "share-delivery-not-counted",
        source: "KIP-932, group.share.delivery.count.limit; SharePartition.acquire",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-count-broken" in "work-queue", seed 1,
        meaning: "A record that is delivered again is not counted again, so that it is never given up.",
        example: "A worker cannot do a record and releases it, and so do all others, for ever.",
    }
    LeaderNotFenced {
        name: "share-leader-not-fenced",
        source: "KAFKA-17002, KAFKA-19204; ShareCoordinatorShard.maybeGetWriteStateError",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "unfenced-request" in "work-queue", seed 1,
        meaning: "A share coordinator takes what a leader writes that has been deposed.",
        example: "Another broker leads a partition and has read its share state. A late write of the one before \
            overwrites what was stored since.",
    }
    ReadEpochNotStored {
        name: "share-read-epoch-not-stored",
        source: "KAFKA-17796, PR 17580; ShareCoordinatorShard.readStateAndMaybeUpdateLeaderEpoch",
        affected: Affected::Never,
        side: Server,
        shows: "leadership" / "share-zombie-write" in "work-queue", seed 30,
        meaning: "A share coordinator that is read by a new leader writes no record of it, and knows nothing of that \
            leader before its first write.",
        example: "A new leader has read that a record is available, and gives it to a worker. A late write of the \
            leader before says that it is done: it is taken.",
    }
    OldConnectionClosesSession {
        name: "share-old-connection-closes-session",
        source: "KAFKA-19950, PR 21062; SharePartitionManager, ShareSessionCache",
        affected: BEFORE_4_2,
        side: Server,
        shows: "offsets" / "share-session-cut" in "work-queue", seed 8,
        meaning: "The end of a connection closes the share session that its member has opened on another one since.",
        example: "A worker that has waited too long opens a new connection and a new session, and acquires records. \
            Then its old connection ends at the broker: the records are given to somebody else.",
    }
    WindowNotWoken {
        name: "share-window-not-woken",
        source: "KAFKA-17210, PR 16711; DelayedShareFetch",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "resources-held" in "work-queue", seed 3,
        meaning: "Who waits for records is not looked at again when records are released or a full window moves.",
        example: "A window is full of records of one worker, another one waits. The first is done with its records: \
            the second one waits on until its time is up.",
    }

    StartPassesAvailable {
        name: "share-start-passes-available",
        source: "KIP-932; SharePartition.maybeUpdateCachedStateAndOffsets",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-loss" in "work-queue", seed 1,
        meaning: "The start of a share-partition moves over records that were given back, as if they were done.",
        example: "A worker dies with ten records. Its locks end, and the start of the share-partition moves behind \
            them: nobody gets them again.",
    }

    SessionEndArchives {
        name: "share-session-end-archives",
        source: "KIP-932; SharePartition.releaseAcquiredRecords",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-given-up-early" in "work-queue", seed 1,
        meaning: "What a member holds when its session ends is archived, as if it had been delivered as often as may \
            be.",
        example: "A worker dies with ten records in its first try. Nobody gets them again, and nobody is told.",
    }

    ExpiryEndsAll {
        name: "share-expiry-ends-all",
        source: "KIP-932; SharePartition.releaseAcquisitionLockOnTimeout, which is to go by the offsets of the lock \
            that is due",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-lock-cut" in "work-queue", seed 2,
        meaning: "When one lock expires, all that are held in the share-partition end with it.",
        example: "A worker hangs, and its lock expires. Three others lose what they got a moment ago: it is given to \
            somebody else and done twice, and their own word for it is refused.",
    }

    SessionEndFreesAll {
        name: "share-session-end-frees-all",
        source: "KIP-932; SharePartition.releaseAcquiredRecords, which is to go by the member",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-lock-cut" in "work-queue", seed 4,
        meaning: "The end of one member's share session gives back what all members of the group hold.",
        example: "A worker is restarted. What ten others are busy with is given out again, and done twice.",
    }

    AnybodyAcknowledges {
        name: "share-anybody-acknowledges",
        source: "KIP-932; SharePartition.acknowledge, without its look at the member",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-lock-taken" in "work-queue", seed 3,
        meaning: "A leader takes an acknowledgement of a record that another member holds.",
        example: "A worker hangs, its lock expires, and another one is given the record. The first one wakes up and \
            releases it: it is given to a third one while the second works on it.",
    }

    ReadsToEnd {
        name: "share-reads-to-end",
        source: "KIP-932; DelayedShareFetch, which is to read with FetchIsolation.HIGH_WATERMARK",
        affected: Affected::Never,
        side: Server,
        shows: "visibility" / "share-above-true-hw" in "work-queue", seed 4,
        meaning: "A leader gives members of share groups all that it has, and not only what is committed.",
        example: "A worker does a record that its leader alone has, and the leader dies. Another record stands at that \
            offset in the log of the next one: for the group it is done, and nobody gets it.",
    }

    LoadForgetsCounts {
        name: "share-load-forgets-counts",
        source: "KIP-932; SharePartition.maybeInitialize, without the delivery counts that are read",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-count-forgotten" in "work-queue", seed 1,
        meaning: "A leader that reads what is stored of a share-partition begins to count deliveries anew.",
        example: "A record kills each worker that gets it. It is to be given up after five of them, and is not: \
            whenever the leader changes it has five more.",
    }

    LimitPerPartition {
        name: "share-limit-per-partition",
        source: "KIP-932; ShareFetchUtils.processFetchResponse, which is to count over all partitions",
        affected: Affected::Never,
        side: Server,
        shows: "offsets" / "share-fetch-exceeded" in "work-queue", seed 6,
        meaning: "As many records as a share fetch asks for are given of each partition.",
        example: "A worker asks for ten records, as many as it can do while its locks last, and gets ten of each of \
            eight partitions. The locks of the most of them expire before it has begun.",
    }
} }
