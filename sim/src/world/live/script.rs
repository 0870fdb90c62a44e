//! A plan's faults at a live cluster. Its host says when they fire, starts again what they end, and ends what lasts.
//!
//! There is no atlas here: nobody mirrors the true state of a cluster that serves people. Unless the plan allows loss,
//! a broker loses data only if by the newest metadata each of its partitions has another replica in sync that runs; one
//! that keeps its data is ended or held still only if besides there is none that lost some and is not in sync again. A
//! controller loses its disk only if a majority of the others runs. Who leads is what the newest metadata says.

use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::{LiveCluster, NO_STEP};
use crate::plan::{Action, Cut, Step, Target};
use crate::world::condition::{Active, Condition, Kept};
use crate::world::cuts::{CutLinks, Ends};
use crate::world::engine::CrashKind;
use crate::world::fault_kind::{BOUNCE_MS, Lasting, has_directory, kind, lasting, lasting_name};
use crate::world::targets::{Candidates, Leadership};

/// What a step has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// Whom it was done to.
    pub nodes: Vec<NodeId>,
    /// In words.
    pub summary: String,
    /// Why less was done than the step says.
    pub weakened: Option<String>,
    /// Processes that have ended.
    pub ended: Vec<NodeId>,
    /// Processes that end by themselves: they were asked to, or their disk fails.
    pub ending: Vec<NodeId>,
    /// How long those that end are down.
    pub down_ms: u64,
    /// Nodes that may have lost data.
    pub lost: Vec<NodeId>,
    /// How long it lasts, if it does.
    pub for_ms: Option<u64>,
    /// Brokers that clients do not reach meanwhile.
    pub cut_off: Vec<NodeId>,
    /// Brokers whose connections are reset.
    pub reset: Vec<NodeId>,
    /// All brokers stop and start one after another, with so many milliseconds between one's start and the next one's
    /// stop.
    pub rolling_gap_ms: Option<u64>,
}

/// Who leads, by the newest metadata.
struct ByMetadata<'a> {
    image: &'a MetadataImage,
    active_controller: Option<NodeId>,
}

impl ByMetadata<'_> {
    fn registration(&self, topic: &str, partition: u32) -> Option<&PartitionRegistration> {
        let topic = *self.image.topic_ids.get(topic)?;
        self.image.partitions.get(&TopicPartition { topic, partition: partition as i32 })
    }
}

impl Leadership for ByMetadata<'_> {
    fn leader_of(&self, topic: &str, partition: u32) -> Option<NodeId> {
        self.registration(topic, partition)?.leader
    }

    fn replicas_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        self.registration(topic, partition).map_or(&[], |registration| &registration.replicas)
    }

    fn isr_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        self.registration(topic, partition).map_or(&[], |registration| &registration.isr)
    }

    fn active_controller(&self) -> Option<NodeId> {
        self.active_controller
    }
}

type FireResult = Result<Fired, String>;

