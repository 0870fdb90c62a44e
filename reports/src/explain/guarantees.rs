//! What is promised.

use super::entry::{Entry, Kind};

pub(super) static ENTRIES: [Entry; 8] = [
    Entry {
        name: "durability",
        kind: Kind::Guarantee,
        meaning: "Acknowledged records stay.",
        example: "With acks=all, a record that the producer was told of at offset 5 is at offset 5 for \
                  every later reader.",
        legal: "Loss is legal with acks=0 or acks=1 once a leader changes, with unclean leader \
                  election, and when min.insync.replicas brokers lose data.",
        source: "Kafka documentation, message delivery semantics; KIP-966",
    },
    Entry {
        name: "ordering",
        kind: Kind::Guarantee,
        meaning: "Records keep the order that producers and consumers rely on.",
        example: "One producer sends a, then b to a partition: every reader gets a before b.",
        legal: "Sends may swap without idempotence when several requests are in flight.",
        source: "KIP-98",
    },
    Entry {
        name: "offsets",
        kind: Kind::Guarantee,
        meaning: "Offsets name one record each, and consumers move through them without gaps or \
                  repeats.",
        example: "Offset 7 of orders-0 is the same record for every reader at any time.",
        legal: "Markers and aborted records leave gaps; retries without idempotence repeat records.",
        source: "KIP-98, KIP-101",
    },
    Entry {
        name: "visibility",
        kind: Kind::Guarantee,
        meaning: "Only committed records are read, and nothing that was not sent.",
        example: "A consumer is not given a record above the high watermark.",
        legal: "With isolation.level=read_uncommitted, records of open and aborted transactions are \
                  read.",
        source: "KIP-98, KIP-101",
    },
    Entry {
        name: "leadership",
        kind: Kind::Guarantee,
        meaning: "One leader an epoch; nothing from a fenced one counts.",
        example: "A leader that was replaced may still append, but can commit and acknowledge nothing.",
        legal: "Never.",
        source: "KIP-320, KIP-497, KIP-595",
    },
    Entry {
        name: "replication",
        kind: Kind::Guarantee,
        meaning: "Replicas agree on what is committed.",
        example: "Below the high watermark, all logs hold the same batches.",
        legal: "Above the high watermark logs may differ until the followers truncate.",
        source: "KIP-101, KIP-279",
    },
    Entry {
        name: "liveness",
        kind: Kind::Guarantee,
        meaning: "After the faults end, everything works again.",
        example: "All partitions have a leader, ISRs are whole, consumers reach the end.",
        legal: "If no surviving replica may lead, a partition stays offline: that is the rule, not a \
                  bug.",
        source: "KIP-966; Kafka's RaftEventSimulationTest",
    },
    Entry {
        name: "model",
        kind: Kind::Guarantee,
        meaning: "The model keeps its own internal rules: an assertion that fails is a bug in it.",
        example: "A replica's high watermark passes its log end and the assertion says so.",
        legal: "Never.",
        source: "Harrow",
    },
];
