//! Wrong and weak rules of a broker's serving and its life.

use super::entry::family;
use super::version::{Affected, Version};

family! {
/// Wrong and weak rules of a broker's serving and its life.
BrokerDefect {
    LostWakeup {
        name: "lost-wakeup",
        source: "KAFKA-6653, KAFKA-5970",
        affected: Affected::Fixed {
            since: Version::before_1(11, 0, 2),
            fixed: &[Version::new(1, 1, 0)],
        },
        side: Server,
        shows: "liveness" / "produce-answer-overdue" in "minority-stays-dead", seed 1,
        meaning: "A produce that waits in the purgatory is not woken although the high watermark has \
            passed it.",
        example: "Two threads look at the waiting produce at once. The one that knows it is done does \
            not get the lock and goes away; the other one finds it undone. It waits until it times \
            out.",
    }
    SessionMissesWatermark {
        name: "session-misses-watermark",
        source: "KIP-227: `CachedPartition.maybeUpdateResponseData`, without its second condition",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "fetch-answer-overdue" in "swarm", seed 1,
        meaning: "A fetch session looks at a partition again when its log grew, but not when only its \
            high watermark moved.",
        example: "A follower has the last record. The leader commits it, and has nothing more to send: \
            the follower never hears that it is committed, nor does a consumer that reads there.",
    }
    DivergenceHidesWatermark {
        name: "divergence-hides-watermark",
        source: "KIP-227, KIP-595: `CachedPartition.maybeUpdateResponseData`",
        affected: Affected::Open { since: Version::new(2, 7, 0) },
        side: Server,
        shows: "liveness" / "high-watermark-stuck" in "impatient-producers", seed 830,
        meaning: "A fetch session notes a high watermark as told that it told beside a divergence, \
            which the follower does not take.",
        example: "A follower must cut its log first, and leaves the rest of that answer alone. The next \
            answer has nothing new for it, as the session believes. Nothing is produced any more: the \
            follower's high watermark stays behind for good.",
    }
    ReplacedGoesOn {
        name: "replaced-goes-on",
        source: "KIP-631: `BrokerLifecycleManager`, `ClusterControlManager.registerBroker`",
        affected: Affected::Open { since: Version::new(2, 8, 0) },
        side: Server,
        shows: "liveness" / "broker-fenced" in "late-registration", seed 14,
        meaning: "A broker goes on whose registration was replaced by that of another uptime.",
        example: "A registration that an earlier uptime sent is under way for long, and reaches the \
            controller after the session of the present uptime is over. The present one is refused \
            for its epoch with each heartbeat, and nobody starts it anew.",
    }
    StraysStay {
        name: "strays-stay",
        source: "KAFKA-13127, KAFKA-14616: `BrokerMetadataPublisher.findStrayPartitions`",
        affected: Affected::Fixed { since: Version::new(2, 8, 0), fixed: &[Version::new(3, 0, 0)] },
        side: Server,
        shows: "replication" / "stray-log" in "reassignment-under-fire", seed 3,
        meaning: "A broker that was down when its replica was taken away, or its topic deleted, keeps the \
            log for good.",
        example: "A broker is down while a partition moves away from it. It comes back, and the log stays \
            on its disk: when the partition comes back later, the broker begins with what it had then.",
    }
    NewSessionForgets {
        name: "new-session-forgets",
        source: "KIP-227: `FetchSessionHandler.FetchRequestData.Builder.build`",
        affected: Affected::Never,
        side: Server,
        shows: "liveness" / "isr-not-full" in "swarm", seed 2,
        meaning: "A follower whose fetch session is gone names in the next one only what changed since \
            its last request.",
        example: "A connection is reset, the session with it. Of three partitions one had got records \
            just then. The other two are not named again: their leader takes the follower for one \
            that lags, and the ISR shrinks for good.",
    }
    AppendsAfterIoError {
        name: "appends-after-io-error",
        source: "KAFKA-10778: `UnifiedLog.maybeHandleIOException`, which did not look at \
            `LogDirFailureChannel.hasOfflineLogDir`",
        affected: Affected::Fixed { since: Version::new(1, 0, 0), fixed: &[Version::new(2, 8, 0)] },
        side: Server,
        shows: "durability" / "offline-replica-serves" in "log-directory-dies", seed 1,
        meaning: "A leader goes on appending and acknowledging from memory after its log directory failed.",
        example: "The disk of a leader dies. It takes records, and acknowledges those that want no more \
            than its own log, although nothing of them will ever be on a disk.",
    }
    UnassignedCreatedAnew {
        name: "unassigned-created-anew",
        source: "KIP-858: `Partition.createLogInAssignedDirectoryId`, which takes UNASSIGNED for a new replica",
        affected: Affected::Open { since: Version::new(3, 7, 0) },
        side: Server,
        shows: "durability" / "committed-lost-everywhere" in "disk-dies-while-down", seed 2,
        meaning: "A replica of which the metadata does not know the log directory is made anew in another \
            one while one is offline, although it may be in the ISR.",
        example: "A broker is stopped before the controller has heard in which directory its replica is, \
            and that disk dies meanwhile. It comes back, makes the replica anew on another disk, and \
            leads with an empty log.",
    }
    CleanByAnyDirectory {
        name: "clean-by-any-directory",
        source: "KIP-966: `LogManager.readBrokerEpochFromCleanShutdownFiles`, asked of the first marker it finds",
        affected: Affected::Never,
        side: Server,
        shows: "durability" / "candidate-incomplete" in "log-directory-dies", seed 86,
        meaning: "A broker counts as stopped cleanly if any of its log directories has the marker that says so.",
        example: "A broker is stopped, the last of the eligible replicas of a partition. One of its disks is \
            replaced by an empty one. It comes back, passes for one that has all it had, is elected, \
            and leads with an empty log.",
    }

    StoppingLeadsOn {
        name: "stopping-leads-on",
        source: "KAFKA-14296; BrokerMetadataPublisher, ReplicaManager.applyDelta",
        affected: Affected::Fixed { since: Version::new(3, 3, 0), fixed: &[Version::new(3, 4, 0)] },
        side: Server,
        shows: "leadership" / "acts-in-older-epoch" in "rolling-restart", seed 1,
        meaning: "A broker that stops in a controlled way does not hear that others lead its partitions now.",
        example: "A broker is asked to stop, and the controller gives its partitions to others. Until its \
            process ends it goes on taking records with acks=1, as the leader of an epoch that is over: they are \
            lost.",
    }
    ThrottleDelaysInSync {
        name: "throttle-delays-in-sync",
        source: "KAFKA-6937; DelayedFetch.tryComplete",
        affected: Affected::Fixed {
            since: Version::before_1(11, 0, 1),
            fixed: &[Version::new(1, 0, 2), Version::new(1, 1, 1), Version::new(2, 0, 0)],
        },
        side: Server,
        shows: "liveness" / "resources-held" in "throttled-reassignment", seed 1,
        meaning: "What a throttled partition has is no reason to answer a follower's fetch that waits, be the \
            follower in sync or not.",
        example: "A partition is moved with a throttle. Each record that is written waits until the fetches of the \
            followers in the ISR have waited as long as they may, half a second, before it is committed.",
    }

    MarkerNamesOlderUptime {
        name: "marker-names-older-uptime",
        source: "KIP-966; LogManager.shutdown, CleanShutdownFileHandler.write",
        affected: Affected::Never,
        side: Server,
        shows: "replication" / "clean-stop-forgotten" in "swarm", seed 5,
        meaning: "A broker that stops cleanly writes the broker epoch of the uptime before into its marker, so that no \
            stop counts as clean.",
        example: "A broker is restarted for an upgrade. It has all it had, and counts as one that may have lost \
            something: it is struck from those who may lead, though nobody else is left.",
    }
} }
