//! What a step can do.

use super::entry::{Entry, Kind};

pub(super) static ENTRIES: [Entry; 44] = [
    Entry {
        name: "crash",
        kind: Kind::Fault,
        meaning: "The process dies; what it wrote stays in the page cache.",
        example: "crash leader-of orders-0, started again after 5 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "kill -9",
    },
    Entry {
        name: "power-loss",
        kind: Kind::Fault,
        meaning: "The machine loses power: what was not synced survives in part or not at all.",
        example: "power-loss any-broker.",
        legal: "Held back by the atlas where it would exceed what the configuration survives, unless \
                  the scenario allows loss.",
        source: "KIP-966: Kafka does not sync what it acknowledges",
    },
    Entry {
        name: "bounce",
        kind: Kind::Fault,
        meaning: "Crash and restart faster than any session timeout, unnoticed.",
        example: "bounce follower-of orders-0.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "KIP-101 scenario 1",
    },
    Entry {
        name: "stop",
        kind: Kind::Fault,
        meaning: "Graceful stop: the broker hands over its leaderships, then halts.",
        example: "stop any-broker, started after 2 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "Kafka controlled shutdown",
    },
    Entry {
        name: "pause",
        kind: Kind::Fault,
        meaning: "The process is suspended, as in a long garbage collection; messages wait for it.",
        example: "pause leader-of orders-0 for 12 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "SIGSTOP",
    },
    Entry {
        name: "wipe-disk",
        kind: Kind::Fault,
        meaning: "The process dies and its disk is empty when it starts again.",
        example: "wipe-disk node 2.",
        legal: "Held back by the atlas where it would exceed what the configuration survives, unless \
                  the scenario allows loss.",
        source: "a replaced disk",
    },
    Entry {
        name: "whole-cluster-outage",
        kind: Kind::Fault,
        meaning: "Every broker and controller goes down at once.",
        example: "whole-cluster-outage without loss of power.",
        legal: "Held back by the atlas where it would exceed what the configuration survives, unless \
                  the scenario allows loss.",
        source: "a data centre's outage",
    },
    Entry {
        name: "rolling-restart",
        kind: Kind::Fault,
        meaning: "Brokers stop gracefully and start again, one after another.",
        example: "rolling-restart with 3 s down each.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "an upgrade",
    },
    Entry {
        name: "partition",
        kind: Kind::Fault,
        meaning: "Links are cut: one node, one direction, halves, a bridge, a ring.",
        example: "partition isolating leader-of orders-0.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "Jepsen nemesis",
    },
    Entry {
        name: "delete-records",
        kind: Kind::Fault,
        meaning: "An administrator deletes the older part of what is committed in a partition (KIP-107).",
        example: "delete-records leader-of orders-0, 50 % of them.",
        legal: "What is deleted may be gone; all else must stay.",
        source: "kafka-delete-records.sh",
    },
    Entry {
        name: "reset-connections",
        kind: Kind::Fault,
        meaning: "All connections of a node are reset; what was in flight is lost.",
        example: "reset-connections any-broker.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "TCP reset",
    },
    Entry {
        name: "delay",
        kind: Kind::Fault,
        meaning: "Messages to and from a node take longer.",
        example: "delay any-node by 200 ms.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a slow link",
    },
    Entry {
        name: "drop-responses",
        kind: Kind::Fault,
        meaning: "Responses to clients are lost with their connections, at a ratio; with `api` those to one kind \
                  of request, whoever asked.",
        example: "drop-responses of leader-of orders-0, one in 5; all of the controller with api = \
                  \"AlterPartition\".",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "KIP-98 motivation",
    },
    Entry {
        name: "hold-requests",
        kind: Kind::Fault,
        meaning: "Requests are held back, then arrive in a burst although the sender has given them \
                  up: those on one kind of connection, or with `api` those of one kind and what comes behind them.",
        example: "hold-requests to leader-of orders-0 for 8 s, with api = \"Produce\".",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "late requests on an old connection",
    },
    Entry {
        name: "hold-metadata",
        kind: Kind::Fault,
        meaning: "A node hears nothing new of the metadata, although it fetches records and sends \
                  heartbeats as ever; then all of it at once.",
        example: "hold-metadata of follower-of orders-0 for 3 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a metadata loader that lags; KAFKA-6880",
    },
    Entry {
        name: "stall-metadata-publishing",
        kind: Kind::Fault,
        meaning: "A broker fetches metadata and sends heartbeats, but does not act on what it fetched; then it \
                  takes several changes of a partition for one.",
        example: "stall-metadata-publishing of leader-of orders-0 for 3 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "Kafka's BrokerMetadataPublisher",
    },
    Entry {
        name: "stall-connections",
        kind: Kind::Fault,
        meaning: "The connections that a node has stand still, as when their path through the \
                  network is lost; new ones take another path. When the path is back, all that \
                  was sent arrives, even from processes that have died since.",
        example: "stall-connections of follower-of orders-0 for 5 s, and its process restarts \
                  meanwhile: its last fetch arrives after those of the next process.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "TCP retransmission; KIP-903",
    },
    Entry {
        name: "duplicate-responses",
        kind: Kind::Fault,
        meaning: "Responses are delivered twice, the second copy later.",
        example: "duplicate-responses of any-broker, one in 10.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "beyond TCP",
    },
    Entry {
        name: "limit-bandwidth",
        kind: Kind::Fault,
        meaning: "All links of a node are slow.",
        example: "limit-bandwidth of any-broker to 64 KiB/s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a full link",
    },
    Entry {
        name: "slow-disk",
        kind: Kind::Fault,
        meaning: "Syncs take longer.",
        example: "slow-disk at any-node by 100 ms.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a busy disk",
    },
    Entry {
        name: "stall-disk",
        kind: Kind::Fault,
        meaning: "Syncs hang.",
        example: "stall-disk at controller for 5 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a failing disk",
    },
    Entry {
        name: "fail-disk",
        kind: Kind::Fault,
        meaning: "The next write or sync fails: the process halts.",
        example: "fail-disk at any-broker.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "KIP-112",
    },
    Entry {
        name: "fail-log-directory",
        kind: Kind::Fault,
        meaning: "One of a broker's log directories fails, and the broker goes on with the others; it has the \
                  directory again when it starts after the repair, empty if the disk was replaced.",
        example: "fail-log-directory 1 at leader-of orders-0 for 5 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it; a disk that is \
                  replaced is held back by the atlas where it would exceed that.",
        source: "KIP-112, KIP-858",
    },
    Entry {
        name: "full-disk",
        kind: Kind::Fault,
        meaning: "The disk has no room: the next append fails and the process halts.",
        example: "full-disk at any-broker for 20 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "ENOSPC",
    },
    Entry {
        name: "lying-sync",
        kind: Kind::Fault,
        meaning: "Syncs report success and do nothing.",
        example: "lying-sync at any-controller for 10 s.",
        legal: "Held back by the atlas where it would exceed what the configuration survives, unless \
                  the scenario allows loss.",
        source: "disks with volatile caches",
    },
    Entry {
        name: "bit-rot",
        kind: Kind::Fault,
        meaning: "One bit of a log flips on the disk; seen at the next boot.",
        example: "bit-rot at any-broker.",
        legal: "Where the scenario allows no loss, the bit flips by the node's next crash, where the next \
                  process looks for damage, and is held back by the atlas if the configuration would not \
                  survive that. Where it allows loss, any bit flips at once: what nobody checks is taken \
                  in, and nothing repairs it.",
        source: "silent corruption",
    },
    Entry {
        name: "step-clock",
        kind: Kind::Fault,
        meaning: "The wall clock jumps.",
        example: "step-clock of any-broker by -3600 s.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "NTP",
    },
    Entry {
        name: "drift-clock",
        kind: Kind::Fault,
        meaning: "Both clocks of a node run at another speed.",
        example: "drift-clock of any-node by 10000 ppm.",
        legal: "A configuration with acks=all and min.insync.replicas=2 of 3 must survive it.",
        source: "a bad oscillator",
    },
    Entry {
        name: "stay-dead",
        kind: Kind::Fault,
        meaning: "The heal repairs a core only: this broker or controller stays dead for good.",
        example: "[heal] core = true: one broker of three never comes back.",
        legal: "Held back where the quorum would lose its majority, or a partition its last complete \
                  replica or min.insync.replicas, unless the scenario allows loss.",
        source: "TigerBeetle's liveness mode",
    },
    Entry {
        name: "stay-cut",
        kind: Kind::Fault,
        meaning: "The heal repairs a core only: this node runs and reaches the controllers, but no \
                  other broker, for good.",
        example: "[heal] core = true and outside = \"cut-from-brokers\".",
        legal: "No rule of Kafka recovers from it when the node leads: its heartbeats pass, so it stays \
                  leader.",
        source: "TigerBeetle's liveness mode",
    },
    Entry {
        name: "reassign",
        kind: Kind::Fault,
        meaning: "An administrator moves replicas of a partition to brokers that have none (KIP-455); \
            `throttled = true` bounds what is copied for it by the brokers' rates, until the heal (KIP-73).",
        example: "reassign leader-of orders-0, two of three replicas.",
        legal: "Nothing acknowledged may be lost by it.",
        source: "kafka-reassign-partitions.sh --execute",
    },
    Entry {
        name: "cancel-reassignment",
        kind: Kind::Fault,
        meaning: "An administrator cancels the reassignment of a partition.",
        example: "cancel-reassignment leader-of orders-0, 300 ms after it began.",
        legal: "Nothing acknowledged may be lost by it.",
        source: "kafka-reassign-partitions.sh --cancel",
    },
    Entry {
        name: "add-partitions",
        kind: Kind::Fault,
        meaning: "An administrator gives a topic as many partitions as it is to have (KIP-195).",
        example: "add-partitions leader-of orders-0: from 2 to 4.",
        legal: "Keys may lead to another partition than before; nothing acknowledged may be lost.",
        source: "kafka-topics.sh --alter --partitions",
    },
    Entry {
        name: "alter-config",
        kind: Kind::Fault,
        meaning: "An administrator changes a setting of a topic while it is in use (KIP-339). Each broker goes by it \
            when it has heard of it in the metadata.",
        example: "alter-config leader-of orders-0: min.insync.replicas=1.",
        legal: "Nothing acknowledged may be lost by it; with fewer min.insync.replicas fewer losses of disks are \
            survived.",
        source: "kafka-configs.sh --alter --add-config",
    },
    Entry {
        name: "elect-preferred",
        kind: Kind::Fault,
        meaning: "An administrator gives a partition back to its first replica, if that is in sync (KIP-183, KIP-460).",
        example: "elect-preferred leader-of orders-0: node 1 leads in place of node 2.",
        legal: "Nothing acknowledged may be lost by it.",
        source: "kafka-leader-election.sh --election-type preferred",
    },
    Entry {
        name: "delete-group",
        kind: Kind::Fault,
        meaning: "An administrator deletes a group (KIP-229). One that has members is refused.",
        example: "delete-group coordinator-of group-a, while all its consumers are down.",
        legal: "Its offsets are gone: who joins begins where `auto.offset.reset` says.",
        source: "kafka-consumer-groups.sh --delete",
    },
    Entry {
        name: "reset-offsets",
        kind: Kind::Fault,
        meaning: "An administrator has a group go on from elsewhere (KIP-122). One that has members is refused.",
        example: "reset-offsets coordinator-of group-a to behind 50 % of the records.",
        legal: "The group reads records again, or passes over some.",
        source: "kafka-consumer-groups.sh --reset-offsets",
    },
    Entry {
        name: "abort-hanging",
        kind: Kind::Fault,
        meaning: "An administrator looks for transactions that no coordinator will end, and aborts them where they are \
            open (KIP-664).",
        example: "abort-hanging leader-of orders-0: nothing is found, or one marker is sent.",
        legal: "A transaction that goes on must not be aborted by it.",
        source: "kafka-transactions.sh find-hanging, abort",
    },
    Entry {
        name: "delete-topic",
        kind: Kind::Fault,
        meaning: "An administrator deletes a topic, while clients go on that use it.",
        example: "delete-topic leader-of orders-0: the topic orders.",
        legal: "Its records are gone. What is sent to it waits, or ends with an unknown topic.",
        source: "kafka-topics.sh --delete",
    },
    Entry {
        name: "create-topic",
        kind: Kind::Fault,
        meaning: "An administrator creates a topic again that was deleted: it is another one, with an id and offsets \
            of \
            its own (KIP-516). Histories call the second one orders@2.",
        example: "create-topic leader-of orders-0, 500 ms after its deletion.",
        legal: "A send may stand in both, if the first did not acknowledge it. A consumer may go on in the new one \
            where \
            it stood in the old. Nothing that the old one has acknowledged may be in the new one.",
        source: "kafka-topics.sh --create",
    },
    Entry {
        name: "join-broker",
        kind: Kind::Fault,
        meaning: "A broker joins the cluster: it starts for the first time.",
        example: "join-broker node 4.",
        legal: "Nothing acknowledged may be lost by it.",
        source: "scaling out",
    },
    Entry {
        name: "decommission-broker",
        kind: Kind::Fault,
        meaning: "A broker leaves the cluster: its replicas move to others, it stops, it is unregistered.",
        example: "decommission-broker node 1.",
        legal: "Nothing acknowledged may be lost by it.",
        source: "kafka-cluster.sh unregister",
    },
    Entry {
        name: "add-voter",
        kind: Kind::Fault,
        meaning: "A controller that only follows the metadata log becomes a voter of the quorum.",
        example: "add-voter any-controller, 2 s after another one was removed.",
        legal: "One at a time, once it has caught up: a request that comes too early is refused (KIP-853). Nothing \
            acknowledged may be lost by it.",
        source: "kafka-metadata-quorum.sh add-controller, KIP-853",
    },
    Entry {
        name: "remove-voter",
        kind: Kind::Fault,
        meaning: "A voter of the quorum, which may have lost its disk, becomes one that only follows.",
        example: "remove-voter controller: the one that leads resigns once its removal is committed.",
        legal: "Held back unless the other voters that have their disks are a majority of the voters. Nothing \
            acknowledged may be lost by it.",
        source: "kafka-metadata-quorum.sh remove-controller, KIP-853",
    },
];
