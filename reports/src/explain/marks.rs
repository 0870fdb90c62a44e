//! What a run can have come across: the names in `reached`, and in a scenario's `expect.reach`.

use super::entry::{Entry, Kind};

/// A mark and what it counts.
const fn mark(name: &'static str, meaning: &'static str) -> Entry {
    Entry {
        name,
        kind: Kind::Mark,
        meaning,
        example: "",
        legal: "Always: it says what happened, not that it was wrong.",
        source: "",
    }
}

/// The same, with what it comes from.
const fn mark_of(name: &'static str, meaning: &'static str, source: &'static str) -> Entry {
    Entry { source, ..mark(name, meaning) }
}

pub(super) static ENTRIES: [Entry; 108] = [
    mark("batch-retried", "A producer sent a batch again."),
    mark("broker-fenced", "The controller fenced a broker: it leads nothing until it is back."),
    mark("broker-registered", "A broker registered with the controller, with a new broker epoch."),
    mark("broker-running", "A broker caught up with the metadata and was unfenced."),
    mark("broker-shut-down", "A broker began a controlled shutdown."),
    mark("candidate-stood", "A voter of the controller quorum stood for election."),
    mark("client-crash", "A client was torn down and began anew, its positions forgotten."),
    mark_of(
        "commit-fenced",
        "A coordinator refused a commit that came from no member of the group's present generation.",
        "KAFKA-2596",
    ),
    mark("controller-elected", "A controller became active."),
    mark("controller-failover", "Another controller became active than before."),
    mark(
        "coordinator-loaded",
        "A broker read a partition of `__consumer_offsets` and coordinates its groups from then on.",
    ),
    mark("crash", "A process was killed; what it wrote stayed in the page cache."),
    mark("deleted-by-size", "A log gave up segments as it was larger than retention.bytes."),
    mark("deleted-by-time", "A log gave up segments whose records were older than retention.ms."),
    mark("deletion-confirmed", "A client was told that records are deleted on all live replicas."),
    mark("log-cleaned", "The cleaner replaced segments by one without what later records replace."),
    mark(
        "internal-log-cleaned",
        "The cleaner replaced segments of a topic in which coordinators keep their records.",
    ),
    mark(
        "batch-kept-empty",
        "The cleaner kept a batch without records, for its producer or its end.",
    ),
    mark("delete-horizon-set", "The cleaner noted from when on a tombstone or a marker may go."),
    mark("log-start-followed", "A follower took its leader's log start over."),
    mark("records-deleted", "A leader moved its log start as a client had asked (DeleteRecords)."),
    mark_of(
        "started-at-batch",
        "An empty log that was to start inside a batch began with that batch.",
        "KAFKA-6975",
    ),
    mark_of(
        "divergence-found",
        "A leader returned to a replica or consumer from where its log diverges.",
        "KIP-595, KIP-320",
    ),
    mark_of(
        "duplicate-recognised",
        "A broker got a batch that it had already, and acknowledged it as that one.",
        "KIP-98",
    ),
    mark_of("elr-used", "A partition had eligible leader replicas outside its ISR.", "KIP-966"),
    mark("end-offset-served", "A leader returned an end offset to a client."),
    mark(
        "fault-held-back",
        "A planned fault was weakened or left out, as the configuration does not promise to survive it.",
    ),
    mark("fault-injected", "A planned fault was injected."),
    mark("halted-REASON", "A process ended by itself, for the reason that the mark names."),
    mark("group-emptied", "The last member of a group left, or was thrown out."),
    mark("group-rebalanced", "All members of a group joined, and a new generation began."),
    mark_of(
        "group-upgraded",
        "A group of the classic protocol went over to the consumer protocol.",
        "KIP-848: group.consumer.migration.policy",
    ),
    mark_of(
        "group-downgraded",
        "A group of the consumer protocol went back to the classic protocol.",
        "KIP-848: group.consumer.migration.policy",
    ),
    mark("group-deleted", "An administrator deleted a group that had no members, and its offsets."),
    mark("offsets-deleted", "An administrator deleted offsets of a group that no member read."),
    mark_of(
        "offsets-kept",
        "Offsets of a group that lives stayed, though they were older than offsets.retention.ms.",
        "KIP-211",
    ),
    mark_of(
        "marker-forced",
        "An administrator aborted a transaction where no coordinator would end it.",
        "KIP-664",
    ),
    mark("member-committed", "A coordinator took a commit of a member of its group."),
    mark("member-session-expired", "A member was thrown out, as its session had ended."),
    mark_of(
        "poll-interval-passed",
        "A consumer left its group, as its application had not polled for max.poll.interval.ms.",
        "KIP-62",
    ),
    mark("rebalance-timed-out", "A member was thrown out that did not give partitions up in time."),
    mark(
        "classic-member-timed-out",
        "A member of the classic protocol was thrown out of a consumer group: it did not join again.",
    ),
    mark("static-member-away", "A static member of the consumer protocol left for a while."),
    mark("target-assigned", "A coordinator shared the partitions of a group out anew (KIP-848)."),
    mark("isr-below-min", "An ISR was smaller than min.insync.replicas."),
    mark("isr-expanded", "A replica joined an ISR."),
    mark_of(
        "isr-proposal-refused",
        "The controller refused a leader's change of its ISR.",
        "KIP-497: AlterPartition",
    ),
    mark("isr-shrunk", "A replica left an ISR."),
    mark("leader-changed", "A partition got another leader."),
    mark("leader-elected", "A broker began to lead a partition."),
    mark("leader-lost", "A partition had no leader for some time."),
    mark("log-recovered-clean", "A broker opened a log that had been closed by a clean stop."),
    mark(
        "log-recovered-unclean",
        "A broker opened a log after a crash, and checked what it holds.",
    ),
    mark("log-tail-lost", "A log was shorter after a restart: what was not synced was gone."),
    mark("log-truncated", "A replica cut the end of its log."),
    mark("not-enough-replicas", "A produce with acks=all failed for want of in-sync replicas."),
    mark("not-enough-replicas-after-append", "The same, after the leader had appended it."),
    mark("out-of-range-truncation", "A replica stood outside its leader's log and began anew."),
    mark_of(
        "position-reset",
        "A consumer's position was outside the log, and its reset policy chose another.",
        "auto.offset.reset",
    ),
    mark("power-loss", "A machine lost power: what was not synced survived in part or not at all."),
    mark(
        "preferred-leader-elected",
        "The first replica of a partition leads again in the place of one that is in sync as well.",
    ),
    mark_of(
        "producer-epoch-bumped",
        "A producer began a new epoch, as it could not know the outcome of a batch.",
        "KIP-360",
    ),
    mark_of(
        "producer-expired",
        "A replica forgot a producer that had rested for producer.id.expiration.ms.",
        "KIP-98, KIP-854",
    ),
    mark("records-acked", "Records were acknowledged; counted."),
    mark("records-read", "Records were served to consumers; counted."),
    mark("request-fenced", "A request was refused for its stale leader epoch or broker epoch."),
    mark_of(
        "metadata-prefix-deleted",
        "A voter let its metadata log begin where a snapshot ends.",
        "KIP-630",
    ),
    mark_of("read-replica-named", "A leader sent a consumer to a replica of its rack.", "KIP-392"),
    mark_of("resigned-leader", "A quorum leader resigned without a majority.", "KIP-996, KIP-595"),
    mark_of("snapshot-created", "A controller made a snapshot of the metadata.", "KIP-630"),
    mark_of("snapshot-fetched", "A voter fetched a snapshot of the metadata whole.", "KIP-630"),
    mark_of("snapshot-loaded", "A node took its metadata from a snapshot.", "KIP-630"),
    mark_of(
        "snapshot-overtook-log",
        "A snapshot took the place of a voter's whole log.",
        "KIP-630",
    ),
    mark("segment-rolled", "A log began a new segment."),
    mark_of(
        "share-acknowledgement-failed",
        "A leader could not have an acknowledgement of a share group stored.",
        "KIP-932",
    ),
    mark_of(
        "share-delivery-limit-reached",
        "A record of a share group was delivered as often as it may, and was given up.",
        "KIP-932",
    ),
    mark_of(
        "share-leader-fenced",
        "A leader of a share-partition learned from the share coordinator that there is a later one.",
        "KIP-932",
    ),
    mark_of(
        "share-lock-expired",
        "A worker of a share group held a record for longer than its lock.",
        "KIP-932",
    ),
    mark_of(
        "share-partition-loaded",
        "A leader read from the share coordinator how far a share group is.",
        "KIP-932",
    ),
    mark_of(
        "share-record-acquired",
        "A worker of a share group got a record for the first time.",
        "KIP-932",
    ),
    mark_of(
        "share-record-redelivered",
        "A worker of a share group got a record that was delivered before.",
        "KIP-932",
    ),
    mark_of("share-record-rejected", "A worker of a share group rejected a record.", "KIP-932"),
    mark_of(
        "share-session-released",
        "A share session ended with a worker that held records: others get them.",
        "KIP-932",
    ),
    mark_of(
        "stale-isr-proposal",
        "The controller refused a change of an ISR that was made on an older version of it.",
        "KIP-497",
    ),
    mark("stays-dead", "A machine was left dead when the others were healed."),
    mark(
        "timed-offset-served",
        "A leader returned the offset of the first record of a time to a client.",
    ),
    mark("topic-created", "A topic was created."),
    mark("transaction-aborted", "A transaction was aborted, and all its markers were written."),
    mark("transaction-committed", "A transaction was committed, and all its markers were written."),
    mark_of(
        "truncation-detected",
        "A consumer found that the log that it had read from was cut.",
        "KIP-320",
    ),
    mark_of(
        "unclean-election",
        "A replica outside ISR and ELR was elected: as the topic allows it, or because nobody but the last known \
         leader was left, whom the controller elects whatever the topic allows.",
        "KIP-106, KIP-966",
    ),
    mark("unclean-registration", "A broker registered after a stop that was not clean."),
    mark("vote-granted", "A voter of the controller quorum gave its vote."),
    mark("voters-changed", "Other voters of the controller quorum were committed."),
    mark("wipe", "A machine came back with an empty disk."),
    mark(
        "log-directory-offline",
        "A log directory of a broker failed, and the broker went on without it.",
    ),
    mark(
        "replica-offline",
        "A broker did not open a replica: its log directory is, or may be, offline.",
    ),
    mark_of(
        "replica-throttled",
        "A replication quota held up a replica that was not in sync.",
        "KIP-73: leader.replication.throttled.rate, follower.replication.throttled.rate",
    ),
    mark(
        "replica-directory-assigned",
        "The controller learnt in which log directory a replica is.",
    ),
    mark("broker-unregistered", "A broker that had left was unregistered."),
    mark_of(
        "reassignment-begun",
        "The controller began to move replicas of a partition.",
        "KIP-455",
    ),
    mark("reassignment-cancelled", "A reassignment was cancelled: those that it added went again."),
    mark("reassignment-completed", "A reassignment ended: those that it removed went."),
    mark("replica-discarded", "A broker gave up the log of a replica that is none any more."),
    mark(
        "stray-discarded",
        "A broker found a log of a partition that is not its own, and gave it up.",
    ),
    mark("topic-deleted", "The controller deleted a topic."),
    mark("topic-reconfigured", "A setting of a topic was changed while it was in use."),
    mark("topic-replaced", "A client heard that another topic has the name of one that it knew."),
];
