//! What the watch can see of consumers.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 14] = [
    Entry {
        name: "timed-out-in-calm",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer's question for an end offset ran out of time although every broker and every controller \
            ran, no fault lasted, and what the last one had begun was over.",
        example: "A consumer wants to know where a partition ends and never sends the request; twice its \
            request.timeout.ms later it says RequestTimedOut.",
        legal: "While a fault lasts or a broker is told to stop, and for as long as sessions, elections and proposals \
            may take after it; where topics are deleted; if its time is too short for the messages that it takes.",
        source: "Consumer.endOffsets",
    },
    Entry {
        name: "read-above-true-hw",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer was given records that are not committed.",
        example: "A leader serves up to its log end.",
        legal: "Never.",
        source: "KIP-101",
    },
    Entry {
        name: "read-differs-from-committed",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer was given other records than those committed at these offsets.",
        example: "A replaced leader serves its own copy of offset 5.",
        legal: "Never.",
        source: "KIP-320",
    },
    Entry {
        name: "read-gap",
        kind: Kind::InternalAnomaly,
        meaning: "The batches of an answer do not follow each other from the offset asked for.",
        example: "Asked for 5, answered from 7.",
        legal: "Never.",
        source: "FetchResponse",
    },
    Entry {
        name: "end-offset-above-commit",
        kind: Kind::InternalAnomaly,
        meaning: "A leader returned an end offset above what is committed.",
        example: "Committed up to 5, returned 6.",
        legal: "Never.",
        source: "KIP-207",
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
        name: "timed-offset-wrong",
        kind: Kind::InternalAnomaly,
        meaning: "A leader returned another offset for a time than that of the first record that is as late.",
        example: "A job begins at noon by the records' timestamps and is told the first record after one: an hour is \
            missing.",
        legal: "Never.",
        source: "KIP-33, KIP-734",
    },
    Entry {
        name: "read-replica-behind",
        kind: Kind::InternalAnomaly,
        meaning: "A leader sent a consumer to a replica that has not the records up to where it is.",
        example: "The consumer is at 300, the replica ends at 280: it is sent back, and to and fro.",
        legal: "Never.",
        source: "KIP-392",
    },
    Entry {
        name: "end-offset-too-early",
        kind: Kind::InternalAnomaly,
        meaning: "A leader returned an end offset before all that it had when it was elected was committed.",
        example: "The leader before it had told 300; the new one knows 280 to be committed, and tells that.",
        legal: "Never.",
        source: "KIP-207, KAFKA-2334",
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
        name: "end-offset-differs",
        kind: Kind::InternalAnomaly,
        meaning: "A leader returned an end offset of a log with other records than those committed below it.",
        example: "A new leader without record 5 has appended another one and returns the end 6.",
        legal: "After an election that legally lost records.",
        source: "KIP-101, KIP-207",
    },
    Entry {
        name: "read-replica-not-in-sync",
        kind: Kind::InternalAnomaly,
        meaning: "A leader sent a consumer to a replica that is not in its ISR.",
        example: "The replica of the consumer's rack is cut off from the leader: the consumer is sent there and \
                  reads nothing new.",
        legal: "Never.",
        source: "KIP-392, KAFKA-14372",
    },
    Entry {
        name: "async-commit-repeated",
        kind: Kind::InternalAnomaly,
        meaning: "A consumer sent a commit again for which its application does not wait.",
        example: "The commit of offset 10 is refused while the coordinator loads. Offset 20 is committed, then 10 is \
                  sent again: the group is set back.",
        legal: "Never. One that the application waits for is sent again.",
        source: "KafkaConsumer.commitAsync; ConsumerCoordinator.doCommitOffsetsAsync",
    },
];

pub(super) static INVARIANTS: [Entry; 6] = [
    Entry {
        name: "answered-in-calm",
        kind: Kind::Invariant,
        meaning: "A consumer's question for an end offset does not run out of time in a sound cluster.",
        example: "Broken by timed-out-in-calm.",
        legal: "While a fault lasts, and for some time after it.",
        source: "Consumer.endOffsets",
    },
    Entry {
        name: "timed-offsets",
        kind: Kind::Invariant,
        meaning: "Who asks for a time is told the first record from then on.",
        example: "Broken by timed-offset-wrong.",
        legal: "Never.",
        source: "KIP-33, KIP-734",
    },
    Entry {
        name: "read-rule",
        kind: Kind::Invariant,
        meaning: "Clients see committed records only, each at its offset, in order.",
        example: "Broken by read-above-true-hw, read-gap.",
        legal: "Never.",
        source: "KIP-101, KIP-320",
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
        name: "read-replica",
        kind: Kind::Invariant,
        meaning: "Consumers are sent to replicas in the ISR only.",
        example: "Broken by read-replica-not-in-sync.",
        legal: "Never.",
        source: "KIP-392, KAFKA-14372",
    },
    Entry {
        name: "async-commits",
        kind: Kind::Invariant,
        meaning: "A commit for which nobody waits is sent once.",
        example: "Broken by async-commit-repeated.",
        legal: "Never. One that the application waits for is sent again.",
        source: "ConsumerCoordinator.doCommitOffsetsAsync, CommitRequestManager.commitAsync",
    },
];
