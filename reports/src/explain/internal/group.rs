//! What the watch can see of consumer groups.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 1] = [Entry {
    name: "member-epoch-regress",
    kind: Kind::InternalAnomaly,
    meaning: "A member was given a partition that it held in a later epoch already.",
    example: "Epoch 6, then epoch 5.",
    legal: "Never.",
    source: "KIP-848",
}];

pub(super) static INVARIANTS: [Entry; 1] = [Entry {
    name: "partition-ownership",
    kind: Kind::Invariant,
    meaning: "A partition of a group has one current owner.",
    example: "Broken by double-ownership, member-epoch-regress.",
    legal: "A fenced member may still believe that it owns it.",
    source: "KIP-848",
}];
