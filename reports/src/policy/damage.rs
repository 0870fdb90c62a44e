//! What injected faults did to stored data, and what of it showed: the only damage that excuses anything.

use harrow_broker_model::types::TopicPartition;
use harrow_sim::plan::Plan;
use harrow_sim::run::{InjectedFault, Run};
use harrow_sim::violation::Violation;

use super::promised::NO_LOSS;
use super::reason::Reason;
use crate::text::seconds;

/// How it shows that a log was opened with damage: with records that were never written, or with what is not sound.
const TAKEN_IN: [&str; 2] = ["recovery-invented-records", "recovery-kept-damage"];

/// How it shows that the quorum did not keep what it had committed, or that two of its leaders went on from it.
const METADATA_GONE: [&str; 9] = [
    "committed-metadata-lost",
    "committed-metadata-overwritten",
    "committed-metadata-truncation",
    "controller-completeness",
    "dual-controller",
    "log-matching",
    "metadata-commit-without-majority",
    "metadata-divergence",
    "metadata-gap",
];

/// Internal anomalies that damage to stored data can cause by itself.
pub(super) const OF_DATA: [&str; 13] = [
    "leader-completeness",
    "committed-truncation",
    "committed-overwritten",
    "log-matching",
    "isr-incomplete",
    "isr-member-behind",
    "candidate-incomplete",
    "committed-lost-everywhere",
    "replica-divergence",
    "log-start-above-commit",
    "high-watermark-differs",
    "end-offset-differs",
    "heard-of-other-log",
];

/// One broker's data was damaged once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Which broker.
    pub broker: i32,
    /// When, in nanoseconds. A record written later is not touched by it.
    pub at_ns: u64,
    /// Whether it reaches records written later as well, as rot in a log and a lying disk do.
    pub lasting: bool,
    /// How.
    pub kind: DamageKind,
}

/// How a broker's data was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DamageKind {
    /// Nobody says.
    #[default]
    Unknown,
    /// It lost power, and what was not synced.
    PowerLoss,
    /// Its disk was emptied.
    Wipe,
    /// Its disk said that it had synced what it had not.
    LyingSync,
    /// Bits of its disk changed.
    BitRot,
}

impl DamageKind {
    fn of(fault: &InjectedFault) -> Self {
        match fault.kind.as_str() {
            "wipe-disk" => Self::Wipe,
            "lying-sync" => Self::LyingSync,
            "bit-rot" => Self::BitRot,
            _ => Self::PowerLoss,
        }
    }
}

impl Damage {
    /// To follow "after".
    pub(super) fn line(&self) -> String {
        let Self { broker, at_ns, .. } = self;
        let what = match self.kind {
            DamageKind::Unknown => format!("broker {broker} lost data"),
            DamageKind::PowerLoss => format!("broker {broker} lost power"),
            DamageKind::Wipe => format!("the disk of broker {broker} was wiped"),
            DamageKind::LyingSync => format!("the disk of broker {broker} lied of a sync"),
            DamageKind::BitRot => format!("the disk of broker {broker} rotted"),
        };
        format!("{what} at {}", seconds(*at_ns))
    }
}

/// A node whose disk was made to lie or to rot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupted {
    /// Which node.
    pub node: i32,
    /// From when on, in nanoseconds.
    pub at_ns: u64,
}

/// Metadata is gone, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataDamage {
    /// Why, in words.
    pub reason: String,
    /// From when on, in nanoseconds.
    pub at_ns: u64,
}

/// A log of a partition was opened with damage that Kafka takes on trust: below the recovery point, after a
/// clean stop, or in what no checksum covers. Nothing repairs it: its leader serves what others refuse, or
/// what was never written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorruptLog {
    /// Partition, by position in the history; none of a topic that only coordinators read.
    pub partition: Option<u32>,
    /// Its name, such as `orders-0`.
    pub name: String,
    /// Whose log.
    pub node: i32,
    /// When it was opened, in nanoseconds.
    pub at_ns: u64,
}

impl CorruptLog {
    pub(super) fn reason(&self) -> Reason {
        let Self { name, node, .. } = self;
        let damage = "with damage of its disk, which nothing repairs";
        let text = format!("node {node} opened its log of {name} {damage}");
        Reason::of(&format!("a node opened a log {damage}"), text).unless(NO_LOSS)
    }
}

/// Whether a fault damages stored data: what was not synced is gone, or the disk itself lies or changes.
fn damages(fault: &InjectedFault) -> bool {
    fault.lossy || fault.kind == "wipe-disk" || lasting(fault)
}

fn lasting(fault: &InjectedFault) -> bool {
    matches!(fault.kind.as_str(), "bit-rot" | "lying-sync")
}

fn at_ns(fault: &InjectedFault) -> u64 {
    fault.at_ms.saturating_mul(1_000_000)
}

