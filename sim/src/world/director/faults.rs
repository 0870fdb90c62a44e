//! Fires the plan's steps, and ends what they started.

use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::{Director, MS};
use crate::plan::{Action, Step, Target};
use crate::run::InjectedFault;
use crate::world::condition::{Active, Condition};
use crate::world::engine::{Boot, CrashKind, DirectorTimer};
use crate::world::fault_kind::{BOUNCE_MS, kind, lasting, lasting_name};

/// What became of a step.
#[derive(Debug, Default)]
struct StepOutcome {
    nodes: Vec<NodeId>,
    summary: String,
    weakened: Option<String>,
    lossy: bool,
}

type StepResult = Result<StepOutcome, String>;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// A step fires; what became of it is recorded.
    pub(super) fn fire(&mut self, position: usize) {
        let step = self.plan.steps[position].clone();
        let kind = kind(&step.action);
        let outcome = if self.healed {
            Err("the faults are over".to_owned())
        } else {
            self.act(position, &step)
        };
        let held = outcome.is_err();
        let done = outcome.unwrap_or_else(|reason| StepOutcome {
            summary: format!("{kind} held back"),
            weakened: Some(reason),
            ..StepOutcome::default()
        });
        self.host.tally.mark(if held { "fault-held-back" } else { "fault-injected" });
        let fault = InjectedFault {
            step: step.id,
            at_ms: self.engine.now() / MS,
            kind: kind.to_owned(),
            nodes: done.nodes,
            summary: done.summary,
            held_back: done.weakened,
            lossy: done.lossy,
        };
        let reason = fault.held_back.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let text = format!("fault {}: {}{reason}", fault.step, fault.summary);
        self.engine.announce_fault(&fault.nodes, text);
        self.injected += u64::from(!held);
        self.faults.push(fault);
    }

    /// A lasting fault ends.
    pub(super) fn end_step(&mut self, position: usize) {
        self.spare_replaced(|step| step == position);
        let before = self.active.len();
        self.active.retain(|active| active.step != position);
        if self.active.len() != before {
            self.apply_conditions();
            self.restart_repaired();
        }
    }

    /// What is on a disk that is replaced is lost when its fault ends: the atlas is asked again then, of those that
    /// end. What the configuration would not survive by now is a repair.
    pub(super) fn spare_replaced(&mut self, ends: impl Fn(usize) -> bool) {
        let mut spared = false;
        for at in 0..self.active.len() {
            let position = self.active[at].step;
            let Condition::FailLogDirectory(node, (directory, true)) = self.active[at].condition
            else {
                continue;
            };
            let Err(reason) = self.loss_allowed(self.engine.ids()[node], true) else { continue };
            if !ends(position) {
                continue;
            }
            spared = true;
            self.active[at].condition = Condition::FailLogDirectory(node, (directory, false));
            let step = self.plan.steps[position].id;
            if let Some(fault) = self.faults.iter_mut().find(|fault| fault.step == step) {
                fault.lossy = false;
                fault.summary = format!("{}, and repaired: {reason}", fault.summary);
            }
        }
        if spared {
            self.apply_conditions();
        }
    }

    /// Brokers whose log directories were repaired are stopped, and start again soon: only a new process takes them
    /// back.
    pub(super) fn restart_repaired(&mut self) {
        for node in self.plan.cluster.brokers.clone() {
            let index = self.place(node);
            let failing = self.active.iter().any(|active| {
                matches!(active.condition, Condition::FailLogDirectory(at, _) if at == index)
            });
            let may = self.healed || self.stop_allowed(node).is_ok();
            if !failing && may && self.engine.runs(index) && self.engine.has_failed_directory(index)
            {
                self.down_ms[index] = BOUNCE_MS;
                self.engine.stop(index, &mut self.host);
            }
        }
    }

    fn act(&mut self, position: usize, step: &Step) -> StepResult {
        self.tell_hindered();
        match &step.action {
            Action::Crash { target, down_ms } => self.crash(step, target, *down_ms),
            Action::Bounce { target } => self.crash(step, target, BOUNCE_MS),
            Action::PowerLoss { target, down_ms } => self.power_loss(step, target, *down_ms),
            Action::WipeDisk { target, down_ms } => self.wipe(step, target, *down_ms),
            Action::Stop { target, down_ms } => self.stop(step, target, *down_ms),
            Action::WholeClusterOutage { power, down_ms } => Ok(self.outage(*power, *down_ms)),
            Action::RollingRestart { down_ms, gap_ms } => {
                Ok(self.roll_begin(position, *down_ms, *gap_ms))
            }
            Action::Partition { cut, for_ms } => {
                let cut = self.cut_links(step, cut)?;
                let condition = Condition::Cut(cut.links);
                self.condition_allowed(&condition)?;
                self.begin(position, condition, *for_ms);
                let summary = format!("partition of {} for {for_ms} ms", cut.description);
                Ok(StepOutcome { nodes: cut.nodes, summary, ..StepOutcome::default() })
            }
            Action::Pause { .. }
            | Action::Delay { .. }
            | Action::DropResponses { .. }
            | Action::HoldRequests { .. }
            | Action::HoldMetadata { .. }
            | Action::StallMetadataPublishing { .. }
            | Action::StallConnections { .. }
            | Action::DuplicateResponses { .. }
            | Action::LimitBandwidth { .. }
            | Action::SlowDisk { .. }
            | Action::StallDisk { .. }
            | Action::FullDisk { .. }
            | Action::FailLogDirectory { .. }
            | Action::LyingSync { .. } => self.lasting(position, step),
            Action::DeleteRecords { target, percent } => {
                self.delete_records(step, target, *percent)
            }
            Action::Reassign { .. }
            | Action::CancelReassignment { .. }
            | Action::AddPartitions { .. }
            | Action::AlterConfig { .. }
            | Action::ElectPreferred { .. }
            | Action::DeleteTopic { .. }
            | Action::CreateTopic { .. }
            | Action::JoinBroker { .. }
            | Action::DecommissionBroker { .. }
            | Action::AddVoter { .. }
            | Action::RemoveVoter { .. } => self.administer(position, step),
            Action::DeleteGroup { .. }
            | Action::ResetOffsets { .. }
            | Action::AbortHanging { .. } => self.give_task(step),
            Action::ResetConnections { .. }
            | Action::FailDisk { .. }
            | Action::BitRot { .. }
            | Action::StepClock { .. }
            | Action::DriftClock { .. } => self.instant(step),
        }
    }

    /// The one running node that a target stands for.
    fn running(&self, step: &Step, target: &Target) -> Result<(NodeId, usize), String> {
        let node = self.resolve(step, target, 0)?;
        let index = self.place(node);
        if self.engine.runs(index) {
            Ok((node, index))
        } else {
            Err(format!("node {node} ({target}) is down"))
        }
    }

    fn crash(&mut self, step: &Step, target: &Target, down_ms: u64) -> StepResult {
        let (node, index) = self.running(step, target)?;
        self.crash_allowed(node)?;
        self.crash_node(index, CrashKind::Crash, down_ms);
        Ok(done(node, format!("{} of node {node} ({target}) for {down_ms} ms", kind(&step.action))))
    }

    fn power_loss(&mut self, step: &Step, target: &Target, down_ms: u64) -> StepResult {
        self.lose(step, target, down_ms, CrashKind::PowerLoss)
    }

    fn wipe(&mut self, step: &Step, target: &Target, down_ms: u64) -> StepResult {
        self.lose(step, target, down_ms, CrashKind::Wipe)
    }

    /// Data of a node is lost with its process or, where the atlas forbids that, the process alone.
    fn lose(
        &mut self,
        step: &Step,
        target: &Target,
        down_ms: u64,
        wanted: CrashKind,
    ) -> StepResult {
        let (node, index) = self.running(step, target)?;
        self.suits(&step.action, node)?;
        let wipe = wanted == CrashKind::Wipe;
        let allowed = self.loss_allowed(node, wipe);
        if allowed.is_err() {
            self.crash_allowed(node)?;
        }
        self.crash_node(index, if allowed.is_ok() { wanted } else { CrashKind::Crash }, down_ms);
        let summary = if wipe {
            format!("disk of node {node} ({target}) wiped, down for {down_ms} ms")
        } else {
            format!("power loss of node {node} ({target}) for {down_ms} ms")
        };
        Ok(weakened(node, summary, allowed))
    }

    fn stop(&mut self, step: &Step, target: &Target, down_ms: u64) -> StepResult {
        let (node, index) = self.running(step, target)?;
        self.stop_allowed(node)?;
        self.down_ms[index] = down_ms;
        self.engine.stop(index, &mut self.host);
        Ok(done(node, format!("graceful stop of node {node} ({target}), down for {down_ms} ms")))
    }

    fn outage(&mut self, power: bool, down_ms: u64) -> StepOutcome {
        let cluster = &self.plan.cluster;
        let nodes: Vec<NodeId> =
            cluster.brokers.iter().chain(&cluster.controllers).copied().collect();
        let mut done = StepOutcome::default();
        for node in nodes {
            let index = self.place(node);
            if !self.engine.runs(index) {
                continue;
            }
            // Each loss counts when the next node is asked for.
            let allowed = if power { self.loss_allowed(node, false) } else { Ok(()) };
            let lossy = power && allowed.is_ok();
            if let (false, Err(reason)) = (lossy, self.crash_allowed(node)) {
                done.weakened = Some(format!("node {node} held back: {reason}"));
                continue;
            }
            self.crash_node(
                index,
                if lossy { CrashKind::PowerLoss } else { CrashKind::Crash },
                down_ms,
            );
            done.lossy |= lossy;
            done.nodes.push(node);
            if let Err(reason) = allowed {
                done.weakened = Some(format!("node {node} crashed only: {reason}"));
            }
        }
        let what = if power { "power loss" } else { "crash" };
        done.summary = format!("{what} of the whole cluster for {down_ms} ms");
        done
    }

    /// Whether the node may lose data now: what the atlas says, unless the plan allows loss.
    fn loss_allowed(&self, node: NodeId, wipe: bool) -> Result<(), String> {
        if self.plan.expect.loss_allowed || self.is_client(node) {
            return Ok(());
        }
        if wipe
            && self.plan.cluster.is_reconfigurable()
            && self.plan.cluster.controllers.contains(&node)
        {
            return self.controller_may_lose(node);
        }
        let view = self.host.view();
        if wipe { view.wipe_allowed(node) } else { view.power_loss_allowed(node) }
    }

    /// Whether the node's process may die now: what the atlas says, unless the plan allows loss.
    fn crash_allowed(&self, node: NodeId) -> Result<(), String> {
        if self.plan.expect.loss_allowed || self.is_client(node) {
            return Ok(());
        }
        self.host.view().crash_allowed(node)
    }

    /// Whether the node may be asked to stop now.
    fn stop_allowed(&self, node: NodeId) -> Result<(), String> {
        if self.plan.expect.loss_allowed || self.is_client(node) {
            return Ok(());
        }
        self.host.view().stop_allowed(node)
    }

    /// Ends a process; it starts again after a time.
    pub(super) fn crash_node(&mut self, index: usize, how: CrashKind, down_ms: u64) {
        let how = if how == CrashKind::Crash { self.crash_or_rot(index) } else { how };
        let mark = match how {
            CrashKind::Crash | CrashKind::Rot => "crash",
            CrashKind::PowerLoss => "power-loss",
            CrashKind::Wipe => "wipe",
        };
        self.host.tally.mark(mark);
        self.engine.crash_node(index, how, &mut self.host);
        if how == CrashKind::Wipe {
            self.host.wiped(self.engine.ids()[index]);
        }
        self.start_again(index, self.engine.now() + down_ms * MS);
        self.client_crashed(index);
    }

    /// A lasting fault of one node.
    fn lasting(&mut self, position: usize, step: &Step) -> StepResult {
        let Some(lasting) = lasting(&step.action) else {
            unreachable!("{:?} does not last", step.action)
        };
        let (target, for_ms) = (lasting.target, lasting.for_ms);
        // A disk dies whether or not anything runs on it.
        let (node, index) = if matches!(step.action, Action::FailLogDirectory { .. }) {
            let node = self.resolve(step, target, 0)?;
            (node, self.place(node))
        } else {
            self.running(step, target)?
        };
        self.suits(&step.action, node)?;
        if matches!(step.action, Action::LyingSync { .. }) && !self.plan.expect.loss_allowed {
            return Err("no configuration survives syncs that lie".to_owned());
        }
        if matches!(step.action, Action::FullDisk { .. }) {
            self.crash_allowed(node)?;
        }
        if let Action::FailLogDirectory { replaced, .. } = &step.action {
            self.crash_allowed(node)?;
            if *replaced {
                self.loss_allowed(node, true)?;
            }
        }
        let condition = lasting.condition(&mut self.engine, self.draws, step, index)?;
        self.condition_allowed(&condition)?;
        self.begin(position, condition, for_ms);
        let lossy = matches!(step.action, Action::FailLogDirectory { replaced: true, .. });
        let name = lasting_name(&step.action);
        let summary = format!("{name} at node {node} ({target}) for {for_ms} ms");
        Ok(StepOutcome { lossy, ..done(node, summary) })
    }

    fn begin(&mut self, position: usize, condition: Condition, for_ms: u64) {
        let until_ns = (self.engine.now() + for_ms * MS).min(self.plan.heal_at_ms * MS);
        self.active.push(Active { step: position, condition, until_ns });
        self.engine.set_timer(until_ns, DirectorTimer::StepEnd(position));
        self.apply_conditions();
    }

    fn delete_records(&mut self, step: &Step, target: &Target, percent: u32) -> StepResult {
        let (node, summary) = self.ask_to_delete(step, target, percent)?;
        Ok(done(node, summary))
    }

    fn administer(&mut self, position: usize, step: &Step) -> StepResult {
        let (node, summary) = self.ask_administrator(position, step)?;
        Ok(done(node, summary))
    }

    fn give_task(&mut self, step: &Step) -> StepResult {
        let (node, summary) = self.ask_for_task(step)?;
        Ok(done(node, summary))
    }

    /// A fault of one node that is over at once.
    fn instant(&mut self, step: &Step) -> StepResult {
        if let Action::ResetConnections { target } = &step.action {
            let (node, index) = self.running(step, target)?;
            self.engine.reset_connections(index);
            self.host.connections_reset(self.engine.settles_ns(), node);
            Ok(done(node, format!("all connections of node {node} ({target}) reset")))
        } else if let Action::FailDisk { target, down_ms } = &step.action {
            let (node, index) = self.running(step, target)?;
            self.suits(&step.action, node)?;
            self.crash_allowed(node)?;
            self.down_ms[index] = *down_ms;
            self.engine.fail_disk(index, true);
            let summary = format!("disk of node {node} ({target}) fails, down for {down_ms} ms");
            Ok(done(node, summary))
        } else if let Action::BitRot { target } = &step.action {
            self.bit_rot(step, target)
        } else if let Action::StepClock { target, by_ms } = &step.action {
            let node = self.resolve(step, target, 0)?;
            self.engine.step_clock(self.place(node), *by_ms);
            let summary = format!("wall clock of node {node} ({target}) stepped by {by_ms} ms");
            Ok(done(node, summary))
        } else if let Action::DriftClock { target, ppm } = &step.action {
            let node = self.resolve(step, target, 0)?;
            self.engine.drift_clock(self.place(node), *ppm);
            Ok(done(node, format!("clocks of node {node} ({target}) drift by {ppm} ppm")))
        } else {
            unreachable!("{:?} takes its time", step.action)
        }
    }

    /// Nobody reads a log's files before a process starts on them, so rot is a loss at that moment and not
    /// before. Where loss is allowed, any bit flips, at once. Else the atlas is asked when the loss is due,
    /// at the next crash, and the bit is one whose flip the start of the process finds: what is taken on
    /// trust after a clean stop or below the recovery point, and what no checksum covers, no configuration
    /// survives.
    fn bit_rot(&mut self, step: &Step, target: &Target) -> StepResult {
        let (node, index) = self.running(step, target)?;
        self.suits(&step.action, node)?;
        self.loss_allowed(node, true)?;
        if !self.plan.expect.loss_allowed {
            self.rotting.push((index, step.id));
            let summary =
                format!("a bit of a log of node {node} ({target}) flips by its next crash");
            return Ok(done(node, summary));
        }
        let file = self.engine.rot(index, u64::from(step.id)).ok_or("the node has no log yet")?;
        if let FileId::Segment { partition, .. } = file {
            self.host.rotted(node, partition);
        }
        let summary = format!("a bit of {file:?} of node {node} ({target}) flipped");
        Ok(StepOutcome { lossy: true, ..done(node, summary) })
    }

    /// What a crash is at a node whose log is to rot: rot as well, unless the atlas forbids the loss by now.
    fn crash_or_rot(&mut self, index: usize) -> CrashKind {
        let Some(position) = self.rotting.iter().position(|(node, _)| *node == index) else {
            return CrashKind::Crash;
        };
        let node = self.engine.ids()[index];
        let (_, step) = self.rotting[position];
        let allowed = self.loss_allowed(node, true).is_ok();
        let Some(file) = allowed.then(|| self.engine.rot_newest(index, u64::from(step))).flatten()
        else {
            return CrashKind::Crash;
        };
        self.rotting.remove(position);
        if let Some(fault) = self.faults.iter_mut().find(|fault| fault.step == step) {
            fault.summary = format!("a bit of {file:?} of node {node} flipped by its next crash");
            fault.lossy = true;
        }
        CrashKind::Rot
    }

    fn roll_begin(&mut self, position: usize, down_ms: u64, gap_ms: u64) -> StepOutcome {
        self.rolling = Some(super::Rolling { step: position, broker: 0, down_ms, gap_ms });
        self.engine.set_timer(self.engine.now(), DirectorTimer::Roll { step: position, broker: 0 });
        let nodes = self.plan.cluster.brokers.clone();
        StepOutcome {
            nodes,
            summary: "rolling restart of all brokers".to_owned(),
            ..StepOutcome::default()
        }
    }

    /// The rolling restart goes on: the next broker stops, unless it is down already.
    pub(super) fn roll(&mut self, step: usize, broker: usize) {
        let Some(rolling) = self.rolling.as_mut().filter(|rolling| rolling.step == step) else {
            return;
        };
        rolling.broker = broker;
        let (down_ms, gap_ms) = (rolling.down_ms, rolling.gap_ms);
        let Some(node) = self.plan.cluster.brokers.get(broker).copied() else {
            self.rolling = None;
            return;
        };
        let index = self.place(node);
        self.tell_hindered();
        if self.engine.runs(index) && self.stop_allowed(node).is_ok() {
            self.down_ms[index] = down_ms;
            self.engine.stop(index, &mut self.host);
        } else {
            self.engine.set_timer(
                self.engine.now() + gap_ms * MS,
                DirectorTimer::Roll { step, broker: broker + 1 },
            );
        }
    }
}

fn done(node: NodeId, summary: String) -> StepOutcome {
    StepOutcome { nodes: vec![node], summary, ..StepOutcome::default() }
}

/// A fault that loses data, or, if it is not allowed to, a crash in its place.
fn weakened(node: NodeId, summary: String, allowed: Result<(), String>) -> StepOutcome {
    match allowed {
        Ok(()) => StepOutcome { lossy: true, ..done(node, summary) },
        Err(reason) => {
            let weakened = Some(format!("weakened to a crash: {reason}"));
            StepOutcome { weakened, ..done(node, format!("crash in place of {summary}")) }
        }
    }
}
