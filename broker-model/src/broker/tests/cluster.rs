//! A whole small cluster on one clock: controllers and brokers as they are, a network and disks that never fail.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::Broker;
use crate::broker::tests::bench::{ORDERS, batch, config};
use crate::broker::tests::serving::produce;
use crate::config::{ms, topic_name};
use crate::controller::Controller;
use crate::disk_image::DiskImage;
use crate::message::{
    ClientRequest, ClientResponse, Message, Request, RequestBody, Response, ResponseBody,
};
use crate::node::{Channel, Effect, Effects, Event, Node};
use crate::process::Process;
use crate::proto::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, TopicName};
use crate::types::{ConnectionId, CorrelationId, NodeId, Now, Offset, Time, WallTime};

/// The client that sends requests.
const CLIENT: NodeId = NodeId(1001);

/// Who opened a connection, to whom, and for what.
type Link = (NodeId, NodeId, Channel);

/// Nodes, their disks, and events on their way. Everything takes a millisecond.
struct Cluster {
    nodes: BTreeMap<NodeId, Process>,
    disks: BTreeMap<NodeId, DiskImage>,
    links: Vec<Link>,
    /// By time and order of sending.
    events: BTreeMap<(Time, u64), (NodeId, Event)>,
    sequence: u64,
    now: Now,
    answers: Vec<ResponseBody>,
    uptimes: u64,
    halted: BTreeSet<NodeId>,
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self {
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            links: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            now: Now { time: Time(0), wall: WallTime(0) },
            answers: Vec::new(),
            uptimes: 0,
            halted: BTreeSet::new(),
        };
        for node in config().controllers.into_iter().chain(config().brokers) {
            cluster.boot(node);
        }
        cluster
    }

    fn boot(&mut self, node: NodeId) {
        self.uptimes += 1;
        let disk = self.disks.entry(node).or_default();
        let process = if config().brokers.contains(&node) {
            Process::Broker(Box::new(Broker::recover(node, config(), disk, self.uptimes, self.now)))
        } else {
            Process::Controller(Box::new(Controller::recover(
                node,
                config(),
                disk,
                self.uptimes,
                self.now,
            )))
        };
        self.nodes.insert(node, process);
        self.halted.remove(&node);
        self.handle(node, Event::Booted);
    }

    /// The process is gone; its disk keeps all that was written. Who talked to it sees the connections lost.
    fn crash(&mut self, node: NodeId) {
        self.nodes.remove(&node);
        self.events.retain(|_, (to, _)| *to != node);
        let gone: Vec<Link> = self.links.iter().copied().filter(|link| link.1 == node).collect();
        for (from, to, channel) in gone {
            self.after_ms(1, from, Event::ConnectionLost { to, channel });
        }
        let opened = |(_, link): &(usize, &Link)| link.0 == node;
        let accepted: Vec<(usize, NodeId)> =
            self.links.iter().enumerate().filter(opened).map(|(at, link)| (at, link.1)).collect();
        for (at, to) in accepted {
            let connection = ConnectionId(at as u64);
            self.after_ms(1, to, Event::ConnectionClosed { connection });
        }
        for link in self.links.iter_mut().filter(|link| link.0 == node || link.1 == node) {
            // Never matched again: the next request opens a new connection.
            *link = (NodeId(-1), NodeId(-1), link.2);
        }
    }

    fn after_ms(&mut self, milliseconds: u64, to: NodeId, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now.time + ms(milliseconds), self.sequence), (to, event));
    }

    fn handle(&mut self, node: NodeId, event: Event) {
        let Some(process) = self.nodes.get_mut(&node) else { return };
        let mut effects = Effects::new();
        process.handle(self.now, event, &mut effects);
        for effect in effects.drain() {
            self.perform(node, effect);
        }
    }

    fn perform(&mut self, node: NodeId, effect: Effect) {
        match effect {
            Effect::Request { to, channel, message } => self.request(node, to, channel, message),
            Effect::Reply { connection, message } => self.reply(node, connection, message),
            Effect::Disconnect { .. }
            | Effect::Close { .. }
            | Effect::Sync { .. }
            | Effect::CreateLogDirectory { .. }
            | Effect::Note(_) => {}
            Effect::Rename { from, to } => {
                let files = &mut self.disks.get_mut(&node).expect("booted").files;
                let content = files.remove(&from).expect("what is renamed is there");
                files.insert(to, content);
            }
            Effect::Discard { partition } => {
                let disk = self.disks.get_mut(&node).expect("booted");
                disk.files.retain(|file, _| file.partition() != Some(partition));
            }
            Effect::Append { file, bytes } => {
                let files = &mut self.disks.get_mut(&node).expect("booted").files;
                let old = files.remove(&file).unwrap_or_default();
                files.insert(file, [old, bytes].concat().into());
            }
            Effect::Truncate { file, length } => {
                let disk = self.disks.get_mut(&node).expect("booted");
                disk.files.get_mut(&file).expect("a file is cut").truncate(length as usize);
            }
            Effect::Write { file, bytes }
            | Effect::Replace { file, bytes }
            | Effect::ReplaceInBackground { file, bytes } => {
                self.disks.get_mut(&node).expect("booted").files.insert(file, bytes);
            }
            Effect::Delete { file } => {
                self.disks.get_mut(&node).expect("booted").files.remove(&file);
            }
            Effect::Flush { token, .. } => self.after_ms(1, node, Event::FlushCompleted { token }),
            Effect::Halt { .. } => {
                self.halted.insert(node);
            }
            Effect::Complete { .. } | Effect::Begin(_) => panic!("{node} is no client"),
        }
    }

    fn request(&mut self, from: NodeId, to: NodeId, channel: Channel, message: Request) {
        if to != CLIENT && !self.nodes.contains_key(&to) {
            self.after_ms(1, from, Event::ConnectionLost { to, channel });
            return;
        }
        let link = (from, to, channel);
        let at = self.links.iter().position(|other| *other == link).unwrap_or_else(|| {
            self.links.push(link);
            self.links.len() - 1
        });
        let connection = ConnectionId(at as u64);
        self.after_ms(1, to, Event::Request { connection, from, message });
    }

    fn reply(&mut self, node: NodeId, connection: ConnectionId, message: Response) {
        let (opener, acceptor, channel) = self.links[connection.0 as usize];
        if opener == CLIENT {
            self.answers.push(message.body);
        } else if acceptor == node {
            self.after_ms(1, opener, Event::Response { from: node, channel, message });
        }
    }

    /// Runs until `done`, at most so long.
    fn run_until(&mut self, milliseconds: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now.time + ms(milliseconds);
        while !done(self) {
            let halted = std::mem::take(&mut self.halted);
            for node in halted {
                self.crash(node);
            }
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let wake = |(node, process): (&NodeId, &Process)| {
                process.next_deadline().map(|deadline| (deadline.at, *node))
            };
            let wake = self.nodes.iter().filter_map(wake).min();
            let next = event.into_iter().chain(wake.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { return false };
            self.now.time = self.now.time.max(next);
            self.now.wall = WallTime((self.now.time.0 / 1_000_000) as i64);
            if event == Some(next) {
                let (_, (to, event)) = self.events.pop_first().expect("there is an event");
                self.handle(to, event);
            } else if let Some((_, node)) = wake {
                self.handle(node, Event::DeadlinePassed);
            }
        }
        true
    }

    fn broker(&self, node: i32) -> Option<&Broker> {
        let Some(Process::Broker(broker)) = self.nodes.get(&NodeId(node)) else { return None };
        Some(broker)
    }

    fn leader(&self) -> Option<NodeId> {
        let leads = |node: &NodeId| {
            let hosted = self.broker(node.0).and_then(|broker| broker.partition(ORDERS));
            hosted.is_some_and(crate::partition::Partition::is_leader)
        };
        config().brokers.into_iter().filter(leads).max_by_key(|node| self.epoch(*node))
    }

    /// Whether a leader knows an ISR that is large enough for acks=all.
    fn accepts_acks_all(&self) -> bool {
        let broker = self.leader().and_then(|leader| self.broker(leader.0));
        let registration = broker.and_then(|broker| broker.metadata().partitions.get(&ORDERS));
        registration.is_some_and(|registration| registration.isr.len() >= 2)
    }

    fn epoch(&self, node: NodeId) -> i32 {
        let hosted = self.broker(node.0).and_then(|broker| broker.partition(ORDERS));
        hosted.map_or(-1, |partition| partition.leader_epoch().0)
    }

    /// Whether all three know the same ISR of three and hold the same log, all committed.
    fn converged(&self, end: i64) -> bool {
        config().brokers.into_iter().all(|node| {
            self.broker(node.0).is_some_and(|broker| {
                let isr = broker.metadata().partitions.get(&ORDERS).map(|it| it.isr.len());
                let log = broker.partition(ORDERS).map(crate::partition::Partition::log);
                isr == Some(3)
                    && log.is_some_and(|log| {
                        log.log_end_offset() == Offset(end) && log.high_watermark() == Offset(end)
                    })
            })
        })
    }

    /// Sends a client's request to a broker and runs until it is answered.
    fn ask(&mut self, broker: NodeId, body: RequestBody) -> ResponseBody {
        self.answers.clear();
        self.sequence += 1;
        let message = Message { correlation_id: CorrelationId(self.sequence as i32), body };
        self.request(CLIENT, broker, Channel::Client, message);
        assert!(self.run_until(10_000, |cluster| !cluster.answers.is_empty()), "no answer");
        self.answers.remove(0)
    }

    fn produce(&mut self, value: u64) {
        assert!(self.run_until(60_000, Self::accepts_acks_all), "no leader with enough replicas");
        let leader = self.leader().expect("there is one");
        let body = self.ask(leader, produce(&[batch(value)], -1, 5_000));
        let ResponseBody::Client(ClientResponse::Produce(response)) = body else {
            panic!("{body:?}")
        };
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, 0, "{answer:?}");
    }
}

