//! What the watch can see of consumer groups.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 2] = [
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
];

pub(super) static INVARIANTS: [Entry; 2] = [
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
];
