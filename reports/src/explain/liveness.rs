//! What must come true after the heal, goal by goal: the names are those of the goals that were not met.

use super::entry::{Entry, Kind};

pub(super) static ENTRIES: [Entry; 15] = [
    Entry {
        name: "node-down",
        kind: Kind::Liveness,
        meaning: "After the heal, a process of the core does not run, or never ends its graceful stop.",
        example: "A broker halts again whenever it is started.",
        legal: "For nodes that the plan leaves outside the core.",
        source: "Harrow",
    },
    Entry {
        name: "no-quorum-leader",
        kind: Kind::Liveness,
        meaning: "After the heal, not all live controllers and brokers know one live quorum leader.",
        example: "Two voters depose each other again and again.",
        legal: "When no majority of the controllers is left: the rest stay dead or lost their disks.",
        source: "KIP-595; Kafka's RaftEventSimulationTest; L1",
    },
    Entry {
        name: "broker-fenced",
        kind: Kind::Liveness,
        meaning: "After the heal, a live broker is still fenced, or not registered.",
        example: "Its heartbeats are refused with a stale broker epoch and it never registers anew.",
        legal: "When the quorum has no majority.",
        source: "KIP-631; L2",
    },
    Entry {
        name: "metadata-behind",
        kind: Kind::Liveness,
        meaning: "After the heal, a live broker has not applied the metadata that is committed.",
        example: "Its fetches of the metadata log go to a controller that no longer leads.",
        legal: "When the quorum has no majority.",
        source: "KIP-595; L2",
    },
    Entry {
        name: "topic-missing",
        kind: Kind::Liveness,
        meaning: "After the heal, a topic that the run creates first still does not exist.",
        example: "The creation is forwarded to a controller that never answers.",
        legal: "When the quorum has no majority.",
        source: "KIP-4",
    },
    Entry {
        name: "partition-leaderless",
        kind: Kind::Liveness,
        meaning: "After the heal, a partition with an electable replica has no leader that acts.",
        example: "All replicas are back and in the ELR, and nobody is elected.",
        legal: "When every member of ISR and ELR stays dead or lost its disk and the topic forbids \
                  unclean elections, and when every replica stays dead.",
        source: "KIP-966; L3",
    },
    Entry {
        name: "isr-not-full",
        kind: Kind::Liveness,
        meaning: "After the heal, a live replica does not come back into the ISR, a dead one does not \
                  leave it, or the ELR is not empty.",
        example: "The leader knows an older version of the registration, and the controller refuses each \
                  of its proposals.",
        legal: "When the partition is legally offline.",
        source: "KIP-497, KIP-966; L4",
    },
    Entry {
        name: "operation-open",
        kind: Kind::Liveness,
        meaning: "After the heal, a client operation is not resolved in its time.",
        example: "A send is open long after delivery.timeout.ms.",
        legal: "Never: a client gives up in time.",
        source: "delivery.timeout.ms; L7",
    },
    Entry {
        name: "high-watermark-stuck",
        kind: Kind::Liveness,
        meaning: "After the heal, a live replica lacks records of the leader's log, or its high watermark \
                  stays below the log's end.",
        example: "The ISR shrinks to the leader and nobody computes the high watermark anew.",
        legal: "When fewer replicas live than min.insync.replicas: the high watermark does not advance then.",
        source: "KIP-101, KIP-966; L5",
    },
    Entry {
        name: "fresh-client-fails",
        kind: Kind::Liveness,
        meaning: "After the heal, a fresh producer's acks=all record is not acknowledged by a partition.",
        example: "The cluster looks whole, but the producer is never given an id.",
        legal: "When fewer replicas live than min.insync.replicas: acks=all is refused then.",
        source: "KIP-98, KIP-966; L11",
    },
    Entry {
        name: "producer-stuck",
        kind: Kind::Liveness,
        meaning: "After the heal, a producer that lived through the faults has no further record acknowledged by a \
                  partition that it writes to.",
        example: "A batch ended unresolved, and the producer never takes the next epoch.",
        legal: "Over partitions that are legally offline, and with acks=all where fewer replicas live than \
                  min.insync.replicas.",
        source: "KIP-98, KIP-360; L11",
    },
    Entry {
        name: "transaction-open",
        kind: Kind::Liveness,
        meaning: "After the heal, a partition has a transaction open for longer than its timeout: the last \
                  stable offset stands still, and with it every consumer with read_committed.",
        example: "A record arrives after its transaction's marker and opens one that no coordinator knows of.",
        legal: "Never: a transaction ends by its producer or by transaction.timeout.ms.",
        source: "KIP-98, KIP-664, KAFKA-14402",
    },
    Entry {
        name: "consumer-lag",
        kind: Kind::Liveness,
        meaning: "After the heal, a live consumer, or a fresh one, does not get to the committed end, or a \
                  partition of a group has no member that reads it, or more than one.",
        example: "A consumer asks a broker that no longer leads, and never looks for the new leader.",
        legal: "Over partitions that are legally offline, and where allowed damage to a disk was taken in.",
        source: "KIP-320; L9, L11",
    },
    Entry {
        name: "share-lag",
        kind: Kind::Liveness,
        meaning: "After the heal, a share group is not done with all that is committed: a record is neither \
                  accepted, rejected nor given up.",
        example: "A lock is forgotten, and the record stays with a worker that has given it up long ago.",
        legal: "Over partitions that are legally offline.",
        source: "KIP-932",
    },
    Entry {
        name: "resources-held",
        kind: Kind::Liveness,
        meaning: "After the heal, a node holds requests, proposals or records although everything has \
                  come to rest, or although what they wait for has happened.",
        example: "A produce waits on in the purgatory although the high watermark has passed it: its \
                  wake-up was lost.",
        legal: "Never.",
        source: "Kafka's DelayedOperationPurgatory; L12",
    },
];