/// Damage to the data of brokers.
pub(super) fn of_brokers(plan: &Plan, faults: &[&InjectedFault]) -> Vec<Damage> {
    let damaging = faults.iter().filter(|fault| damages(fault));
    let on_brokers = damaging.flat_map(|fault| {
        let brokers = fault.nodes.iter().filter(|node| plan.cluster.brokers.contains(node));
        let (at_ns, lasting, kind) = (at_ns(fault), lasting(fault), DamageKind::of(fault));
        brokers.map(move |node| Damage { broker: node.0, at_ns, lasting, kind })
    });
    on_brokers.collect()
}

/// Nodes whose disks lied or rotted.
pub(super) fn corrupted(faults: &[&InjectedFault]) -> Vec<Corrupted> {
    let lasting = faults.iter().filter(|fault| lasting(fault));
    let nodes = lasting.flat_map(|fault| fault.nodes.iter().map(|node| (node.0, at_ns(fault))));
    nodes.map(|(node, at_ns)| Corrupted { node, at_ns }).collect()
}

/// Partitions into which damage was taken by a node whose disk lied or rotted before.
pub(super) fn corrupt_logs(run: &Run, corrupted: &[Corrupted]) -> Vec<CorruptLog> {
    let of_one = |violation: &Violation| {
        let damaged =
            |one: &Corrupted| one.node == violation.node.0 && one.at_ns <= violation.at_ns;
        if !TAKEN_IN.contains(&violation.anomaly.as_str()) || !corrupted.iter().any(damaged) {
            return None;
        }
        let name = name_of(run, violation)?;
        let partition = place_of(run, violation);
        let (node, at_ns) = (violation.node.0, violation.at_ns);
        Some(CorruptLog { partition, name, node, at_ns })
    };
    run.violations.iter().filter_map(of_one).collect()
}

/// The partition of a violation as the history knows it.
pub(super) fn place_of(run: &Run, violation: &Violation) -> Option<u32> {
    let name = name_of(run, violation)?;
    let position = run.history.partitions.iter().position(|known| *known == name)?;
    Some(position as u32)
}

/// The name of the partition of a violation.
pub(super) fn name_of(run: &Run, violation: &Violation) -> Option<String> {
    let partition = violation.partition?;
    Some(format!("{}-{}", run.topics.get(&partition.topic)?, partition.partition))
}

/// Enough voters to contradict what the quorum decided: a majority needs only as many forgetful members as it
/// shares with any other one.
pub(super) fn of_quorum(plan: &Plan, faults: &[&InjectedFault]) -> Option<MetadataDamage> {
    let total = plan.cluster.controllers.len();
    of_voters(plan, faults, 2 * (total / 2 + 1) - total)
}

/// When `enough` voters had lost what they had on their disks. The quorum syncs what it promises, so a power
/// loss alone harms nothing there.
pub(super) fn of_voters(
    plan: &Plan,
    faults: &[&InjectedFault],
    enough: usize,
) -> Option<MetadataDamage> {
    if plan.cluster.is_reconfigurable() && !plan.expect.loss_allowed {
        // A disk is lost only where the other voters of every set that may count are a majority: nothing is excused.
        return None;
    }
    let harmful = faults.iter().filter(|fault| fault.kind == "wipe-disk" || lasting(fault));
    let mut harmed: Vec<(u64, i32)> = harmful
        .flat_map(|fault| fault.nodes.iter().map(|node| (at_ns(fault), *node)))
        .filter(|(_, node)| plan.cluster.controllers.contains(node))
        .map(|(at_ns, node)| (at_ns, node.0))
        .collect();
    harmed.sort_unstable();
    let mut voters: Vec<(u64, i32)> = Vec::new();
    for (at_ns, voter) in harmed {
        if !voters.iter().any(|(_, known)| *known == voter) {
            voters.push((at_ns, voter));
        }
    }
    let (at_ns, _) = *voters.get(enough.checked_sub(1)?)?;
    let (harmed, total) = (voters.len(), plan.cluster.controllers.len());
    Some(MetadataDamage {
        reason: format!("{harmed} of {total} controllers lost their disks"),
        at_ns,
    })
}

/// What became of the metadata after the quorum was damaged; nothing if all that it had committed stayed.
pub(super) fn of_metadata(run: &Run, quorum: &MetadataDamage) -> Option<MetadataDamage> {
    let gone = |violation: &&Violation| {
        violation.partition == Some(TopicPartition::METADATA)
            && METADATA_GONE.contains(&violation.anomaly.as_str())
            && violation.at_ns >= quorum.at_ns
    };
    let first = run.violations.iter().find(gone)?;
    let reason = format!("{}, and committed metadata with them", quorum.reason);
    Some(MetadataDamage { reason, at_ns: first.at_ns })
}
