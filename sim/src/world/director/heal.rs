//! The heal: all faults end, and all nodes run, or all of a core.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use super::MS;
use crate::plan::OutsideState;
use crate::run::InjectedFault;
use crate::view::PartitionView;
use crate::world::condition::{Active, Condition};
use crate::world::engine::{Boot, CrashKind};

/// The step of a condition that no step ends.
const NO_STEP: usize = usize::MAX;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// All faults end and all nodes run, but for those that the plan leaves outside the core.
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.spare_replaced(|_| true);
        self.active.clear();
        self.rolling = None;
        self.spare_rotting();
        self.apply_conditions();
        self.restart_repaired();
        self.leave_outside();
        let now = self.engine.now();
        for (node, id) in self.engine.ids().to_vec().into_iter().enumerate() {
            self.engine.fail_disk(node, false);
            if !self.is_fresh(id) && !self.is_dead(id) && !self.engine.runs(node) {
                self.engine.start_at(node, now);
            }
        }
        self.engine.announce(None, "healed", "all faults end, all nodes start".to_owned());
    }

    /// What was to rot by a crash that never came does not.
    fn spare_rotting(&mut self) {
        for (_, step) in std::mem::take(&mut self.rotting) {
            if let Some(fault) = self.faults.iter_mut().find(|fault| fault.step == step) {
                let why = "the node did not crash while the configuration would survive the loss";
                fault.held_back = Some(why.to_owned());
            }
        }
    }

    /// Clients that are started after the heal only.
    pub(super) fn is_fresh(&self, node: NodeId) -> bool {
        node == self.plan.fresh_producer.node || node == self.plan.final_reader.node
    }

    fn leave_outside(&mut self) {
        let Some(core) = &self.plan.core else { return };
        for node in &core.outside {
            let held_back = self.may_stay_outside(*node).err();
            let left = held_back.is_none();
            if left {
                self.outside.push(*node);
                match core.state {
                    OutsideState::Dead => self.end_for_good(*node),
                    OutsideState::CutFromBrokers => self.cut_for_good(*node),
                }
            }
            self.record_outside(*node, core.state, held_back);
        }
        self.apply_conditions();
    }

    /// The process ends, if it runs, and whatever start was planned for it is called off.
    fn end_for_good(&mut self, node: NodeId) {
        let index = self.place(node);
        if self.engine.runs(index) {
            self.engine.crash_node(index, CrashKind::Crash, &mut self.host);
        }
        self.engine.call_off_start(index);
        self.host.tally.mark("stays-dead");
    }

    fn cut_for_good(&mut self, node: NodeId) {
        let others = self.plan.cluster.brokers.iter().copied().filter(|other| *other != node);
        let others: Vec<NodeId> = others.collect();
        let links = self.both_ways(&[node], &others);
        let condition = Condition::Cut(links);
        self.active.push(Active { step: NO_STEP, condition, until_ns: u64::MAX });
    }

    fn record_outside(&mut self, node: NodeId, state: OutsideState, held_back: Option<String>) {
        let (kind, description) = match state {
            OutsideState::Dead => ("stay-dead", "stays dead for good"),
            OutsideState::CutFromBrokers => {
                ("stay-cut", "stays cut from the other brokers for good")
            }
        };
        let summary = match held_back {
            None => format!("node {node} {description}"),
            Some(_) => format!("{kind} held back"),
        };
        self.host.tally.mark(if held_back.is_some() {
            "fault-held-back"
        } else {
            "fault-injected"
        });
        self.injected += u64::from(held_back.is_none());
        let last = self.faults.iter().map(|fault| fault.step);
        let step = last.chain(self.plan.steps.iter().map(|step| step.id)).max().unwrap_or(0) + 1;
        let reason = held_back.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let nodes = if held_back.is_some() { Vec::new() } else { vec![node] };
        self.engine.announce_fault(&nodes, format!("fault {step}: {summary}{reason}"));
        self.faults.push(InjectedFault {
            step,
            at_ms: self.engine.now() / MS,
            kind: kind.to_owned(),
            nodes,
            summary,
            held_back,
            lossy: false,
        });
    }

    /// Whether the rest can do without the node for ever; the error says what would be missing.
    fn may_stay_outside(&self, node: NodeId) -> Result<(), String> {
        if self.plan.expect.loss_allowed {
            return Ok(());
        }
        // The controller places new replicas before it misses whoever stays away.
        if self.missing_topics().next().is_some() || self.short_topics().next().is_some() {
            return Err(
                "topics and partitions are to be made yet, and may be placed there".to_owned()
            );
        }
        let voters = self.host.view().quorum().counted_voters();
        let rest = voters.ids().filter(|voter| *voter != node && !self.is_outside(*voter));
        if voters.voter(node).is_some() && rest.count() < voters.majority() {
            return Err(format!("without node {node} the quorum has no majority"));
        }
        self.host.view().partitions().try_for_each(|view| self.can_do_without(view, node))
    }

    fn can_do_without(&self, view: &PartitionView, node: NodeId) -> Result<(), String> {
        let Some(registration) = view.registration.as_ref() else { return Ok(()) };
        if !registration.replicas.contains(&node) {
            return Ok(());
        }
        let name = self.host.view().partition_name(view.partition);
        let stays = |other: &NodeId| *other != node && !self.is_outside(*other);
        let rest = registration.replicas.iter().filter(|replica| stays(replica)).count();
        let least = view.min_insync_replicas as usize;
        if rest < least {
            return Err(format!(
                "{name}: {rest} replicas are less than min.insync.replicas={least}"
            ));
        }
        // A process that ended since it last joined the ISR is taken for one that lost data when it comes back.
        let sound = |member: NodeId| {
            stays(&member)
                && view.holds_committed(member)
                && view.replica(member).is_some_and(|replica| !replica.lossy && !replica.unclean)
        };
        if view.electable().any(sound) {
            Ok(())
        } else {
            Err(format!("{name}: no other electable replica is sure to be complete"))
        }
    }
}
