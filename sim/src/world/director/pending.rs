//! Which goal is not met yet, and what it waits for, by name. One function a goal, in the order of
//! [`GOALS`](crate::liveness::GOALS).

use std::collections::BTreeSet;

use harrow_broker_model::node::Node;
use harrow_broker_model::node_status::{Held, NodeStatus, OPEN_TRANSACTIONS};
use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::progress::Pending;
use super::{Director, Phase};
use crate::liveness::{GOALS, Goal};
use crate::plan::ClientPlan;
use crate::view::{PartitionView, ReplicaRole};
use crate::world::cuts::list;
use crate::world::engine::Boot;

/// More offsets than a replica may have to copy: that one is missing in an ISR counts for more than all of these.
const WHOLE_LOG: u64 = 1 << 40;

/// What a goal lacks: each thing in words, with how much of it.
struct Shortfall {
    first: Option<String>,
    left: u64,
}

impl Shortfall {
    fn collect(things: impl Iterator<Item = (String, u64)>) -> Self {
        let mut lacking = Self { first: None, left: 0 };
        for (what, left) in things {
            lacking.first.get_or_insert(what);
            lacking.left = lacking.left.saturating_add(left.max(1));
        }
        lacking
    }

    /// One for each thing.
    fn count(things: impl Iterator<Item = String>) -> Self {
        Self::collect(things.map(|what| (what, 1)))
    }