fn with_orders() -> Cluster {
    let mut cluster = Cluster::new();
    let all_active = |cluster: &Cluster| {
        let broker = cluster.broker(1).expect("broker 1 runs");
        config().brokers.into_iter().all(|node| broker.metadata().is_active(node))
    };
    assert!(cluster.run_until(20_000, all_active), "the brokers do not come up");
    let minimum = CreatableTopicConfig::default()
        .with_name(topic_name("min.insync.replicas"))
        .with_value(Some(topic_name("2")));
    let topic = CreatableTopic::default()
        .with_name(TopicName(topic_name("orders")))
        .with_num_partitions(1)
        .with_replication_factor(3)
        .with_configs(vec![minimum]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000);
    let body =
        cluster.ask(NodeId(2), RequestBody::Client(ClientRequest::CreateTopics(Box::new(request))));
    let ResponseBody::Client(ClientResponse::CreateTopics(response)) = body else {
        panic!("{body:?}")
    };
    assert_eq!(response.topics[0].error_code, 0);
    cluster
}

#[test]
fn a_cluster_boots_creates_a_topic_and_replicates() {
    let mut cluster = with_orders();
    for value in 0..5 {
        cluster.produce(value);
    }
    assert!(cluster.run_until(5_000, |cluster| cluster.converged(5)));
}

