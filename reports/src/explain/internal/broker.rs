//! What the watch can see of a broker's life.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 11] = [
    Entry {
        name: "clean-stop-not-durable",
        kind: Kind::InternalAnomaly,
        meaning: "A broker wrote the marker of a clean stop while some of its records were \
                  not on its disk.",
        example: "The marker is synced, the last segment is not: a power loss now looks like \
                  no loss.",
        legal: "When the disk lies.",
        source: "LogManager.shutdown; KIP-966",
    },
    Entry {
        name: "false-clean-recovery",
        kind: Kind::InternalAnomaly,
        meaning: "A log was opened as cleanly closed after a stop that was not clean, so \
                  that nothing in it was checked.",
        example: "The marker of an earlier stop was left in place; the broker crashed since.",
        legal: "Never.",
        source: "CleanShutdownFileHandler",
    },
    Entry {
        name: "unclean-stop-overlooked",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was registered as cleanly stopped though its uptime before ended \
                  otherwise: it may stay eligible with less than it had.",
        example: "Broker 2 lost power and comes back; it stays in the ELR.",
        legal: "Never.",
        source: "KIP-966",
    },
    Entry {
        name: "clean-stop-forgotten",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was registered, or asked to be, as uncleanly stopped though its uptime before ended \
                  cleanly: it counts as one that has lost records.",
        example: "Brokers are restarted one by one, and each leaves every ELR: the next crash leaves a partition \
                  with nobody who may lead.",
        legal: "Never.",
        source: "KIP-966; ClusterControlManager.registerBroker, CleanShutdownFileHandler",
    },
    Entry {
        name: "registration-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A leader went back to an older registration of its partition.",
        example: "The answer to its proposal told partition epoch 5; then it took epoch 4 \
                  from late metadata.",
        legal: "Never.",
        source: "Partition.makeLeader; rule 2.1.7",
    },
    Entry {
        name: "acts-before-registration",
        kind: Kind::InternalAnomaly,
        meaning: "A broker led or followed by metadata from before its own registration.",
        example: "A broker that boots replays that it led epoch 3, and takes records in it.",
        legal: "Never.",
        source: "KIP-631; BrokerMetadataPublisher",
    },
    Entry {
        name: "unfenced-unready",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was unfenced before it had applied the metadata up to its own \
                  registration.",
        example: "A late heartbeat of the uptime before lets it in: it may be elected and does \
                  not know of it.",
        legal: "Never.",
        source: "KIP-631; BrokerHeartbeatManager.calculateNextBrokerState",
    },
    Entry {
        name: "shutdown-unasked",
        kind: Kind::InternalAnomaly,
        meaning: "A broker was taken for one that shuts down though its present process did not \
                  ask for that.",
        example: "The last heartbeat before a restart arrives after it, and the new process \
                  never joins an ISR.",
        legal: "Never.",
        source: "KIP-631; ClusterControlManager.checkBrokerEpoch",
    },
    Entry {
        name: "fencing-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "The active controller had not heard of a broker for broker.session.timeout.ms, and did not \
                  fence it.",
        example: "A broker is cut off from the controllers, and goes on being registered as leader: nobody takes \
                  records, and nobody else is elected.",
        legal: "While what the controller has written is not committed.",
        source: "KIP-631; BrokerHeartbeatTracker",
    },
    Entry {
        name: "fenced-in-session",
        kind: Kind::InternalAnomaly,
        meaning: "The active controller fenced a broker of which it had heard within broker.session.timeout.ms, and \
                  that was not to stop.",
        example: "A new active controller gives nobody a session: all brokers are fenced at once, and no partition \
                  has a leader until they are heard of again.",
        legal: "Never.",
        source: "KIP-631; ClusterControlManager.activate, BrokerHeartbeatTracker",
    },
    Entry {
        name: "offline-replica-serves",
        kind: Kind::InternalAnomaly,
        meaning: "A broker appended to a replica, or led by it, after the log directory of that had \
                  failed: what it took is in memory alone.",
        example: "The disk of a leader dies, and it goes on acknowledging.",
        legal: "Never.",
        source: "KIP-112, KAFKA-10778",
    },
];

pub(super) static INVARIANTS: [Entry; 5] = [
    Entry {
        name: "clean-stop",
        kind: Kind::Invariant,
        meaning: "A stop that counts as clean left everything on the disk.",
        example: "Broken by clean-stop-not-durable, false-clean-recovery, clean-stop-forgotten.",
        legal: "When the disk lies.",
        source: "KIP-966",
    },
    Entry {
        name: "metadata-freshness",
        kind: Kind::Invariant,
        meaning: "Brokers act on the metadata of their own uptime, and never on older after \
                  newer.",
        example: "Broken by acts-before-registration.",
        legal: "Never.",
        source: "KIP-631",
    },
    Entry {
        name: "broker-fencing",
        kind: Kind::Invariant,
        meaning: "Brokers are let in when they are ready, and go when they ask, in their present \
                  uptime.",
        example: "Broken by unfenced-unready, shutdown-unasked.",
        legal: "Never.",
        source: "KIP-631, KIP-841",
    },
    Entry {
        name: "broker-sessions",
        kind: Kind::Invariant,
        meaning: "A broker is fenced if it is not heard of for broker.session.timeout.ms, and not before.",
        example: "Broken by fencing-overdue, fenced-in-session.",
        legal: "Never.",
        source: "KIP-631",
    },
    Entry {
        name: "log-directories",
        kind: Kind::Invariant,
        meaning: "What is in a log directory that failed is served no more.",
        example: "Broken by offline-replica-serves.",
        legal: "Never.",
        source: "KIP-112",
    },
];