    fn of(self, goal: Goal) -> Option<Pending> {
        self.first.map(|what| Pending { goal, what, left: self.left })
    }
}

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The first goal that is not met; nothing if all are that count in this phase.
    pub(super) fn pending(&self) -> Option<Pending> {
        GOALS.iter().find_map(|entry| self.lacking(entry.goal))
    }

    /// What a goal lacks, if it counts in this phase and is not met.
    pub(super) fn lacking(&self, goal: Goal) -> Option<Pending> {
        match goal {
            Goal::Processes => self.processes_pending(),
            Goal::QuorumLeader => self.quorum_pending(),
            Goal::BrokersUnfenced => self.unfenced_pending(),
            Goal::Metadata => self.metadata_pending(),
            Goal::Topics => self.topics_pending(),
            Goal::Leaders => self.each_partition(goal, Self::leader_pending),
            Goal::Isr => self.each_partition(goal, Self::isr_pending),
            Goal::Operations => self.operations_pending(),
            Goal::HighWatermark => self.each_partition(goal, Self::log_pending),
            Goal::FreshProducer => self.fresh_pending(),
            Goal::LoadProducers => self.resumed_pending(),
            Goal::Transactions => self.transactions_pending(),
            Goal::ConsumerLag => self.lag_pending(),
            Goal::ShareLag => self.share_lag_pending(),
            Goal::Resources => self.held_pending(),
        }
    }

    /// Brokers and controllers of the core.
    fn core(&self) -> impl Iterator<Item = NodeId> + '_ {
        let cluster = &self.plan.cluster;
        let servers = cluster.brokers.iter().chain(&cluster.controllers).copied();
        servers.filter(|node| !self.is_outside(*node))
    }

    fn core_brokers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.plan.cluster.brokers.iter().copied().filter(|node| !self.is_outside(*node))
    }

    /// What a node says of itself; an idle stranger's words if it does not run.
    fn status(&self, node: NodeId) -> NodeStatus {
        self.engine.process(self.place(node)).map_or_else(NodeStatus::default, Node::status)
    }

    fn processes_pending(&self) -> Option<Pending> {
        let applications = self.applications.iter().map(|application| application.node);
        let clients = self.loads.iter().map(|load| load.node).chain(applications);
        let nodes = self.core().chain(clients);
        let pending = nodes.filter_map(|node| {
            let index = self.place(node);
            if !self.engine.runs(index) {
                Some(format!("node {node} is down"))
            } else if self.engine.is_stopping(index) {
                Some(format!("node {node} is stopping"))
            } else {
                None
            }
        });
        Shortfall::count(pending).of(Goal::Processes)
    }

    fn quorum_pending(&self) -> Option<Pending> {
        let controllers = &self.plan.cluster.controllers;
        let leads = |node: &NodeId| self.status(*node).quorum_leader == Some(*node);
        let leader = |outside| {
            let side = controllers.iter().filter(move |node| self.is_outside(**node) == outside);
            side.copied().find(|node| leads(node))
        };
        let Some(leader) = leader(false) else {
            let what = match leader(true) {
                Some(other) => format!("the quorum is led by {other}, which is outside the core"),
                None => format!("no live controller of {} leads the quorum", list(controllers)),
            };
            return Shortfall::count(std::iter::once(what)).of(Goal::QuorumLeader);
        };
        let strangers = self.core().filter_map(|node| {
            let known = self.status(node).quorum_leader;
            (known != Some(leader)).then(|| {
                let whom = known.map_or_else(|| "nobody".to_owned(), |other| other.to_string());
                format!("node {node} takes {whom} for quorum leader, not {leader}")
            })
        });
        Shortfall::count(strangers).of(Goal::QuorumLeader)
    }

    fn unfenced_pending(&self) -> Option<Pending> {
        let registry = self.host.view().registry();
        let pending = self.core_brokers().filter_map(|node| match registry.broker(node) {
            None => Some(format!("broker {node} is not registered")),
            Some(broker) if broker.fenced => Some(format!("broker {node} is fenced")),
            Some(broker) if broker.shutting_down => {
                Some(format!("broker {node} is in controlled shutdown"))
            }
            Some(_) => None,
        });
        Shortfall::count(pending).of(Goal::BrokersUnfenced)
    }

    fn metadata_pending(&self) -> Option<Pending> {
        let end = self.host.view().metadata_log().committed.end();
        let pending = self.core_brokers().filter_map(|node| {
            let applied = self.status(node).metadata_end;
            let what = || {
                format!("broker {node} has applied metadata to {applied}, committed end is {end}")
            };
            (applied < end).then(|| (what(), end.0.abs_diff(applied.0)))
        });
        Shortfall::collect(pending).of(Goal::Metadata)
    }

    fn topics_pending(&self) -> Option<Pending> {
        let missing = self.plan.topics.iter().skip(self.topics_created);
        let missing = missing.map(|topic| format!("topic {} is not created", topic.name));
        let short = self.short_topics();
        let short = short.map(|topic| {
            format!("topic {} has fewer partitions than {}", topic.name, topic.partitions)
        });
        let gone = self.missing_topics();
        let gone = gone.map(|topic| format!("topic {} is deleted", self.plan.topics[topic].name));
        let deleting = self.deleting.iter().map(|it| format!("operation {it} deletes a topic"));
        let throttled = self.throttled_topics().into_iter();
        let throttled = throttled.map(|name| format!("replicas of topic {name} are throttled"));
        let all = missing.chain(short).chain(gone).chain(deleting).chain(throttled);
        Shortfall::count(all).of(Goal::Topics)
    }

    fn leader_pending(&self, name: &str, view: Option<&PartitionView>) -> Option<(String, u64)> {
        let Some(registration) = view.and_then(|view| view.registration.as_ref()) else {
            return Some((format!("partition {name} is not registered"), 1));
        };
        let Some(leader) = registration.leader else {
            return Some((format!("partition {name} has no leader"), 1));
        };
        if self.is_outside(leader) {
            let what = format!("partition {name} is led by {leader}, which is outside the core");
            return Some((what, 1));
        }
        let acts = view.and_then(|view| view.replica(leader)).is_some_and(|replica| {
            replica.role == ReplicaRole::Leader && replica.leader_epoch == registration.leader_epoch
        });
        let epoch = registration.leader_epoch;
        (!acts).then(|| (format!("broker {leader} does not yet lead {name} in epoch {epoch}"), 1))
    }

    fn isr_pending(&self, name: &str, view: Option<&PartitionView>) -> Option<(String, u64)> {
        let view = view?;
        let registration = view.registration.as_ref()?;
        let (live, isr) = (self.live(registration), sorted(&registration.isr));
        if isr != live {
            let (isr_text, live_text) = (list(&isr), list(&live));
            let missing = live.iter().filter(|node| !isr.contains(node));
            let left = missing.map(|node| WHOLE_LOG + behind(view, *node).min(WHOLE_LOG - 1)).sum();
            let what = format!("isr of {name} is {isr_text}, live replicas are {live_text}");
            return Some((what, left));
        }
        let moving = registration.reassignment.is_under_way();
        if moving && live.len() == registration.replicas.len() {
            let adding = list(&registration.reassignment.adding);
            return Some((
                format!("reassignment of {name}, which adds {adding}, has not ended"),
                1,
            ));
        }
        // Below the minimum, members that left stay eligible: of these, only the dead may remain.
        let below = isr.len() < view.min_insync_replicas as usize;
        let stays = |node: &&NodeId| !below || !self.is_outside(**node);
        let elr: Vec<NodeId> = registration.elr.iter().filter(stays).copied().collect();
        (!elr.is_empty())
            .then(|| (format!("elr of {name} is {} although its isr is whole", list(&elr)), 1))
    }

    /// Replicas that are in the core, in order.
    fn live(&self, registration: &PartitionRegistration) -> Vec<NodeId> {
        let mut live = sorted(&registration.replicas);
        live.retain(|node| !self.is_outside(*node));
        live
    }

    fn operations_pending(&self) -> Option<Pending> {
        self.load_operations_pending().or_else(|| self.applications_pending())
    }

    fn load_operations_pending(&self) -> Option<Pending> {
        let left = self.loads.iter().map(|load| u64::from(load.unresolved())).sum();
        let open = self.recorder.first_open();
        let pending = self.loads.iter().filter(|load| load.unresolved() > 0).find_map(|load| {
            let (issued, total) = load.progress();
            let node = load.node;
            if issued < total {
                return Some(format!("client {node} has begun {issued} of {total} operations"));
            }
            let (operation, _) = open.filter(|(_, process)| *process == load.process)?;
            Some(format!("operation {operation} of client {node} is open"))
        });
        let what = pending.or_else(|| (left > 0).then(|| "an operation is open".to_owned()))?;
        Some(Pending { goal: Goal::Operations, what, left })
    }

    fn log_pending(&self, name: &str, view: Option<&PartitionView>) -> Option<(String, u64)> {
        let view = view?;
        let registration = view.registration.as_ref()?;
        let end = view.replica(registration.leader?)?.log.end();
        // Below the minimum the high watermark stands still: then only the logs must agree.
        let commits = self.short_of_replicas(name, view).is_none();
        let lacking = self.live(registration).into_iter().filter_map(|node| {
            let replica = view.replica(node)?;
            let (log_end, mark) = (replica.log.end(), replica.high_watermark);
            if log_end != end {
                let what = format!("log end of {name} on broker {node} is {log_end}, leader's is {end}");
                return Some((what, end.0.abs_diff(log_end.0) + end.0.abs_diff(mark.0)));
            }
            let what =
                || format!("high watermark of {name} on broker {node} is {mark}, log end of leader is {end}");
            (commits && mark != end).then(|| (what(), end.0.abs_diff(mark.0)))
        });
        let Shortfall { first, left } = Shortfall::collect(lacking);
        first.map(|what| (what, left))
    }

    fn held_pending(&self) -> Option<Pending> {
        if self.phase != Phase::Reading {
            return None;
        }
        let clients = self.loads.iter().map(|load| load.node);
        let fresh = [self.plan.fresh_producer.node, self.plan.final_reader.node];
        let held = self
            .core()
            .chain(clients)
            .chain(fresh)
            .flat_map(|node| self.status(node).held.into_iter().map(move |held| (node, held)));
        Shortfall::collect(held.map(list_held)).of(Goal::Resources)
    }

    fn transactions_pending(&self) -> Option<Pending> {
        if !self.asks_clients() {
            return None;
        }
        let held = self
            .core_brokers()
            .flat_map(|node| self.status(node).held.into_iter().map(move |held| (node, held)));
        let open = held.filter(|(_, held)| held.what == OPEN_TRANSACTIONS);
        Shortfall::collect(open.map(list_held)).of(Goal::Transactions)
    }

    /// Records that share groups are not done with.
    fn share_lag_pending(&self) -> Option<Pending> {
        if self.phase != Phase::Reading {
            return None;
        }
        let mut works: BTreeSet<(&str, &str)> = BTreeSet::new();
        for client in &self.plan.clients {
            let ClientPlan::Consumer { config, topics, .. } = client else { continue };
            let Some(worker) = &config.worker else { continue };
            works.extend(topics.iter().map(|topic| (worker.group.as_str(), topic.as_str())));
        }
        let lacking = works.into_iter().flat_map(|(group, topic)| self.share_lag(group, topic));
        Shortfall::collect(lacking).of(Goal::ShareLag)
    }

    /// What a share group is not done with, of each partition of a topic.
    fn share_lag(&self, group: &str, topic: &str) -> Vec<(String, u64)> {
        let (view, id) = (self.host.view(), self.host.view().topic_id(topic));
        let partitions = self.partitions().filter_map(|(name, partition)| Some((name, partition?)));
        let lagging = partitions.filter(|(_, at)| Some(at.topic) == id).filter_map(|(name, at)| {
            let known = view.partition(at)?;
            let leader = known.registration.as_ref()?.leader?;
            let end = known.replica(leader)?.high_watermark;
            let start = view.share_start_offset(group, at).unwrap_or(Offset(0));
            let what = || {
                format!(
                    "share group {group} is done with {name} up to {start}, committed end is {end}"
                )
            };
            (start < end).then(|| (what(), end.0.abs_diff(start.0)))
        });
        lagging.collect()
    }

    /// Requests that nobody will end although what they wait for has happened.
    pub(super) fn overdue_pending(&self) -> Option<Pending> {
        let held = self
            .core()
            .flat_map(|node| self.status(node).held.into_iter().map(move |held| (node, held)));
        Shortfall::collect(held.filter(|(_, held)| held.overdue).map(list_held)).of(Goal::Resources)
    }

    /// What each partition lacks, but for those that no rule can bring back.
    fn each_partition(
        &self,
        goal: Goal,
        ask: impl Fn(&Self, &str, Option<&PartitionView>) -> Option<(String, u64)>,
    ) -> Option<Pending> {
        let lacking = self.partitions().filter_map(|(name, partition)| {
            let view = partition.and_then(|partition| self.host.view().partition(partition));
            if view.is_some_and(|view| self.offline(&name, view).is_some()) {
                return None;
            }
            ask(self, &name, view)
        });
        Shortfall::collect(lacking).of(goal)
    }

    /// Names of the plan's partitions, in the history's order, with their ids once they are known.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (String, Option<TopicPartition>)> + '_ {
        self.plan.topics.iter().flat_map(move |topic| {
            let id = self.host.view().topic_id(&topic.name);
            (0..topic.partitions).map(move |index| {
                let partition = id.map(|topic| TopicPartition { topic, partition: index as i32 });
                (format!("{}-{index}", topic.name), partition)
            })
        })
    }
}

fn list_held((node, held): (NodeId, Held)) -> (String, u64) {
    (format!("node {node} holds {} {}", held.count, held.what), held.count as u64)
}

/// How many offsets a replica has still to copy, or to cut.
fn behind(view: &PartitionView, node: NodeId) -> u64 {
    let end = |node| view.replica(node).map_or(0, |replica| replica.log.end().0);
    let leader = view.registration.as_ref().and_then(|registration| registration.leader);
    leader.map_or(0, |leader| end(leader).abs_diff(end(node)))
}

pub(super) fn sorted(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    nodes
}
