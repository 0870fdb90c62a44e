//! What administrators do to a cluster while it runs: replicas are moved, partitions added, brokers and voters join and
//! leave.
//! The active controller is asked, by the admin client, by way of any broker.

use harrow_broker_model::admin_message::AdminRequest;
use harrow_broker_model::admin_message::alter_config_op::{APPEND, DELETE, SET};
use harrow_broker_model::admin_message::config_resource::TOPIC;
use harrow_broker_model::config::topic_name;
use harrow_broker_model::node::{Node, Operation};
use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::proto::{
    AlterConfigsResource, AlterPartitionReassignmentsRequest, AlterableConfig, BrokerId,
    CreatePartitionsRequest, CreatePartitionsTopic, ElectLeadersRequest, ElectableTopic,
    IncrementalAlterConfigsRequest, ReassignablePartition, ReassignableTopic, StrBytes, TopicName,
    UnregisterBrokerRequest,
};
use harrow_broker_model::topic_settings::{FOLLOWER_THROTTLED_REPLICAS, LEADER_THROTTLED_REPLICAS};
use harrow_broker_model::types::NodeId;

use super::{Director, MS};
use crate::plan::{Action, AlterableSetting, Step, Target, TopicPlan};
use crate::world::cuts::list;
use crate::world::draw::Purpose;
use crate::world::engine::{Boot, DirectorTimer};

