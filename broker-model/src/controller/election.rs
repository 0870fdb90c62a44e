//! What becomes of a partition when its ISR or the state of a broker changes: one pure function.
//! Source: rules 2.4, Kafka's `PartitionChangeBuilder`, KIP-966.

use crate::config::{ClusterConfig, TopicConfig};
use crate::controller::assignment::Assignment;
use crate::defect::{ControllerDefect, Defects};
use crate::note::PartitionRegistration;
use crate::replication::effective_min_isr;
use crate::types::NodeId;

/// What is asked of a partition.
#[derive(Debug, Clone)]
pub(super) struct PartitionChange<'a> {
    /// The registration as it is.
    pub(super) registration: &'a PartitionRegistration,
    /// The ISR wanted; an election may replace it.
    pub(super) target_isr: Vec<NodeId>,
    /// The replicas wanted; none keeps those that are.
    pub(super) assignment: Option<Assignment>,
    /// A replica that stopped uncleanly: it may have lost records, so it is neither in sync nor eligible.
    pub(super) unclean_shutdown: Option<NodeId>,
    /// Whether the leader is still to recover from an unclean election.
    pub(super) recovering: bool,
    /// `min.insync.replicas`.
    pub(super) min_insync_replicas: u32,
    /// Whom an election may choose.
    pub(super) election: Election,
    /// What holds for the cluster.
    pub(super) rules: ControllerRules,
}

/// Whom an election may choose. Source: `PartitionChangeBuilder.Election`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Election {
    /// The present leader if it may go on, else who is in sync or eligible.
    Online,
    /// The first replica if it is in sync, whoever leads now.
    Preferred,
    /// As [`Self::Online`]; where nobody is in sync or eligible, anybody.
    Unclean,
}

impl Election {
    /// What a topic allows when a leader is needed.
    pub(super) fn of(topic: &TopicConfig) -> Self {
        if topic.unclean_leader_election { Self::Unclean } else { Self::Online }
    }
}

/// What holds for every partition of the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) struct ControllerRules {
    /// Whether eligible leader replicas are kept (KIP-966).
    pub(super) eligible_leader_replicas: bool,
    /// Bugs switched on.
    pub(super) defects: Defects,
}

impl ControllerRules {
    /// Those of a configuration.
    pub(super) fn of(config: &ClusterConfig) -> Self {
        let eligible_leader_replicas = config.eligible_leader_replicas;
        Self { eligible_leader_replicas, defects: config.defects }
    }
}

/// A changed partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangedPartition {
    /// The registration as it is to be.
    pub(super) registration: PartitionRegistration,
    /// Whether the leader was elected from outside ISR and ELR.
    pub(super) unclean: bool,
}

/// Who leads, and by what right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// A member of the ISR.
    InSync(NodeId),
    /// A member of the ELR, while the ISR is empty.
    Eligible(NodeId),
    /// Somebody who may lack committed records.
    Unclean(NodeId),
    /// Nobody can.
    Nobody,
}

/// A change with what it aims at: the reassignment is ended where the ISR allows it.
struct Aim<'a> {
    change: &'a PartitionChange<'a>,
    assignment: Assignment,
    isr: Vec<NodeId>,
}

impl<'a> Aim<'a> {
    fn of(change: &'a PartitionChange<'a>) -> Self {
        let wanted = change.assignment.clone();
        let wanted = wanted.unwrap_or_else(|| Assignment::of(change.registration));
        let isr = change.target_isr.clone();
        // ControllerDefect::ReassignmentEndsEarly: replicas go while others that are to stay have not caught up.
        let skips = change.rules.defects.has(ControllerDefect::ReassignmentEndsEarly);
        let completed = if skips { wanted.cut_short(&isr) } else { wanted.completed(&isr) };
        // ControllerDefect::ReassignmentNeverEnds: who was to go stays.
        let goes_on = change.rules.defects.has(ControllerDefect::ReassignmentNeverEnds);
        let completed = completed.filter(|_| !goes_on);
        let (assignment, isr) = completed.unwrap_or((wanted, isr));
        assert!(
            isr.iter().all(|member| assignment.replicas.contains(member)),
            "target ISR {isr:?} is not within the replicas {assignment:?}"
        );
        Self { change, assignment, isr }
    }

    fn in_order(&self, members: &[NodeId]) -> Vec<NodeId> {
        let replicas = self.assignment.replicas.iter();
        replicas.filter(|replica| members.contains(replica)).copied().collect()
    }
}

/// Computes replicas, ISR, ELR, leader and epochs; `None` if nothing changes. `may_lead` says who is acceptable as a
/// leader.
pub(super) fn change_partition(
    change: &PartitionChange<'_>,
    may_lead: impl Fn(NodeId) -> bool,
) -> Option<ChangedPartition> {
    let old = change.registration;
    let aim = Aim::of(change);
    let elr = eligible_replicas(&aim);
    let choice = choose(&aim, &elr, may_lead);
    let mut new = settle(&aim, elr, choice);
    if new == *old {
        return None;
    }
    // Who is no replica any more must not be led on: the epoch grows although the leader stays. Source:
    // `PartitionChangeBuilder.triggerLeaderEpochBumpForReplicaReassignmentIfNeeded`.
    // ControllerDefect::DropKeepsLeaderEpoch: the leader takes fetches of who is no replica any more.
    let keeps = change.rules.defects.has(ControllerDefect::DropKeepsLeaderEpoch);
    let is_gone = |replica: &NodeId| !new.replicas.contains(replica);
    let drops = !keeps && old.replicas.iter().any(is_gone);
    if new.leader != old.leader || drops {
        new.leader_epoch = old.leader_epoch.next();
    }
    new.partition_epoch = old.partition_epoch.next();
    let unclean = new.leader != old.leader && matches!(choice, Choice::Unclean(_));
    Some(ChangedPartition { registration: new, unclean })
}

