//! How it came to a violation: the few facts of a partition that tell it, chosen from all that are remembered.
//!
//! What weighs most: cuts of logs, losses and unclean elections; then changes of leadership, and what became of the
//! replicas that lack committed records; then changes of the ISR. Of facts that weigh the same, the newest tell more.

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, Offset};

use super::PartitionView;
use super::fact::{Fact, Row, line};

/// So many facts are told: with the state below them and the report's own lines, a story stays under 15 lines.
const FACTS_MAX: usize = 6;

impl PartitionView {
    /// Facts that led to something seen at `concerned`, oldest first, then what each replica holds.
    pub(crate) fn evidence(&self, concerned: NodeId) -> Vec<String> {
        let lacking = self.lacking_committed();
        let mut chosen: Vec<(u32, usize, String)> = Vec::new();
        let mut before: Option<&PartitionRegistration> = None;
        let proposed = self.last_proposal();
        for (position, row) in self.facts.rows().enumerate() {
            let focus = row.node == concerned || lacking.contains(&row.node);
            let open = proposed == Some(position);
            let weight = weight(row, before, &FactContext { focus, open, lacking: &lacking });
            if weight > 0 {
                chosen.push((weight, position, line(row, before)));
            }
            if let Fact::Registered { registration, .. } = &row.fact {
                before = Some(registration);
            }
        }
        chosen.sort_by_key(|(weight, position, _)| std::cmp::Reverse((*weight, *position)));
        chosen.truncate(FACTS_MAX);
        chosen.sort_by_key(|(_, position, _)| *position);
        let mut lines: Vec<String> = chosen.into_iter().map(|(_, _, line)| line).collect();
        lines.extend(self.holdings());
        lines
    }

    fn lacking_committed(&self) -> Vec<NodeId> {
        let lacks = |node: &NodeId| !self.holds_committed(*node);
        self.replicas().iter().map(|replica| replica.node).filter(lacks).collect()
    }

    /// The position of an ISR that a leader has asked for and that is not registered since.
    fn last_proposal(&self) -> Option<usize> {
        let rows = || self.facts.rows().enumerate();
        let asked = rows().filter(|(_, row)| matches!(row.fact, Fact::IsrProposed { .. })).last();
        let answered = rows().filter(|(_, row)| matches!(row.fact, Fact::Registered { .. })).last();
        let (asked, answered) =
            (asked.map(|(position, _)| position), answered.map(|(position, _)| position));
        asked.filter(|asked| answered.is_none_or(|answered| *asked > answered))
    }

    /// What each replica holds of what is committed, in one line.
    fn holdings(&self) -> Option<String> {
        let end = self.committed.end();
        if end == Offset::ZERO {
            return None;
        }
        let held = self.replicas().iter().map(|replica| {
            let held = self.committed.common_end(&replica.log);
            let lossy = if replica.lossy { ", after losing data" } else { "" };
            if held == end {
                format!("node {} all{lossy}", replica.node)
            } else {
                format!("node {} up to {held}{lossy}", replica.node)
            }
        });
        Some(format!("committed up to {end}; held by {}", held.collect::<Vec<_>>().join("; ")))
    }
}

/// What a fact is weighed by besides itself.
struct FactContext<'a> {
    /// It concerns the node of the violation, or one that lacks records.
    focus: bool,
    /// It is a proposal that nobody has answered.
    open: bool,
    lacking: &'a [NodeId],
}

/// How much a fact tells; 0 is nothing.
fn weight(
    row: &Row,
    before: Option<&PartitionRegistration>,
    fact_context: &FactContext<'_>,
) -> u32 {
    match &row.fact {
        Fact::Registered { unclean: true, .. } => 95,
        Fact::Registered { registration, unclean: false } => {
            registration_weight(registration, before, fact_context.lacking)
        }
        Fact::Truncated { from, to, .. } if to < from => 60 + 30 * u32::from(fact_context.focus),
        Fact::Truncated { .. } => 5,
        Fact::Discarded { .. } => 40 + 30 * u32::from(fact_context.focus),
        Fact::Deleted { .. } => 25 + 30 * u32::from(fact_context.focus),
        Fact::Ended { lossy: true } => 85,
        Fact::Ended { lossy: false } => 30 + 22 * u32::from(fact_context.focus),
        Fact::Lost { .. } => 80,
        Fact::Recovered { log_end_offset: Offset::ZERO, .. } => 0,
        Fact::Recovered { .. } => 20 + 35 * u32::from(fact_context.focus),
        Fact::BecameLeader { .. } => 45,
        Fact::BecameFollower { .. } => 12 * u32::from(fact_context.focus),
        Fact::IsrProposed { .. } => 15 + 55 * u32::from(fact_context.open),
    }
}

fn registration_weight(
    registration: &PartitionRegistration,
    before: Option<&PartitionRegistration>,
    lacking: &[NodeId],
) -> u32 {
    let Some(before) = before else { return 10 };
    let joined = |node: &&NodeId| !before.isr.contains(node) && lacking.contains(node);
    if registration.leader != before.leader {
        62
    } else if registration.isr.iter().any(|node| joined(&node)) {
        70
    } else if registration.isr != before.isr {
        38
    } else {
        10
    }
}