/// How often a broker is looked after that is to leave.
const LEAVE_MS: u64 = 250;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The node that a step is about, and what is asked in words; or why it is not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller passes these nine kinds alone")]
    pub(super) fn ask_administrator(
        &mut self,
        position: usize,
        step: &Step,
    ) -> Result<(NodeId, String), String> {
        match &step.action {
            Action::Reassign { target, replicas, throttled } => {
                self.reassign(step, target, (*replicas, *throttled))
            }
            Action::CancelReassignment { target } => self.cancel(step, target),
            Action::AddPartitions { target } => self.add_partitions(step, target),
            Action::AlterConfig { target, setting, value } => {
                self.alter_config(step, target, (*setting, *value))
            }
            Action::ElectPreferred { target } => self.elect_preferred(step, target),
            Action::DeleteTopic { target } => self.delete_topic(target),
            Action::CreateTopic { target } => self.create_topic_again(target),
            Action::JoinBroker { target } => self.join(step, target),
            Action::DecommissionBroker { target } => self.decommission(position, step, target),
            Action::AddVoter { target } => self.add_voter(step, target),
            Action::RemoveVoter { target } => self.remove_voter(step, target),
            other => unreachable!("{other:?} is nothing that an administrator does"),
        }
    }

    /// Asks the controller for something; what it answers shows in the metadata.
    pub(super) fn ask(&mut self, request: AdminRequest) -> Result<(), String> {
        let admin = self.place(self.plan.admin.node);
        if !self.engine.runs(admin) {
            return Err("the admin client does not run".to_owned());
        }
        let operation = self.recorder.unrecorded();
        if matches!(request, AdminRequest::DeleteTopics(_)) {
            self.deleting.push(operation);
        }
        let request = Operation::Administer(Box::new(request));
        self.engine.invoke(admin, operation, request, &mut self.host);
        Ok(())
    }

    fn reassign(
        &mut self,
        step: &Step,
        target: &Target,
        (replicas, throttled): (u32, bool),
    ) -> Result<(NodeId, String), String> {
        let (topic, index) = partition_of(target)?;
        let leader = self.resolve(step, target, 0)?;
        let registration = self.host.view().registration_of(topic, index);
        let registration = registration.ok_or("the partition is not there yet")?.clone();
        let by_key = |role: u64, node: &NodeId| {
            self.draws.word(Purpose::Target, u64::from(step.id), role, node.0 as u64)
        };
        let mut leave = staying(&registration);
        leave.sort_by_key(|node| by_key(1, node));
        leave.truncate(replicas as usize);
        let mut others = self.others(&registration);
        others.sort_by_key(|node| by_key(2, node));
        let moved = replace(&registration, &leave, &others);
        if moved == staying(&registration) {
            return Err("no other broker is there".to_owned());
        }
        if throttled {
            self.ask(throttle(topic, index, (&registration.replicas, &moved)))?;
        }
        self.ask(reassignment(topic, index, Some(&moved)))?;
        let how = if throttled { ", throttled" } else { "" };
        let summary = format!("replicas of {topic}-{index} are moved to {}{how}", list(&moved));
        Ok((leader, summary))
    }

    /// Brokers that could take a replica: registered, running, not about to leave, and without one.
    fn others(&self, registration: &PartitionRegistration) -> Vec<NodeId> {
        let registry = self.host.view().registry();
        let can = |node: &NodeId| {
            registry.broker(*node).is_some_and(|broker| !broker.fenced)
                && !registration.replicas.contains(node)
                && !self.leaving.contains(node)
                && !self.gone.contains(node)
        };
        self.plan.cluster.brokers.iter().copied().filter(can).collect()
    }

    fn cancel(&mut self, step: &Step, target: &Target) -> Result<(NodeId, String), String> {
        let (topic, index) = partition_of(target)?;
        let leader = self.resolve(step, target, 0)?;
        let registration = self.host.view().registration_of(topic, index);
        if !registration.is_some_and(|known| known.reassignment.is_under_way()) {
            return Err("nothing is being moved there".to_owned());
        }
        self.ask(reassignment(topic, index, None))?;
        Ok((leader, format!("the reassignment of {topic}-{index} is cancelled")))
    }

    fn add_partitions(&mut self, step: &Step, target: &Target) -> Result<(NodeId, String), String> {
        let (topic, _) = partition_of(target)?;
        let leader = self.resolve(step, target, 0)?;
        let plan = self.short_topics().find(|plan| plan.name == topic);
        let plan = plan.ok_or("the topic has all its partitions")?;
        let count = plan.partitions;
        self.ask(partitions(topic, count))?;
        Ok((leader, format!("topic {topic} is given {count} partitions")))
    }

    /// With another minimum nobody is eligible any more, and a partition that waits for who was would have no leader
    /// for good. Source: KIP-966.
    fn alter_config(
        &mut self,
        step: &Step,
        target: &Target,
        (setting, value): (AlterableSetting, u64),
    ) -> Result<(NodeId, String), String> {
        let (topic, _) = partition_of(target)?;
        let leader = self.resolve(step, target, 0)?;
        if setting == AlterableSetting::MinInsyncReplicas && !self.is_led(topic) {
            return Err("a partition has no leader and would lose who may become it".to_owned());
        }
        self.ask(reconfigured(topic, setting, value))?;
        Ok((leader, format!("topic {topic} is given {}={value}", setting.name())))
    }

    /// Whether each partition of a topic has a leader.
    fn is_led(&self, topic: &str) -> bool {
        let view = self.host.view();
        let id = view.registry().topic_id(topic);
        let mut partitions = view.partitions().filter(|it| Some(it.partition.topic) == id);
        partitions.all(|it| it.registration.as_ref().is_some_and(|known| known.leader.is_some()))
    }

    fn elect_preferred(
        &mut self,
        step: &Step,
        target: &Target,
    ) -> Result<(NodeId, String), String> {
        let (topic, index) = partition_of(target)?;
        let leader = self.resolve(step, target, 0)?;
        let registration = self.host.view().registration_of(topic, index);
        let preferred = registration.and_then(|known| known.replicas.first().copied());
        if preferred == Some(leader) {
            return Err("its first replica leads".to_owned());
        }
        let asked = ElectableTopic::default()
            .with_topic(TopicName(topic_name(topic)))
            .with_partitions(vec![index as i32]);
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![asked]));
        self.ask(AdminRequest::ElectLeaders(request))?;
        Ok((leader, format!("{topic}-{index} is given back to its first replica")))
    }

    /// Topics that have fewer partitions than they are to have.
    pub(super) fn short_topics(&self) -> impl Iterator<Item = &TopicPlan> + '_ {
        let created = self.plan.topics.iter().take(self.topics_created);
        created.filter(|topic| {
            let last = topic.partitions - 1;
            topic.initial_partitions.is_some()
                && self.host.view().registration_of(&topic.name, last).is_none()
        })
    }

    /// Topics whose replicas are throttled.
    pub(super) fn throttled_topics(&self) -> Vec<String> {
        let topics = self.host.view().registry().topics().values();
        let throttled = topics.filter(|topic| !topic.deleted && !topic.throttles.is_empty());
        throttled.map(|topic| topic.name.clone()).collect()
    }

    /// After the heal: topics get the partitions that no step has given them, and their throttles are lifted.
    pub(super) fn grow_topics(&mut self) {
        let short: Vec<(String, u32)> =
            self.short_topics().map(|topic| (topic.name.clone(), topic.partitions)).collect();
        for (topic, count) in short {
            // Whoever is not asked now is asked at the next look.
            let _ = self.ask(partitions(&topic, count));
        }
        for topic in self.throttled_topics() {
            let _ = self.ask(unthrottled(&topic));
        }
        self.create_missing();
    }

    /// Whether a step starts the node for the first time.
    pub(super) fn joins_later(&self, node: NodeId) -> bool {
        self.plan.steps.iter().any(|step| step.action.joins() == Some(node))
    }

    fn join(&mut self, step: &Step, target: &Target) -> Result<(NodeId, String), String> {
        let node = self.resolve(step, target, 0)?;
        let index = self.place(node);
        if self.engine.runs(index) || self.gone.contains(&node) {
            return Err(format!("node {node} is a member already, or has left"));
        }
        self.engine.start_at(index, self.engine.now());
        Ok((node, format!("broker {node} joins")))
    }

    fn decommission(
        &mut self,
        position: usize,
        step: &Step,
        target: &Target,
    ) -> Result<(NodeId, String), String> {
        let node = self.resolve(step, target, 0)?;
        if !self.plan.cluster.brokers.contains(&node) || self.leaving.contains(&node) {
            return Err(format!("node {node} is no broker that could leave"));
        }
        let registry = self.host.view().registry();
        let stay = |broker: &&NodeId| {
            **broker != node
                && registry.broker(**broker).is_some()
                && !self.leaving.contains(broker)
        };
        let rest = self.plan.cluster.brokers.iter().filter(stay).count();
        let needed = self.host.view().partitions().filter_map(|view| view.registration.as_ref());
        let needed = needed.map(|registration| staying(registration).len()).max().unwrap_or(0);
        if rest < needed {
            return Err(format!("{rest} brokers cannot hold {needed} replicas"));
        }
        self.leaving.push(node);
        self.engine.set_timer(self.engine.now(), DirectorTimer::Leave(position));
        Ok((node, format!("broker {node} leaves for good")))
    }

    /// The next thing is done for a broker that is to leave: its replicas move, it stops, it is unregistered. One that
    /// still has replicas at the heal stays.
    pub(super) fn leave(&mut self, position: usize) {
        let step = self.plan.steps[position].id;
        let fault = self.faults.iter().find(|fault| fault.step == step);
        let node = fault.and_then(|fault| fault.nodes.first()).copied();
        if node.is_some_and(|node| !self.leave_on(node)) {
            let at_ns = self.engine.now() + LEAVE_MS * MS;
            self.engine.set_timer(at_ns, DirectorTimer::Leave(position));
        }
    }

    /// Whether nothing is left to do.
    fn leave_on(&mut self, node: NodeId) -> bool {
        let index = self.place(node);
        if self.gone.contains(&node) {
            let is_known = self.host.view().registry().broker(node).is_some();
            if is_known && !self.engine.runs(index) {
                let id = BrokerId(node.0);
                let request = UnregisterBrokerRequest::default().with_broker_id(id);
                let _ = self.ask(AdminRequest::UnregisterBroker(request));
            }
            return !is_known;
        }
        if self.healed {
            self.leaving.retain(|other| *other != node);
            return true;
        }
        if self.drain_replicas(node) && self.engine.runs(index) {
            self.gone.push(node);
            self.outside.push(node);
            self.engine.stop(index, &mut self.host);
        }
        false
    }

    /// Has the replicas of a broker moved; whether it has none any more.
    fn drain_replicas(&mut self, node: NodeId) -> bool {
        let view = self.host.view();
        let mut empty = true;
        let mut requests = Vec::new();
        for partition in view.partitions() {
            let Some(registration) = &partition.registration else { continue };
            if !registration.replicas.contains(&node) {
                continue;
            }
            empty = false;
            let moves = staying(registration).contains(&node);
            let topic = view.registry().topic(partition.partition.topic);
            if let Some(topic) = topic.filter(|_| moves) {
                let moved = replace(registration, &[node], &self.others(registration));
                if !moved.contains(&node) {
                    let index = partition.partition.partition as u32;
                    requests.push(reassignment(&topic.name, index, Some(&moved)));
                }
            }
        }
        for request in requests {
            let _ = self.ask(request);
        }
        empty
    }

    /// A process that ended starts again, unless its broker has left.
    pub(super) fn start_again(&mut self, index: usize, at_ns: u64) {
        if !self.gone.contains(&self.engine.ids()[index]) {
            self.engine.start_at(index, at_ns);
        }
    }
}

