//! What the watch can see of rules that guard other rules: whose word counts, what clean means, what is on the disk.

use super::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 27] = [
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
        name: "epoch-end-wrong",
        kind: Kind::InternalAnomaly,
        meaning: "A leader told an end of an epoch that is not where the epoch ends in its \
                  log.",
        example: "Epoch 2 ends at 10 in its log; a follower is told 11 and keeps a record \
                  that nobody else has.",
        legal: "Never.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "epoch-cache-mismatch",
        kind: Kind::InternalAnomaly,
        meaning: "A replica takes epochs to begin elsewhere than they do in its own log.",
        example: "After a cut to 10, its cache still says that epoch 3 began at 12.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LeaderEpochFileCache",
    },
    Entry {
        name: "clean-stop-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "A broker wrote the marker of a clean stop while some of its records were \
                  not on its disk.",
        example: "The marker is synced, the last segment is not: a power loss now looks like \
                  no loss.",
        legal: "When the disk lies.",
        source: "LogManager.shutdown; KIP-966",
    },
    Entry {
        name: "false-clean-recovery",
        kind: Kind::InternalAnomaly,
        meaning: "A log was opened as cleanly closed after a stop that was not clean, so \
                  that nothing in it was checked.",
        example: "The marker of an earlier stop was left in place; the broker crashed since.",
        legal: "Never.",
        source: "CleanShutdownFileHandler",
    },
    Entry {
        name: "unclean-stop-overlooked",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was registered as cleanly stopped though its uptime before ended \
                  otherwise: it may stay eligible with less than it had.",
        example: "Broker 2 lost power and comes back; it stays in the ELR.",
        legal: "Never.",
        source: "KIP-966",
    },
    Entry {
        name: "registration-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A leader went back to an older registration of its partition.",
        example: "The answer to its proposal told partition epoch 5; then it took epoch 4 \
                  from late metadata.",
        legal: "Never.",
        source: "Partition.makeLeader; rule 2.1.7",
    },
    Entry {
        name: "acts-before-registration",
        kind: Kind::InternalAnomaly,
        meaning: "A broker led or followed by metadata from before its own registration.",
        example: "A broker that boots replays that it led epoch 3, and takes records in it.",
        legal: "Never.",
        source: "KIP-631; BrokerMetadataPublisher",
    },
    Entry {
        name: "needless-sequence-refusal",
        kind: Kind::InternalAnomaly,
        meaning: "A leader refused a batch for its epoch or sequence that its own log allows \
                  or already has.",
        example: "The second last batch is sent again after a timeout, and is out of order, \
                  says the leader.",
        legal: "Never.",
        source: "KIP-98; ProducerStateEntry",
    },
    Entry {
        name: "epoch-not-from-zero",
        kind: Kind::InternalAnomaly,
        meaning: "A producer sent a later sequence of an epoch to a partition whose leader has nothing of that epoch.",
        example: "After a bump, one partition goes on with the sequences of the epoch before; or a second batch is in \
                  flight before the first is acknowledged, and comes to the next leader alone.",
        legal: "When the partition has lost records.",
        source: "KIP-360; KAFKA-14359",
    },
    Entry {
        name: "reset-against-policy",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer whose position was out of range went elsewhere than its \
                  auto.offset.reset says.",
        example: "auto.offset.reset=earliest, and the consumer goes on from the log's end: what \
                  was written in between is never read.",
        legal: "Never.",
        source: "KIP-320; FetchCollector",
    },
    Entry {
        name: "position-reset",
        kind: Kind::Invariant,
        meaning: "A consumer whose position is out of range goes where auto.offset.reset says.",
        example: "Broken by reset-against-policy.",
        legal: "Never.",
        source: "KIP-320",
    },
    Entry {
        name: "unfenced-read",
        kind: Kind::InternalAnomaly,
        meaning: "A client that knows another epoch of the leader was served all the same.",
        example: "It read epoch 2; the leader of epoch 4 gives it the next offset, of \
                  another log.",
        legal: "Never.",
        source: "KIP-320",
    },
    Entry {
        name: "read-across-truncation",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer was served on from the end of records that are not in the log any \
                  more: it missed what took their place.",
        example: "It read up to 20; an unclean election cut the log to 12, and from 20 it goes \
                  on as if nothing had happened.",
        legal: "Never.",
        source: "KIP-320",
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
        name: "controller-epoch-resumed",
        kind: Kind::InternalAnomaly,
        meaning: "A voter led an epoch of the quorum again that it had led before its \
                  process ended.",
        example: "It appends to epoch 5 where it had appended before its disk lost that.",
        legal: "Never.",
        source: "KIP-595, KAFKA-10527",
    },
    Entry {
        name: "metadata-commit-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "Metadata was committed that is on the disks of less than a majority.",
        example: "The leader counts its own end before its sync: a power loss takes a \
                  committed record.",
        legal: "When the disk lies.",
        source: "KIP-595, KAFKA-10533",
    },
    Entry {
        name: "recovery-kept-damage",
        kind: Kind::InternalAnomaly,
        meaning: "A log was opened with more or less than the sound batches in its files.",
        example: "A torn batch at the end is kept: consumers can never read past it.",
        legal: "When the node's disk was damaged on purpose.",
        source: "LogLoader, LogSegment.recover",
    },
    Entry {
        name: "unfenced-unready",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was unfenced before it had applied the metadata up to its own \
                  registration.",
        example: "A late heartbeat of the uptime before lets it in: it may be elected and does \
                  not know of it.",
        legal: "Never.",
        source: "KIP-631; BrokerHeartbeatManager.calculateNextBrokerState",
    },
    Entry {
        name: "shutdown-unasked",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was taken for one that shuts down though its present process did not \
                  ask for that.",
        example: "The last heartbeat before a restart arrives after it, and the new process \
                  never joins an ISR.",
        legal: "Never.",
        source: "KIP-631; ClusterControlManager.checkBrokerEpoch",
    },
    Entry {
        name: "controller-unelected",
        kind: Kind::InternalAnomaly,
        meaning: "A voter led an epoch of the quorum for which no majority had voted for it.",
        example: "A vote that was given in epoch 4 arrives late and is counted in epoch 5.",
        legal: "Never.",
        source: "KIP-595; Raft section 3.4",
    },
    Entry {
        name: "controller-without-quorum",
        kind: Kind::InternalAnomaly,
        meaning: "A leader of the quorum did not resign although no majority had fetched from \
                  it for three times controller.quorum.fetch.timeout.ms.",
        example: "It is cut off with some brokers, which go on asking it and learn nothing.",
        legal: "While it is paused or its disk keeps it waiting.",
        source: "KIP-595, KAFKA-15489",
    },
    Entry {
        name: "healthy-leader-deposed",
        kind: Kind::InternalAnomaly,
        meaning: "A voter stood for election in a new epoch while a majority led or followed a \
                  leader from which it had taken something.",
        example: "A controller is cut off for a minute and comes back with an epoch that is ten \
                  higher: the others, who miss nothing, lose their controller to it.",
        legal: "Never.",
        source: "KIP-996; EpochState.canGrantVote",
    },
    Entry {
        name: "append-below-min-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A leader appended a produce with acks=all while it knew of fewer replicas in \
                  sync than min.insync.replicas.",
        example: "min.insync.replicas=2, ISR {1}: the batch is in the log of 1, and its \
                  producer waits for an answer until it times out.",
        legal: "Never: not enough replicas must be the answer, before anything is appended.",
        source: "Partition.appendRecordsToLeader",
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
];