/// Members that leave the ISR while it is below the minimum hold everything below the high watermark, because the high
/// watermark stands still from then on: they stay eligible, unless they stopped uncleanly (rules 2.4.2).
fn eligible_replicas(aim: &Aim<'_>) -> Vec<NodeId> {
    let Aim { change, isr: target, .. } = aim;
    let old = change.registration;
    if !change.rules.eligible_leader_replicas {
        return Vec::new();
    }
    if target.len() >= effective_min_isr(change.min_insync_replicas, old.replicas.len()) {
        return Vec::new();
    }
    let was_safe = |replica: &NodeId| old.isr.contains(replica) || old.elr.contains(replica);
    let stays =
        |replica: &NodeId| !target.contains(replica) && change.unclean_shutdown != Some(*replica);
    let replicas = aim.assignment.replicas.iter();
    replicas.filter(|replica| was_safe(replica) && stays(replica)).copied().collect()
}

/// Elects: the present leader if it is valid, else the first valid replica, else the last known leader, else, if that
/// is allowed, anybody (rules 2.4.3 to 2.4.5). A preferred election begins with the first replica, and never chooses
/// anybody.
fn choose(aim: &Aim<'_>, elr: &[NodeId], may_lead: impl Fn(NodeId) -> bool) -> Choice {
    let Aim { change, assignment: Assignment { replicas, .. }, isr } = aim;
    let old = change.registration;
    let preferred = match change.election {
        Election::Preferred => replicas.first(),
        Election::Online | Election::Unclean => None,
    };
    let yields = change.rules.defects.has(ControllerDefect::LeaderYields);
    let present = old.leader.iter().filter(|_| !yields);
    let candidates = preferred.into_iter().chain(present).chain(replicas).copied();
    for replica in candidates.filter(|replica| may_lead(*replica)) {
        if isr.contains(&replica) {
            return Choice::InSync(replica);
        }
        if isr.is_empty() && elr.contains(&replica) {
            return Choice::Eligible(replica);
        }
    }
    if change.rules.eligible_leader_replicas
        && isr.is_empty()
        && elr.is_empty()
        && let Some(last) = old.last_known_leader.filter(|last| may_lead(*last))
    {
        return Choice::Unclean(last);
    }
    // ControllerDefect::UncleanElection: elects from outside ISR and ELR although the topic forbids it.
    let defect = change.rules.defects.has(ControllerDefect::UncleanElection);
    if change.election == Election::Unclean || defect {
        let first = replicas.iter().copied().find(|replica| may_lead(*replica));
        return first.map_or(Choice::Nobody, Choice::Unclean);
    }
    Choice::Nobody
}

/// The registration that the choice gives, its epochs apart.
fn settle(aim: &Aim<'_>, elr: Vec<NodeId>, choice: Choice) -> PartitionRegistration {
    let change = aim.change;
    let old = change.registration;
    let (leader, isr, mut elr, recovering) = match choice {
        Choice::InSync(leader) => (Some(leader), aim.in_order(&aim.isr), elr, change.recovering),
        Choice::Eligible(leader) => {
            let rest = elr.into_iter().filter(|member| *member != leader).collect();
            (Some(leader), vec![leader], rest, change.recovering)
        }
        // The new leader may lack what the others had: none of them is eligible any more, and it starts alone.
        Choice::Unclean(leader) => (Some(leader), vec![leader], Vec::new(), true),
        Choice::Nobody => (None, isr_without_leader(aim), elr, change.recovering),
    };
    if isr.len() >= effective_min_isr(change.min_insync_replicas, old.replicas.len()) {
        elr.clear();
    }
    let last = old.leader.or(old.last_known_leader);
    let keeps_last = change.rules.eligible_leader_replicas && leader.is_none() && isr.is_empty();
    let last_known_leader = last.filter(|_| keeps_last);
    let Assignment { replicas, reassignment } = aim.assignment.clone();
    let (leader_epoch, partition_epoch) = (old.leader_epoch, old.partition_epoch);
    PartitionRegistration {
        replicas,
        isr,
        elr,
        last_known_leader,
        leader,
        leader_epoch,
        partition_epoch,
        recovering,
        reassignment,
    }
}

/// Without eligible leader replicas the last members stay in the ISR, dead or not: nobody else may lead, whatever they
/// still have when they are back. Source: `PartitionChangeBuilder.build`, before KIP-966.
fn isr_without_leader(aim: &Aim<'_>) -> Vec<NodeId> {
    let Aim { change, isr, .. } = aim;
    let stay = !change.rules.eligible_leader_replicas && isr.is_empty();
    aim.in_order(if stay { &change.registration.isr } else { isr })
}