#[test]
fn a_crashed_leader_is_replaced_and_comes_back_as_follower() {
    let mut cluster = with_orders();
    cluster.produce(0);
    let first = cluster.leader().expect("a leader answered");
    cluster.crash(first);
    assert!(cluster.run_until(30_000, |cluster| cluster.leader().is_some_and(|it| it != first)));
    cluster.produce(1);
    cluster.boot(first);
    assert!(cluster.run_until(60_000, |cluster| cluster.converged(2)), "does not converge");
}

#[test]
fn a_bounced_leader_rejoins() {
    let mut cluster = with_orders();
    cluster.produce(0);
    let first = cluster.leader().expect("a leader answered");
    cluster.crash(first);
    cluster.boot(first);
    cluster.produce(1);
    assert!(cluster.run_until(60_000, |cluster| cluster.converged(2)), "does not converge");
}

#[test]
fn a_stopped_leader_hands_over_and_its_clean_stop_is_recognised() {
    let mut cluster = with_orders();
    cluster.produce(0);
    let first = cluster.leader().expect("a leader answered");
    cluster.handle(first, Event::StopRequested);
    let stopped = |cluster: &Cluster| !cluster.nodes.contains_key(&first);
    assert!(cluster.run_until(4_500, stopped), "it stops before its patience ends");
    cluster.produce(1);
    cluster.boot(first);
    assert!(cluster.run_until(60_000, |cluster| cluster.converged(2)), "does not converge");
}

#[test]
fn the_controllers_move_and_brokers_find_the_new_one() {
    let mut cluster = with_orders();
    let active = |cluster: &Cluster| {
        let is_active = |(node, process): (&NodeId, &Process)| match process {
            Process::Controller(controller) if controller.is_active() => Some(*node),
            Process::Controller(_)
            | Process::Broker(_)
            | Process::Producer(_)
            | Process::Consumer(_)
            | Process::Pipeline(_)
            | Process::Worker(_)
            | Process::Admin(_) => None,
        };
        cluster.nodes.iter().find_map(is_active)
    };
    let old = active(&cluster).expect("one is active");
    cluster.crash(old);
    assert!(cluster.run_until(20_000, |cluster| active(cluster).is_some()), "nobody takes over");
    let leader = cluster.leader().expect("brokers go on");
    cluster.crash(leader);
    assert!(cluster.run_until(30_000, |cluster| cluster.leader().is_some_and(|it| it != leader)));
    cluster.produce(0);
    cluster.boot(leader);
    assert!(cluster.run_until(60_000, |cluster| cluster.converged(1)), "does not converge");
}

#[test]
fn the_whole_cluster_comes_back() {
    let mut cluster = with_orders();
    cluster.produce(0);
    let nodes: Vec<NodeId> = cluster.nodes.keys().copied().collect();
    for node in &nodes {
        cluster.crash(*node);
    }
    for node in &nodes {
        cluster.boot(*node);
    }
    cluster.produce(1);
    assert!(cluster.run_until(60_000, |cluster| cluster.converged(2)), "does not converge");
}