pub(super) static INVARIANTS: [Entry; 9] = [
    Entry {
        name: "following",
        kind: Kind::Invariant,
        meaning: "A leader counts only what followers tell it in its epoch and in their \
                  present uptime.",
        example: "Broken by fetch-of-other-epoch, unheard-member-counted.",
        legal: "Never.",
        source: "KIP-320, KIP-903",
    },
    Entry {
        name: "epoch-ends",
        kind: Kind::Invariant,
        meaning: "Where epochs begin and end is told as the log has it.",
        example: "Broken by epoch-end-wrong, epoch-cache-mismatch.",
        legal: "Never.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "clean-stop",
        kind: Kind::Invariant,
        meaning: "A stop that counts as clean left everything on the disk.",
        example: "Broken by clean-stop-not-durable, false-clean-recovery.",
        legal: "When the disk lies.",
        source: "KIP-966",
    },
    Entry {
        name: "metadata-freshness",
        kind: Kind::Invariant,
        meaning: "Brokers act on the metadata of their own uptime, and never on older after \
                  newer.",
        example: "Broken by acts-before-registration.",
        legal: "Never.",
        source: "KIP-631",
    },
    Entry {
        name: "sequence-refusal",
        kind: Kind::Invariant,
        meaning: "A producer's next batch, and a repetition of one of its last five, are \
                  never refused.",
        example: "Broken by needless-sequence-refusal, epoch-not-from-zero.",
        legal: "Never.",
        source: "KIP-98",
    },
    Entry {
        name: "broker-fencing",
        kind: Kind::Invariant,
        meaning: "Brokers are let in when they are ready, and go when they ask, in their present \
                  uptime.",
        example: "Broken by unfenced-unready, shutdown-unasked.",
        legal: "Never.",
        source: "KIP-631, KIP-841",
    },
    Entry {
        name: "check-quorum",
        kind: Kind::Invariant,
        meaning: "A leader of the quorum that has lost its majority resigns.",
        example: "Broken by controller-without-quorum.",
        legal: "While it cannot look.",
        source: "KIP-595, KAFKA-15489",
    },
    Entry {
        name: "pre-vote",
        kind: Kind::Invariant,
        meaning: "Nobody stands for election while a majority follows a leader of the quorum.",
        example: "Broken by healthy-leader-deposed.",
        legal: "Never.",
        source: "KIP-996",
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
];
