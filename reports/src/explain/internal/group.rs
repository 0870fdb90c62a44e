//! What the watch can see of consumer groups.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 3] = [
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
];

pub(super) static INVARIANTS: [Entry; 3] = [
    Entry {
        name: "coordinator-answers",
        kind: Kind::Invariant,
        meaning: "What a coordinator has answered is committed.",
        example: "Broken by answer-before-commit.",
        legal: "An answer that rests on no record of its own waits for those before it only.",
        source: "KIP-848, CoordinatorRuntime",
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
];
