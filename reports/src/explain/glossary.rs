//! Words of Kafka and of scenarios that reports and scenarios take for known.

use super::entry::{Entry, Kind};

const fn word(
    name: &'static str,
    meaning: &'static str,
    example: &'static str,
    source: &'static str,
) -> Entry {
    Entry { name, kind: Kind::Word, meaning, example, legal: "", source }
}

pub(super) static ENTRIES: [Entry; 14] = [
    word(
        "acks",
        "How many must have a record before its producer is told that it is there: `0` nobody, `1` the leader, \
         `all` (or -1) every in-sync replica, at least min.insync.replicas of them. With `1`, what the leader \
         alone has is gone once another one leads; `--hold acks=all` makes findings of that.",
        "acks = \"1\" in a [[load]]; `harrow sweep scenarios/examples/incident.toml --hold acks=all`.",
        "Kafka's producer configuration",
    ),
    word(
        "ISR",
        "The in-sync replicas of a partition: those that have kept up with its leader for \
         replica.lag.time.max.ms. A record is committed once all of them have it. The leader asks for changes \
         by AlterPartition, and the controller decides.",
        "`ISR [2, 3, 1]` in a finding: the leader is the first that was named.",
        "KIP-497",
    ),
    word(
        "ELR",
        "The eligible leader replicas: those that left an ISR which had become smaller than \
         min.insync.replicas. They have all that is committed, as nothing is committed meanwhile, and may lead \
         once the ISR is empty, unless they lost data: after an unclean shutdown a replica leaves ISR and ELR.",
        "`ISR [], ELR [3, 1]`: nobody leads until 3 or 1 comes back.",
        "KIP-966",
    ),
    word(
        "livelock",
        "The same question and the same answer again and again, while nothing else changes: the cluster is at work \
         and gets nowhere. A finding that something never came names it where there is one, with who asks whom for \
         what, which answer comes, and how often.",
        "`a livelock: node 1001 asks node 2 for produce and gets NOT_LEADER_OR_FOLLOWER, 214 times`.",
        "the director of a run, which counts what comes again after the heal",
    ),
    word(
        "leader-epoch",
        "A number that grows with each leader of a partition. Batches carry it, so that two logs can tell where \
         they part, and requests carry it, so that whoever lives in an older one is fenced.",
        "`was elected in epoch 3`.",
        "KIP-101, KIP-320",
    ),
    word(
        "min.insync.replicas",
        "With acks=all, a leader refuses records while fewer replicas than that are in sync. So an acknowledged \
         record survives the loss of one less, with eligible leader replicas.",
        "min.insync.replicas = 2 in a [[topic]].",
        "Kafka's topic configuration",
    ),
    word(
        "leader-of",
        "A target of a fault: the node that leads a partition when the step fires, as in `leader-of orders-0`; with \
         `orders-*` or `*` the seed draws the partition. The trace tells who it was.",
        "target = \"leader-of orders-*\"",
        "Harrow's scenarios",
    ),
    word(
        "follower-of",
        "A target of a fault: a replica of a partition that does not lead it when the step fires.",
        "target = \"follower-of orders-0\"",
        "Harrow's scenarios",
    ),
    word(
        "isr-follower-of",
        "A target of a fault: a member of a partition's ISR that does not lead it when the step fires.",
        "target = \"isr-follower-of orders-*\"",
        "Harrow's scenarios",
    ),
    word(
        "controller",
        "A target of a fault: the active controller when the step fires; `standby-controller` and \
         `any-controller` are the others.",
        "target = \"controller\"",
        "Harrow's scenarios",
    ),
    word(
        "any-broker",
        "A target of a fault: a broker that the seed draws; `any-node` may be a controller as well, `any-client` is \
         a client, and `node 2` is always the same one.",
        "target = \"any-broker\"",
        "Harrow's scenarios",
    ),
    word(
        "loss_allowed",
        "`expect.loss_allowed = true` in a scenario: faults are done as planned, even where the configuration does \
         not promise to survive them, and what they lose is legal. Without it, such faults are weakened or held \
         back, and the verdict counts them. `--hold expect.loss_allowed=false` judges a run that was made with it \
         as if nothing might be lost.",
        "[expect]\nloss_allowed = true",
        "Harrow's scenarios",
    ),
    word(
        "reach",
        "`expect.reach` in a scenario: the marks that a run must come across to show anything. One run that \
         misses one is inconclusive; a sweep is, if no run reaches it, or fewer than `expect.reach_share` of them.",
        "reach = [\"leader-elected\", \"crash\"]",
        "Harrow's scenarios",
    ),
    word(
        "hold",
        "`--hold NAME=VALUE` judges as if that had been promised, on run, sweep, replay and check: what is legal as \
         it is becomes a finding, with the records concerned and the life of one of them.",
        "harrow sweep scenarios/examples/incident.toml --seeds 1..50 --hold acks=all",
        "Harrow",
    ),
];
