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

pub(super) static ENTRIES: [Entry; 21] = [
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
    word(
        "HW",
        "The high watermark: all replicas in sync have what is below it, which is committed and may be read. A \
         leader moves it when the ISR has fetched further, and followers hear of it with their next fetches.",
        "`became leader in epoch 2: log end 14, high watermark 12`: of offsets 12 and 13 nobody knows yet.",
        "KIP-101; Partition.maybeIncrementLeaderHW",
    ),
    word(
        "LSO",
        "The last stable offset: below it no transaction is open. Consumers with isolation.level=read_committed read \
         up to it; it is never above the high watermark.",
        "A transaction that began at offset 7 and is open holds the LSO at 7.",
        "KIP-98; UnifiedLog.lastStableOffset",
    ),
    word(
        "LEO",
        "The log end offset: that of the next record which a replica will append. Each replica has its own.",
        "A follower with LEO 12 fetches from offset 12.",
        "UnifiedLog.logEndOffset",
    ),
    word(
        "coordinate",
        "What a run is found by: scenario, seed and the commit of Harrow, with the hash of a scenario file that is \
         not of the catalogue. The same coordinate is the same run, bit for bit.",
        "`leader-crash --seed 7 at 8fee6ddd`.",
        "Harrow",
    ),
    word(
        "plan",
        "All that is decided before a run: cluster, clients, clocks, and each fault with its time. A scenario says \
         what may be, a seed draws one plan from it; a plan is JSON, may be edited, and is run again by \
         `harrow replay`.",
        "`harrow run leader-crash --seed 7 --out runs/7; harrow replay runs/7/plan.json`.",
        "Harrow",
    ),
    word(
        "digest",
        "A hash of everything that happened in a run. Two runs with the same one are the same run: a replay that has \
         another is told as non-deterministic.",
        "`digest 3f1c...` at the end of a report; `harrow verify` compares two runs of each seed.",
        "Harrow",
    ),
    word(
        "fingerprint",
        "A short hash of what a finding says, without numbers and names of nodes: failures that are alike have the \
         same one, whatever their seeds. Sweeps count failures by it, and a plan that is made smaller keeps it.",
        "`Fingerprint 2a2178c8`: what `harrow sweep` lists at its end, and `harrow shrink` goes by.",
        "Harrow",
    ),
];
