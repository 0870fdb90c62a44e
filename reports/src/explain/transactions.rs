//! What clients can see of groups and of transactions.

use super::entry::{Entry, Kind};

pub(super) static ENTRIES: [Entry; 18] = [
    Entry {
        name: "torn-transaction",
        kind: Kind::ClientAnomaly,
        meaning: "A transaction of unknown outcome committed in part, or one that was aborted is there in \
                  part: one of its records was read, and another one is in no read.",
        example: "A transaction sends a and b and is never answered; readers get a, and never b.",
        legal: "With isolation.level=read_uncommitted, where a read does not prove a commit and \
                what is aborted is read, too; where \
                the configuration allows loss.",
        source: "KIP-98, KIP-890; KAFKA-17754",
    },
    Entry {
        name: "int-send-skip",
        kind: Kind::ClientAnomaly,
        meaning: "Records of others stand between two sends of one operation.",
        example: "One transaction is acknowledged a@0 and b@2; c of another producer is at 1.",
        legal: "Always: Kafka does not isolate the writes of transactions.",
        source: "Jepsen int-send-skip",
    },
    Entry {
        name: "resume-skip",
        kind: Kind::ClientAnomaly,
        meaning: "A consumer got a partition from its group and began behind a record that the \
                  group had not processed.",
        example: "The group committed offset 2; the next owner's first record is at 3, and there \
                  is one at 2.",
        legal: "With auto.offset.reset=latest, if the group had committed nothing; over records \
                  with acks other than all that nobody read; when the configuration allows loss \
                  (an unclean election, or min.insync.replicas brokers losing data in between).",
        source: "KIP-62; Redpanda's rw_subscribe",
    },
    Entry {
        name: "zombie-commit",
        kind: Kind::ClientAnomaly,
        meaning: "A group took an offset commit from a member of an older generation.",
        example: "Client 2 joined in generation 2; then client 1's commit in generation 1 is \
                  accepted.",
        legal: "Never. By the consumer protocol (group.protocol=consumer) each member has an \
                  epoch of its own, and is a zombie only once its partition was given to \
                  another.",
        source: "KIP-62, KIP-848",
    },
    Entry {
        name: "commit-beyond-position",
        kind: Kind::ClientAnomaly,
        meaning: "A consumer committed an offset that it had not come to.",
        example: "A consumer read offsets 0 and 1, and commits 5.",
        legal: "With auto.offset.reset=latest, if neither the group had committed nor the member \
                  had read anything. Behind the last record there may lie markers, aborted and \
                  compacted ones.",
        source: "Kafka's verifiable_consumer.py",
    },
    Entry {
        name: "double-ownership",
        kind: Kind::ClientAnomaly,
        meaning: "Two members of a group had one partition at once: in one generation, as clients \
                  were told, or in the coordinator's true state.",
        example: "Clients 1 and 2 both join generation 3 and are both given orders-0.",
        legal: "Never: a fenced member may still believe, but in another generation. Who crashes \
                  or joins anew owns nothing any more.",
        source: "KIP-848 NoDoubleClientAssignment",
    },
    Entry {
        name: "eos-duplicate",
        kind: Kind::ClientAnomaly,
        meaning: "A group processed the same input record twice: in two transactions that \
                  committed, or in two sends that name it.",
        example: "Two transactions that commit offset 0 of the input as processed both commit.",
        legal: "With guarantee=at-least-once: what was not committed is processed again. With \
                  isolation.level=read_uncommitted, where a read does not prove that a \
                  transaction of unknown outcome committed.",
        source: "KIP-98, KIP-447",
    },
    Entry {
        name: "eos-loss",
        kind: Kind::ClientAnomaly,
        meaning: "An input record was passed over: no transaction that committed, and no send, \
                  processed it.",
        example: "Transactions commit inputs 0 and 2 as processed, none commits 1.",
        legal: "With guarantee=at-most-once: what was committed and not processed is gone. Else \
                  as for lost-write, of the input record.",
        source: "KIP-98, KIP-447; ducktape's transactional copier",
    },
    Entry {
        name: "late-processing",
        kind: Kind::ClientAnomaly,
        meaning: "A record was processed later after its acknowledgement than its group promises by \
                  processed_within_ms, faults or not.",
        example: "A payment is acknowledged at 4 s, processed_within_ms is 5000, and the transaction that \
                  commits it as processed ends at 12 s.",
        legal: "Never: without processed_within_ms nothing is promised. Where an operation of unknown \
                  outcome may have processed it, nobody knows when.",
        source: "Harrow",
    },
    Entry {
        name: "G0",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions wrote behind each other in a circle.",
        example: "On x, the first is before the second; on y, the second before the first.",
        legal: "Always: Kafka does not isolate the writes of transactions.",
        source: "Adya; Elle",
    },
    Entry {
        name: "G0-process",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions wrote behind each other in a circle, if the order within each \
                  process is counted.",
        example: "As for G0, where one step is that a process did one after the other.",
        legal: "Always.",
        source: "Elle",
    },
    Entry {
        name: "G0-realtime",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions wrote behind each other in a circle, if the order in time is \
                  counted.",
        example: "As for G0, where one step is that one began after another had ended.",
        legal: "Always; a single offset that contradicts time is realtime-order.",
        source: "Elle",
    },
    Entry {
        name: "G1c",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions read from each other in a circle.",
        example: "The first reads what the second wrote, and the second what the first wrote.",
        legal: "With isolation.level=read_uncommitted.",
        source: "Adya; Elle",
    },
    Entry {
        name: "G1c-process",
        kind: Kind::ClientAnomaly,
        meaning: "Reads contradict the order within a process.",
        example: "A process reads a record and sends it afterwards.",
        legal: "With isolation.level=read_uncommitted, in a circle of three and more.",
        source: "Elle",
    },
    Entry {
        name: "G1c-realtime",
        kind: Kind::ClientAnomaly,
        meaning: "Reads contradict time: something was read before it was sent.",
        example: "A poll that ended at 1 s returns a record whose send began at 2 s.",
        legal: "With isolation.level=read_uncommitted, in a circle of three and more. The clocks \
                  of the history must be one clock.",
        source: "Elle",
    },
    Entry {
        name: "G1c-ww",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions read from and wrote behind each other in a circle.",
        example: "The second reads the first's record on x and writes before it on y.",
        legal: "Always: Kafka does not isolate the writes of transactions.",
        source: "Jepsen G1c with ww edges",
    },
    Entry {
        name: "G1c-ww-process",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions read from and wrote behind each other in a circle, if the order \
                  within each process is counted.",
        example: "As for G1c-ww, where one step is that a process did one after the other.",
        legal: "Always.",
        source: "Jepsen G1c-process",
    },
    Entry {
        name: "G1c-ww-realtime",
        kind: Kind::ClientAnomaly,
        meaning: "Transactions read from and wrote behind each other in a circle, if the order in \
                  time is counted.",
        example: "As for G1c-ww, where one step is that one began after another had ended.",
        legal: "Always.",
        source: "Jepsen G1c-realtime",
    },
];
