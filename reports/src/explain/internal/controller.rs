//! What the watch can see of the active controller.

use crate::explain::entry::{Entry, Kind};

pub(super) static ANOMALIES: [Entry; 18] = [
    Entry {
        name: "leader-completeness",
        kind: Kind::InternalAnomaly,
        meaning: "An elected leader does not hold all committed records.",
        example: "Committed up to 10; the new leader's log ends at 5.",
        legal: "When the configuration allows loss: unclean election, or min.insync.replicas brokers \
                  losing data.",
        source: "KIP-101, KIP-966",
    },
    Entry {
        name: "illegal-unclean-election",
        kind: Kind::InternalAnomaly,
        meaning: "A replica outside ISR and ELR was elected although the topic forbids it.",
        example: "ISR {1}; 1 dies; lagging 2 is elected.",
        legal: "With unclean.leader.election.enable=true.",
        source: "KIP-106, KIP-966",
    },
    Entry {
        name: "dual-leader",
        kind: Kind::InternalAnomaly,
        meaning: "Two nodes led one partition in one epoch, or one that was not elected for it.",
        example: "Brokers 1 and 2 both lead orders-0 in epoch 3.",
        legal: "Never.",
        source: "KIP-320",
    },
    Entry {
        name: "epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A leader epoch or partition epoch did not grow where it must.",
        example: "Epoch 3 is followed by epoch 2.",
        legal: "Never.",
        source: "KIP-497",
    },
    Entry {
        name: "leader-not-in-isr",
        kind: Kind::InternalAnomaly,
        meaning: "The registered leader is not in the ISR.",
        example: "Leader 1, ISR {2, 3}.",
        legal: "Never.",
        source: "KIP-497",
    },
    Entry {
        name: "registration-shape",
        kind: Kind::InternalAnomaly,
        meaning: "ISR or ELR hold nodes that they must not.",
        example: "A fenced broker joins the ISR; one broker is in both ISR and ELR.",
        legal: "Never.",
        source: "KIP-841, KIP-966",
    },
    Entry {
        name: "isr-elr-overlap",
        kind: Kind::InternalAnomaly,
        meaning: "A replica is in ISR and ELR at once.",
        example: "ISR {1, 2}, ELR {2}.",
        legal: "Never.",
        source: "KIP-966; ValidControllerIsrAndElr",
    },
    Entry {
        name: "fenced-in-isr",
        kind: Kind::InternalAnomaly,
        meaning: "A broker is fenced, or back after an unclean stop, while it still counts as \
                  in sync or eligible.",
        example: "Broker 3 is fenced; the ISR is {1, 3}.",
        legal: "Never.",
        source: "KIP-841, KIP-966",
    },
    Entry {
        name: "broker-epoch-regress",
        kind: Kind::InternalAnomaly,
        meaning: "A broker's uptime was registered with a broker epoch that is not new.",
        example: "Epoch 40 after epoch 52: an answer meant for the earlier uptime would count.",
        legal: "Never.",
        source: "KIP-380, KIP-631",
    },
    Entry {
        name: "uptime-registered-twice",
        kind: Kind::InternalAnomaly,
        meaning: "An uptime of a broker was registered again, with another broker epoch.",
        example: "Broker 2 does not hear that it is registered, asks again, and is another one from \
                  then on: what it sends in the epoch that it has is refused.",
        legal: "Never: it keeps its epoch, however often it asks.",
        source: "KIP-631, KAFKA-16952",
    },
    Entry {
        name: "stale-isr-change-accepted",
        kind: Kind::InternalAnomaly,
        meaning: "The controller took an ISR from a leader that is deposed, knew an older \
                  version of the partition, or named an earlier uptime of a member.",
        example: "Broker 1 led in epoch 3; its ISR is taken in epoch 4.",
        legal: "Never.",
        source: "KIP-497, KIP-903",
    },
    Entry {
        name: "election-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "Nobody leads a partition although a member of its ISR or ELR is there to be elected.",
        example: "ELR {2}: broker 2 is unfenced, and the partition stays without a leader.",
        legal: "Never for longer than one change of the metadata takes.",
        source: "KIP-966, PartitionChangeBuilder.electLeader",
    },
    Entry {
        name: "needless-election",
        kind: Kind::InternalAnomaly,
        meaning: "Another leader was elected although the present one could go on, and not because the preferred \
                  one was put in charge.",
        example: "A slow follower leaves the ISR, and the lead moves with it: every client has to find the new \
                  leader.",
        legal: "Never.",
        source: "PartitionChangeBuilder.electAnyLeader",
    },
    Entry {
        name: "reassignment-too-early",
        kind: Kind::InternalAnomaly,
        meaning: "Replicas were taken away while others that are to stay were not in sync.",
        example: "A partition moves from 1, 2, 3 to 4, 5, 6; 1, 2 and 3 go when 4 is in sync.",
        legal: "Never.",
        source: "KIP-455; PartitionReassignmentReplicas",
    },
    Entry {
        name: "reassignment-unfinished",
        kind: Kind::InternalAnomaly,
        meaning: "A reassignment goes on although all replicas that are to stay are in sync.",
        example: "A partition moves from 1, 2, 3 to 4, 5, 6; all six are in sync, and 1, 2 and 3 stay.",
        legal: "After an election from outside the ISR, until the next change.",
        source: "KIP-455; PartitionChangeBuilder.completeReassignmentIfNeeded",
    },
    Entry {
        name: "reassigned-to-others",
        kind: Kind::InternalAnomaly,
        meaning: "A partition was reassigned to other replicas than were asked for, or in another order: the first of \
                  them is the preferred leader.",
        example: "An administrator moves orders-0 to brokers 3, 1, 2, and broker 1 is put in charge.",
        legal: "Never.",
        source: "KIP-455; ReplicationControlManager.alterPartitionReassignment",
    },
    Entry {
        name: "preferred-leader-overdue",
        kind: Kind::InternalAnomaly,
        meaning: "A partition was not given back to its preferred leader, which was in sync all the time, by \
            the controller's check.",
        example: "Broker 1 was restarted an hour ago and is in sync; broker 2 leads in its place.",
        legal: "For leader.imbalance.check.interval.seconds, and while a controller is hindered.",
        source: "ReplicationControlManager.maybeBalancePartitionLeaders",
    },
    Entry {
        name: "offline-replica-leads",
        kind: Kind::InternalAnomaly,
        meaning: "A replica leads, or is in sync beside a leader, although the metadata says that its log \
                  directory is offline.",
        example: "A broker tells that a disk died, and stays the leader of what was on it: nobody \
                  serves those partitions.",
        legal: "Never.",
        source: "KIP-858",
    },
];