impl LiveCluster {
    /// The name of what a step does.
    pub fn kind_of(step: &Step) -> &'static str {
        kind(&step.action)
    }

    /// A step fires; the error says why it is held back.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest lasts, or is over at once")]
    pub fn fire(&mut self, step: &Step, loss_allowed: bool) -> FireResult {
        match &step.action {
            Action::Crash { target, down_ms } => {
                self.end(step, target, (CrashKind::Crash, *down_ms), loss_allowed)
            }
            Action::Bounce { target } => {
                self.end(step, target, (CrashKind::Crash, BOUNCE_MS), loss_allowed)
            }
            Action::PowerLoss { target, down_ms } => {
                self.end(step, target, (CrashKind::PowerLoss, *down_ms), loss_allowed)
            }
            Action::WipeDisk { target, down_ms } => {
                self.end(step, target, (CrashKind::Wipe, *down_ms), loss_allowed)
            }
            Action::Stop { target, down_ms } => {
                let node = self.running(step, target)?;
                self.may_go(node, false, loss_allowed)?;
                self.stop(node);
                let summary =
                    format!("graceful stop of node {node} ({target}), down for {down_ms} ms");
                Ok(Fired { ending: vec![node], down_ms: *down_ms, ..done(node, summary) })
            }
            Action::FailDisk { target, down_ms } => {
                let node = self.running(step, target)?;
                self.may_go(node, false, loss_allowed)?;
                let index = self.place(node);
                self.engine.fail_disk(index, true);
                let summary =
                    format!("disk of node {node} ({target}) fails, down for {down_ms} ms");
                Ok(Fired { ending: vec![node], down_ms: *down_ms, ..done(node, summary) })
            }
            Action::WholeClusterOutage { power, down_ms } => {
                Ok(self.outage(*power, *down_ms, loss_allowed))
            }
            Action::RollingRestart { down_ms, gap_ms } => Ok(Fired {
                nodes: self.host.cluster.brokers.clone(),
                summary: "rolling restart of all brokers".to_owned(),
                down_ms: *down_ms,
                rolling_gap_ms: Some(*gap_ms),
                ..Fired::default()
            }),
            Action::Partition { cut, for_ms } => self.cut(step, (cut, *for_ms), loss_allowed),
            Action::HoldRequests { api: Some(api), .. } if api.is_of_clients() => {
                let why =
                    "requests of clients are held by a rule of the control port: `harrow ctl rule`";
                Err(why.to_owned())
            }
            _ => match lasting(&step.action) {
                Some(lasting) => self.last(step, &lasting, loss_allowed),
                None => self.instant(step),
            },
        }
    }

    /// A broker of a rolling restart stops, if it may.
    pub fn roll(&mut self, broker: NodeId, loss_allowed: bool) -> Result<(), String> {
        self.may_go(broker, false, loss_allowed)?;
        if self.stop(broker) { Ok(()) } else { Err(format!("node {broker} is down")) }
    }

    /// What lasted of a step is over.
    pub fn end_step(&mut self, step: u32) {
        self.active.retain(|active| active.step != step as usize);
        self.refresh();
    }

    /// All faults of steps end.
    pub fn heal(&mut self) {
        self.active.retain(|active| active.step == NO_STEP);
        self.refresh();
        for index in 0..self.engine.ids().len() {
            self.engine.fail_disk(index, false);
        }
    }

    fn place(&self, node: NodeId) -> usize {
        self.engine.index_of(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }

    fn image(&self) -> Option<&MetadataImage> {
        let brokers = self.host.cluster.brokers.iter();
        brokers.filter_map(|it| self.metadata(*it)).max_by_key(|image| image.end_offset)
    }

    fn resolve(&self, step: &Step, target: &Target, role: u64) -> Result<NodeId, String> {
        let image = self.image().ok_or("no broker runs")?;
        let leadership = ByMetadata { image, active_controller: self.active_controller() };
        let candidates = Candidates {
            leadership: &leadership,
            cluster: &self.host.cluster,
            clients: Vec::new(),
            application: &|_| None,
            runs: &|node| self.runs(node),
            may_be_named: &|node| self.engine.index_of(node).is_some(),
            draws: self.draws,
        };
        candidates.resolve((step.id, role), target)
    }

    /// The one running node that a target stands for.
    fn running(&self, step: &Step, target: &Target) -> Result<NodeId, String> {
        let node = self.resolve(step, target, 0)?;
        if self.runs(node) { Ok(node) } else { Err(format!("node {node} ({target}) is down")) }
    }

    /// Whether a node may be missed, and its data if it loses them: see the head of this file.
    fn may_go(&self, node: NodeId, loses: bool, loss_allowed: bool) -> Result<(), String> {
        let cluster = &self.host.cluster;
        if loss_allowed {
            return Ok(());
        }
        if cluster.controllers.contains(&node) {
            let others = cluster.controllers.iter().filter(|it| **it != node && self.serves(**it));
            let enough = !loses || others.count() > cluster.controllers.len() / 2;
            return if enough { Ok(()) } else { Err("no majority of controllers is left".into()) };
        }
        let Some(image) = self.image() else { return Err("no broker runs".to_owned()) };
        for (place, registration) in image.partitions.iter() {
            if registration.isr.contains(&node) && !self.keeps_data(registration, node, loses) {
                let name = image.topics.get(&place.topic).map_or("?", |topic| &topic.name);
                let partition = place.partition;
                return Err(format!("{name}-{partition} has no other replica in sync that runs"));
            }
        }
        Ok(())
    }

    /// Whether what a partition has acknowledged survives without a replica.
    fn keeps_data(&self, registration: &PartitionRegistration, node: NodeId, loses: bool) -> bool {
        let PartitionRegistration { replicas, isr, .. } = registration;
        let another = isr.iter().any(|it| *it != node && self.serves(*it));
        let behind = |it: &NodeId| self.lossy.contains(it) && !isr.contains(it);
        another || !loses && !replicas.iter().any(behind)
    }

    /// Whether a node runs and no fault keeps it from its work.
    fn serves(&self, node: NodeId) -> bool {
        let index = self.place(node);
        self.runs(node)
            && !self.engine.is_stopping(index)
            && !self.engine.disk_fails(index)
            && !self.active.iter().any(|active| self.keeps(&active.condition).contains(&node))
    }

    /// The nodes that a condition keeps from their work.
    fn keeps(&self, condition: &Condition) -> Vec<NodeId> {
        let ids = self.engine.ids();
        match condition.keeps() {
            Kept::Nobody => Vec::new(),
            Kept::Node(node) => vec![ids[node]],
            Kept::Links(links) => {
                links.iter().flat_map(|(from, to)| [ids[*from], ids[*to]]).collect()
            }
        }
    }

    fn end(
        &mut self,
        step: &Step,
        target: &Target,
        (how, down_ms): (CrashKind, u64),
        loss_allowed: bool,
    ) -> FireResult {
        let node = self.running(step, target)?;
        self.may_go(node, self.loses(node, how), loss_allowed)?;
        self.crash(node, how);
        let what = match how {
            CrashKind::Crash | CrashKind::Rot => kind(&step.action),
            CrashKind::PowerLoss => "power loss",
            CrashKind::Wipe => "loss of the disk",
        };
        let lost = if self.loses(node, how) { vec![node] } else { Vec::new() };
        let summary = format!("{what} of node {node} ({target}) for {down_ms} ms");
        Ok(Fired { ended: vec![node], down_ms, lost, ..done(node, summary) })
    }

    /// Whether a node that ends so may find less than it wrote: controllers sync before they answer.
    fn loses(&self, node: NodeId, how: CrashKind) -> bool {
        let syncs = self.host.cluster.controllers.contains(&node);
        match how {
            CrashKind::Crash => false,
            CrashKind::PowerLoss => !syncs,
            CrashKind::Wipe | CrashKind::Rot => true,
        }
    }

    fn crash(&mut self, node: NodeId, how: CrashKind) {
        if self.loses(node, how) {
            self.lossy.insert(node);
        }
        let index = self.place(node);
        self.engine.crash_node(index, how, &mut self.host);
    }

    fn outage(&mut self, power: bool, down_ms: u64, loss_allowed: bool) -> Fired {
        let how = if power { CrashKind::PowerLoss } else { CrashKind::Crash };
        let cluster = &self.host.cluster;
        let nodes: Vec<NodeId> =
            cluster.brokers.iter().chain(&cluster.controllers).copied().collect();
        let mut fired = Fired { down_ms, ..Fired::default() };
        for node in nodes.into_iter().filter(|node| self.runs(*node)).collect::<Vec<_>>() {
            match self.may_go(node, self.loses(node, how), loss_allowed) {
                Ok(()) => {
                    self.crash(node, how);
                    fired.nodes.push(node);
                }
                Err(reason) => fired.weakened = Some(format!("node {node} held back: {reason}")),
            }
        }
        fired.ended.clone_from(&fired.nodes);
        let lost = fired.nodes.iter().copied().filter(|node| self.loses(*node, how));
        fired.lost = lost.collect();
        let what = if power { "power loss" } else { "crash" };
        fired.summary = format!("{what} of the whole cluster for {down_ms} ms");
        fired
    }

    fn cut(&mut self, step: &Step, (cut, for_ms): (&Cut, u64), loss_allowed: bool) -> FireResult {
        let CutLinks { links, nodes, description } = self.links_of(step, cut)?;
        let condition = Condition::Cut(links);
        let from_clients = matches!(cut, Cut::Isolate { .. } | Cut::FromClients { .. });
        let is_broker = |node: &&NodeId| self.host.cluster.brokers.contains(node);
        let cut_off: Vec<NodeId> =
            nodes.iter().filter(|_| from_clients).filter(is_broker).copied().collect();
        if !matches!(cut, Cut::FromClients { .. }) {
            nodes.iter().try_for_each(|node| self.may_go(*node, false, loss_allowed))?;
        }
        self.begin(step, condition);
        let summary = format!("partition of {description} for {for_ms} ms");
        Ok(Fired { nodes, summary, for_ms: Some(for_ms), cut_off, ..Fired::default() })
    }

    fn links_of(&self, step: &Step, cut: &Cut) -> Result<CutLinks, String> {
        let ends = Ends {
            brokers: &self.host.cluster.brokers,
            controllers: &self.host.cluster.controllers,
            everybody: self.engine.ids(),
            resolve: &|target, role| self.resolve(step, target, role),
            place: &|node| self.place(node),
            draws: self.draws,
        };
        ends.cut(step, cut)
    }

    fn begin(&mut self, step: &Step, condition: Condition) {
        self.active.push(Active { step: step.id as usize, condition, until_ns: u64::MAX });
        self.refresh();
    }

    /// A fault of one node that lasts.
    fn last(&mut self, step: &Step, lasting: &Lasting<'_>, loss_allowed: bool) -> FireResult {
        let (target, for_ms) = (lasting.target, lasting.for_ms);
        let node = self.running(step, target)?;
        let lies = matches!(step.action, Action::LyingSync { .. });
        if lies && !loss_allowed {
            return Err("no configuration survives syncs that lie".to_owned());
        }
        has_directory(&self.host.cluster, &step.action, node)?;
        let index = self.place(node);
        let condition = lasting.condition(&mut self.engine, self.draws, step, index)?;
        if !self.keeps(&condition).is_empty() {
            self.may_go(node, false, loss_allowed)?;
        }
        let fills = matches!(condition, Condition::FullDisk(_));
        self.begin(step, condition);
        let name = lasting_name(&step.action);
        let summary = format!("{name} at node {node} ({target}) for {for_ms} ms");
        Ok(Fired {
            ending: if fills { vec![node] } else { Vec::new() },
            down_ms: for_ms,
            lost: if lies { vec![node] } else { Vec::new() },
            for_ms: Some(for_ms),
            ..done(node, summary)
        })
    }

    /// A fault of one node that is over at once.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for administrators")]
    fn instant(&mut self, step: &Step) -> FireResult {
        match &step.action {
            Action::ResetConnections { target } => {
                let node = self.running(step, target)?;
                let index = self.place(node);
                self.engine.reset_connections(index);
                let summary = format!("all connections of node {node} ({target}) reset");
                Ok(Fired { reset: vec![node], ..done(node, summary) })
            }
            Action::StepClock { target, by_ms } => {
                let node = self.resolve(step, target, 0)?;
                let index = self.place(node);
                self.engine.step_clock(index, *by_ms);
                let summary = format!("wall clock of node {node} ({target}) stepped by {by_ms} ms");
                Ok(done(node, summary))
            }
            Action::DriftClock { target, ppm } => {
                let node = self.resolve(step, target, 0)?;
                let index = self.place(node);
                self.engine.drift_clock(index, *ppm);
                let summary = format!("clocks of node {node} ({target}) drift by {ppm} ppm");
                Ok(done(node, summary))
            }
            Action::BitRot { .. } => {
                Err("nobody could tell afterwards which log the bit was of".to_owned())
            }
            _ => Err("it is for an administrator: here clients administer".to_owned()),
        }
    }
}

fn done(node: NodeId, summary: String) -> Fired {
    Fired { nodes: vec![node], summary, ..Fired::default() }
}
