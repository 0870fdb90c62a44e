//! The catalogue of historical bugs.

use harrow_broker_model::defect::Defect;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::entry::{Entry, Kind};

/// A historical bug and how it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefectEntry {
    /// The switch.
    pub defect: Defect,
    /// The guarantee that it breaks.
    pub guarantee: &'static str,
    /// The anomaly by which it shows first.
    pub anomaly: &'static str,
    /// The scenario in which it shows soonest.
    pub scenario: &'static str,
    /// What it breaks (`meaning`) and its story (`example`).
    pub entry: Entry,
}

/// As `defects --format json` prints it.
impl Serialize for DefectEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("DefectEntry", 5)?;
        row.serialize_field("name", self.entry.name)?;
        row.serialize_field("source", self.entry.source)?;
        row.serialize_field("guarantee", self.guarantee)?;
        row.serialize_field("anomaly", self.anomaly)?;
        row.serialize_field("scenario", self.scenario)?;
        row.end()
    }
}

/// Every defect, in the order of [`Defect::ALL`].
pub static DEFECTS: [DefectEntry; 10] = [
    DefectEntry {
        defect: Defect::TruncateToHw,
        guarantee: "durability",
        anomaly: "committed-truncation",
        scenario: "quick-failover",
        entry: Entry {
            name: "truncate-to-hw",
            kind: Kind::Defect,
            meaning: "A new follower cuts its log at its own high watermark, which lags behind what is \
                  committed, and then may be elected without those records.",
            example: "A follower has a record that the leader has committed, but has not heard so yet. It \
                  restarts and cuts the record away; before it has fetched it again the leader dies, \
                  and the follower is elected: it is still in the ISR. The record is gone everywhere.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-101, KAFKA-1211; before 0.11.0.0",
        },
    },
    DefectEntry {
        defect: Defect::NoFetchEpochFencing,
        guarantee: "leadership",
        anomaly: "fetch-of-other-epoch",
        scenario: "zombie-follower",
        entry: Entry {
            name: "no-fetch-epoch-fencing",
            kind: Kind::Defect,
            meaning: "A leader takes fetches from followers that live in another epoch, so that their \
                  fetch offsets count although their logs have parted.",
            example: "A follower's metadata is late, and it misses that the leadership went elsewhere and \
                  came back. It fetches on in the old epoch, with records that the leader has cut away \
                  meanwhile: its offset counts, others are committed at the same offsets, and it may \
                  be elected without them.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-320, KAFKA-6880, KAFKA-7395; before 2.1",
        },
    },
    DefectEntry {
        defect: Defect::IsrExpandOnlyHw,
        guarantee: "replication",
        anomaly: "isr-join-too-early",
        scenario: "catch-up-race",
        entry: Entry {
            name: "isr-expand-only-hw",
            kind: Kind::Defect,
            meaning: "A replica joins the ISR as soon as it reaches the leader's high watermark, although \
                  a new leader's lags behind what is committed.",
            example: "Committed up to 10; a new leader still believes 5. A replica that ends at 5 has \
                  reached that and joins the ISR. The leader dies, and the replica is elected without \
                  offsets 5 to 9.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KAFKA-7128; before 2.1.0",
        },
    },
    DefectEntry {
        defect: Defect::UncleanElection,
        guarantee: "durability",
        anomaly: "illegal-unclean-election",
        scenario: "unclean-trap",
        entry: Entry {
            name: "unclean-election",
            kind: Kind::Defect,
            meaning: "A replica outside ISR and ELR is elected although the topic forbids it.",
            example: "The leader is alone in the ISR and dies. A replica that lags is elected instead of \
                  leaving the partition offline, and the old leader cuts its log to the new one's when \
                  it comes back.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-106, KAFKA-4623; the default before 0.11",
        },
    },
    DefectEntry {
        defect: Defect::HwUsesProposedIsr,
        guarantee: "replication",
        anomaly: "commit-before-replication",
        scenario: "isr-race",
        entry: Entry {
            name: "hw-uses-proposed-isr",
            kind: Kind::Defect,
            meaning: "A leader commits on the ISR that it has asked for, before the controller has \
                  accepted it.",
            example: "A leader asks to drop a slow follower while it is cut off from the controllers. It \
                  commits and acknowledges without that follower; the controller, which still counts \
                  it in, elects it.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-497; Partition.maximalIsr, since 2.7",
        },
    },
    DefectEntry {
        defect: Defect::VoteNotPersisted,
        guarantee: "leadership",
        anomaly: "vote-not-durable",
        scenario: "vote-storm",
        entry: Entry {
            name: "vote-not-persisted",
            kind: Kind::Defect,
            meaning: "A voter forgets its vote when it restarts and votes again in the same epoch.",
            example: "Two controllers ask for votes in one epoch. The third votes for one, restarts, and \
                  votes for the other: two leaders, two histories of the cluster's metadata.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-595, KAFKA-16526, KAFKA-18389",
        },
    },
    DefectEntry {
        defect: Defect::NoDedup,
        guarantee: "ordering",
        anomaly: "duplicate-seq",
        scenario: "lost-response",
        entry: Entry {
            name: "no-dedup",
            kind: Kind::Defect,
            meaning: "The broker appends a batch again that it already has.",
            example: "A batch is appended and its response is lost. The producer sends it again, as it \
                  must, and the record is in the log twice.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KIP-98",
        },
    },
    DefectEntry {
        defect: Defect::StalePartitionEpoch,
        guarantee: "liveness",
        anomaly: "isr-not-full",
        scenario: "follower-crash",
        entry: Entry {
            name: "stale-partition-epoch",
            kind: Kind::Defect,
            meaning: "A leader never reads again which version of the registration is current, so that every \
                  change of the ISR that it asks for is refused once somebody else has changed it.",
            example: "A follower dies, and the controller takes it out of the ISR. The leader does not hear of \
                  it: when the follower is back, nobody adds it again.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KAFKA-1382, \"Cached zkVersion not equal\", before 0.8.2; here for a change by the controller",
        },
    },
    DefectEntry {
        defect: Defect::NoHwOnShrink,
        guarantee: "liveness",
        anomaly: "high-watermark-stuck",
        scenario: "minority-stays-dead",
        entry: Entry {
            name: "no-hw-on-shrink",
            kind: Kind::Defect,
            meaning: "A leader does not compute its high watermark anew when a member that held it back has \
                  left the ISR.",
            example: "A follower dies for good with records under way. The ISR shrinks to the leader, which \
                  has them all, but they stay uncommitted until somebody produces again.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KAFKA-13091, KIP-497",
        },
    },
    DefectEntry {
        defect: Defect::LostWakeup,
        guarantee: "liveness",
        anomaly: "resources-held",
        scenario: "minority-stays-dead",
        entry: Entry {
            name: "lost-wakeup",
            kind: Kind::Defect,
            meaning: "A produce that waits in the purgatory is not woken although the high watermark has \
                  passed it.",
            example: "Two threads look at the waiting produce at once. The one that knows it is done does not \
                  get the lock and goes away; the other one finds it undone. It waits until it times out.",
            legal: "Never: it is off unless a configuration names it, and excuses nothing.",
            source: "KAFKA-6653, KAFKA-5970",
        },
    },
];