pub(super) static INVARIANTS: [Entry; 6] = [
    Entry {
        name: "isr-proposal",
        kind: Kind::Invariant,
        meaning: "Only the present leader changes the ISR, from the present state.",
        example: "Broken by stale-isr-change-accepted.",
        legal: "Never.",
        source: "KIP-497, KIP-903",
    },
    Entry {
        name: "kept-lead",
        kind: Kind::Invariant,
        meaning: "Who leads, and may, goes on until the preferred leader is put in charge.",
        example: "Broken by needless-election.",
        legal: "Never.",
        source: "PartitionChangeBuilder.electAnyLeader",
    },
    Entry {
        name: "election-due",
        kind: Kind::Invariant,
        meaning: "A partition with an active member of ISR or ELR has a leader.",
        example: "Broken by election-overdue.",
        legal: "Where only a last known leader or an unclean election would help.",
        source: "KIP-966",
    },
    Entry {
        name: "reassignment",
        kind: Kind::Invariant,
        meaning: "Replicas go when all that stay are in sync, and not before.",
        example: "Broken by reassignment-too-early, reassignment-unfinished, reassigned-to-others.",
        legal: "Those that were being added go at once when a reassignment is cancelled.",
        source: "KIP-455",
    },
    Entry {
        name: "preferred-leader-due",
        kind: Kind::Invariant,
        meaning: "With auto.leader.rebalance.enable, preferred leaders that are in sync lead after \
            leader.imbalance.check.interval.seconds.",
        example: "Broken by preferred-leader-overdue.",
        legal: "While a controller is hindered, or has just been elected.",
        source: "QuorumController.electPreferred",
    },
    Entry {
        name: "offline-directories",
        kind: Kind::Invariant,
        meaning: "A replica in an offline log directory neither leads nor is in sync beside a leader.",
        example: "Broken by offline-replica-leads.",
        legal: "Never.",
        source: "KIP-858",
    },
];