pub(super) fn partition_of(target: &Target) -> Result<(&str, u32), String> {
    if let Target::LeaderOf(topic, index) = target {
        return Ok((topic, *index));
    }
    Err(format!("{target} names no partition"))
}

/// The replicas that a partition has once what moves has moved.
fn staying(registration: &PartitionRegistration) -> Vec<NodeId> {
    let removing = &registration.reassignment.removing;
    registration.replicas.iter().filter(|node| !removing.contains(node)).copied().collect()
}

/// The replicas with some of them replaced, as far as there are others.
fn replace(
    registration: &PartitionRegistration,
    leave: &[NodeId],
    others: &[NodeId],
) -> Vec<NodeId> {
    let mut others = others.iter().copied();
    let mut swap = |node: NodeId| {
        if leave.contains(&node) { others.next().unwrap_or(node) } else { node }
    };
    staying(registration).into_iter().map(&mut swap).collect()
}

fn reassignment(topic: &str, index: u32, replicas: Option<&[NodeId]>) -> AdminRequest {
    let replicas = replicas.map(|nodes| nodes.iter().map(|node| BrokerId(node.0)).collect());
    let partition =
        ReassignablePartition::default().with_partition_index(index as i32).with_replicas(replicas);
    let topic = ReassignableTopic::default()
        .with_name(TopicName(topic_name(topic)))
        .with_partitions(vec![partition]);
    let request = AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
    AdminRequest::AlterPartitionReassignments(request)
}

