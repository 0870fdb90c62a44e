//! The true state over time, as columns.

use std::collections::BTreeMap;

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{NodeId, TopicPartition};
use harrow_sim::biography::METADATA_NAME;
use harrow_sim::run::Run;
use harrow_sim::timeline::{ProcessState, Timeline};
use harrow_sim::view::ReplicaRole;
use serde::Serialize;

use super::columns::Deltas;
use super::nodes::Nodes;

/// All of it. Words such as `3, 1, 2` are positions in `words`.
#[derive(Debug, Default, Serialize)]
pub(super) struct States {
    words: Vec<String>,
    partitions: Vec<Partition>,
    replicas: Vec<Replica>,
    voters: Vec<Voter>,
    processes: Vec<Process>,
}

/// A partition as it is registered, and what is committed of it.
#[derive(Debug, Default, Serialize)]
struct Partition {
    name: String,
    t: Deltas,
    leader: Vec<i32>,
    epoch: Vec<i32>,
    isr: Vec<usize>,
    elr: Vec<usize>,
    committed: Committed,
}

#[derive(Debug, Default, Serialize)]
struct Committed {
    t: Deltas,
    end: Deltas,
}

/// A replica: `role` is 0 idle, 1 leader, 2 follower.
#[derive(Debug, Default, Serialize)]
struct Replica {
    node: u32,
    partition: usize,
    t: Deltas,
    end: Deltas,
    high: Deltas,
    epoch: Deltas,
    role: Vec<u8>,
    isr: Vec<usize>,
}

/// A voter of the quorum.
#[derive(Debug, Default, Serialize)]
struct Voter {
    node: u32,
    t: Deltas,
    epoch: Deltas,
    role: Vec<usize>,
    leader: Vec<i32>,
    active: Vec<u8>,
}

/// A process: `state` is 0 down, 1 up, 2 down and what was not synced is lost.
#[derive(Debug, Default, Serialize)]
struct Process {
    node: u32,
    t: Deltas,
    state: Vec<u8>,
}

impl States {
    pub(super) fn of(run: &Run, nodes: &Nodes) -> Self {
        let Some(timeline) = &run.timeline else { return Self::default() };
        let mut states = Self::default();
        let places = states.name_partitions(run, timeline);
        states.fill_partitions(timeline, &places);
        states.fill_replicas(timeline, nodes, &places);
        states.fill_voters(timeline, nodes);
        states.fill_processes(timeline, nodes);
        states
    }

    fn name_partitions(
        &mut self,
        run: &Run,
        timeline: &Timeline,
    ) -> BTreeMap<TopicPartition, usize> {
        let registered = timeline.registrations.iter().map(|change| change.of);
        let held = timeline.replicas.iter().map(|change| change.of.1);
        let mut all: Vec<TopicPartition> = registered.chain(held).collect();
        let name = |of: &TopicPartition| match run.topics.get(&of.topic) {
            Some(topic) => format!("{topic}-{}", of.partition),
            None if *of == TopicPartition::METADATA => METADATA_NAME.to_owned(),
            None => of.to_string(),
        };
        // The cluster's own log comes last: people look for theirs.
        all.sort_by_key(|of| (*of == TopicPartition::METADATA, name(of).starts_with("__"), *of));
        all.dedup();
        let named = |of: &TopicPartition| Partition { name: name(of), ..Partition::default() };
        self.partitions = all.iter().map(named).collect();
        all.into_iter().zip(0..).collect()
    }

    fn fill_partitions(&mut self, timeline: &Timeline, places: &BTreeMap<TopicPartition, usize>) {
        for change in &timeline.registrations {
            let now = &change.state;
            let (isr, elr) = (self.word(&listed(&now.isr)), self.word(&listed(&now.elr)));
            let partition = &mut self.partitions[places[&change.of]];
            partition.t.push_time(change.at_ns);
            partition.leader.push(now.leader.map_or(-1, |leader| leader.0));
            partition.epoch.push(now.leader_epoch.0);
            partition.isr.push(isr);
            partition.elr.push(elr);
        }
        for change in &timeline.committed {
            let Some(place) = places.get(&change.of) else { continue };
            let committed = &mut self.partitions[*place].committed;
            committed.t.push_time(change.at_ns);
            committed.end.push(change.state);
        }
    }

    fn fill_replicas(
        &mut self,
        timeline: &Timeline,
        nodes: &Nodes,
        places: &BTreeMap<TopicPartition, usize>,
    ) {
        let mut all: BTreeMap<(usize, u32), Replica> = BTreeMap::new();
        for change in &timeline.replicas {
            let (node, partition) = change.of;
            let (Some(node), partition) = (nodes.position(node), places[&partition]) else {
                continue;
            };
            let isr = self.word(&listed(&change.state.isr));
            let fresh = || Replica { node, partition, ..Replica::default() };
            let replica = all.entry((partition, node)).or_insert_with(fresh);
            replica.t.push_time(change.at_ns);
            replica.end.push(change.state.log_end_offset);
            replica.high.push(change.state.high_watermark);
            replica.epoch.push(i64::from(change.state.leader_epoch.0));
            replica.role.push(role(change.state.role));
            replica.isr.push(isr);
        }
        self.replicas = all.into_values().collect();
    }

    fn fill_voters(&mut self, timeline: &Timeline, nodes: &Nodes) {
        let mut all: BTreeMap<u32, Voter> = BTreeMap::new();
        for change in &timeline.voters {
            let Some(node) = nodes.position(change.of) else { continue };
            let role = self.word(quorum_role(change.state.role));
            let voter = all.entry(node).or_insert_with(|| Voter { node, ..Voter::default() });
            voter.t.push_time(change.at_ns);
            voter.epoch.push(i64::from(change.state.epoch.0));
            voter.role.push(role);
            voter.leader.push(change.state.leader.map_or(-1, |leader| leader.0));
            voter.active.push(u8::from(change.state.active));
        }
        self.voters = all.into_values().collect();
    }

    fn fill_processes(&mut self, timeline: &Timeline, nodes: &Nodes) {
        let mut all: BTreeMap<u32, Process> = BTreeMap::new();
        for change in &timeline.processes {
            let Some(node) = nodes.position(change.of) else { continue };
            let process = all.entry(node).or_insert_with(|| Process { node, ..Process::default() });
            process.t.push_time(change.at_ns);
            process.state.push(match change.state {
                ProcessState::Down => 0,
                ProcessState::Up => 1,
                ProcessState::DownLossy => 2,
            });
        }
        self.processes = all.into_values().collect();
    }

    /// Position of a word.
    fn word(&mut self, word: &str) -> usize {
        let known = self.words.iter().position(|known| known == word);
        known.unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        })
    }
}

fn listed(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ")
}

fn role(role: ReplicaRole) -> u8 {
    match role {
        ReplicaRole::Idle => 0,
        ReplicaRole::Leader => 1,
        ReplicaRole::Follower => 2,
    }
}

fn quorum_role(role: QuorumRole) -> &'static str {
    match role {
        QuorumRole::Unattached => "unattached",
        QuorumRole::Follower => "follower",
        QuorumRole::Prospective => "prospective",
        QuorumRole::Candidate => "candidate",
        QuorumRole::Leader => "leader",
        QuorumRole::Resigned => "resigned",
    }
}