fn partitions(topic: &str, count: u32) -> AdminRequest {
    let topic = CreatePartitionsTopic::default()
        .with_name(TopicName(topic_name(topic)))
        .with_count(count as i32)
        .with_assignments(None);
    AdminRequest::CreatePartitions(CreatePartitionsRequest::default().with_topics(vec![topic]))
}

fn reconfigured(topic: &str, setting: AlterableSetting, value: u64) -> AdminRequest {
    alteration(topic, SET, [(setting.name(), Some(value.to_string()))])
}

/// Those that have the partition send no more, and those that get it take no more, than their brokers may. Source:
/// `ReassignPartitionsCommand.calculateLeaderThrottles`, `calculateFollowerThrottles`.
fn throttle(topic: &str, index: u32, (before, after): (&[NodeId], &[NodeId])) -> AdminRequest {
    let named = |nodes: &mut dyn Iterator<Item = &NodeId>| {
        Some(nodes.map(|node| format!("{index}:{node}")).collect::<Vec<_>>().join(","))
    };
    let leaders = named(&mut before.iter());
    let followers = named(&mut after.iter().filter(|node| !before.contains(node)));
    let settings = [(LEADER_THROTTLED_REPLICAS, leaders), (FOLLOWER_THROTTLED_REPLICAS, followers)];
    alteration(topic, APPEND, settings)
}

fn unthrottled(topic: &str) -> AdminRequest {
    let settings = [LEADER_THROTTLED_REPLICAS, FOLLOWER_THROTTLED_REPLICAS];
    alteration(topic, DELETE, settings.map(|name| (name, None)))
}

fn alteration<const N: usize>(
    topic: &str,
    operation: i8,
    settings: [(&'static str, Option<String>); N],
) -> AdminRequest {
    let configs = settings.map(|(name, value)| {
        AlterableConfig::default()
            .with_name(StrBytes::from_static_str(name))
            .with_config_operation(operation)
            .with_value(value.map(StrBytes::from_string))
    });
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(StrBytes::from_string(topic.to_owned()))
        .with_configs(configs.into());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    AdminRequest::IncrementalAlterConfigs(request)
}
