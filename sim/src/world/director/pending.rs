//! What has not converged yet, by name, and why it may never.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::cuts::list;
use super::{Director, Phase};
use crate::view::PartitionView;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The first thing that has not converged; nothing if all has.
    pub(super) fn pending(&self) -> Option<String> {
        self.topic_pending()
            .or_else(|| self.process_pending())
            .or_else(|| self.each_partition(Self::membership_pending))
            .or_else(|| self.load_pending())
            .or_else(|| self.each_partition(Self::log_pending))
    }

    /// Which partition the final reader has not read to its end.
    pub(super) fn reading_pending(&self) -> Option<String> {
        if self.phase != Phase::Reading {
            return None;
        }
        for (position, (name, partition)) in self.partitions().enumerate() {
            let end = partition.map_or(0, |partition| self.cast.view().committed_end(partition).0);
            let read = self.read_to[position];
            if read < end {
                return Some(format!(
                    "final reader is at {read} of {name}, committed end is {end}"
                ));
            }
        }
        None
    }

    /// Why no rule can recover from this state, if so.
    pub(super) fn unrecoverable(&self) -> Option<String> {
        let view = self.cast.view();
        let stuck = view.partitions().find(|partition| {
            let leaderless = partition
                .registration
                .as_ref()
                .is_some_and(|registration| registration.leader.is_none());
            leaderless
                && partition.electable().next().is_none()
                && !partition.unclean_leader_election
        })?;
        let name = view.partition_name(stuck.partition);
        Some(format!("isr and elr of {name} are empty and its topic forbids unclean elections"))
    }

    fn topic_pending(&self) -> Option<String> {
        let topic = self.plan.topics.get(self.topics_created)?;
        Some(format!("topic {} is not created", topic.name))
    }

    fn process_pending(&self) -> Option<String> {
        let cluster = &self.plan.cluster;
        let servers = cluster.brokers.iter().chain(&cluster.controllers).copied();
        servers.chain(self.loads.iter().map(|load| load.node)).find_map(|node| {
            let index = self.place(node);
            let state = if !self.engine.runs(index) {
                "down"
            } else if self.engine.is_stopping(index) {
                "stopping"
            } else {
                return None;
            };
            Some(format!("node {node} is {state}"))
        })
    }

    fn membership_pending(name: &str, view: Option<&PartitionView>) -> Option<String> {
        let Some(registration) = view.and_then(|view| view.registration.as_ref()) else {
            return Some(format!("partition {name} is not registered"));
        };
        let Some(leader) = registration.leader else {
            return Some(format!("partition {name} has no leader"));
        };
        let mut isr = registration.isr.clone();
        isr.sort_unstable();
        let mut live: Vec<NodeId> = registration.replicas.clone();
        live.sort_unstable();
        if isr != live {
            return Some(format!(
                "isr of {name} is {}, live replicas are {}",
                list(&isr),
                list(&live)
            ));
        }
        let leads = view.and_then(|view| view.replica(leader)).is_some_and(|replica| {
            replica.role == crate::view::ReplicaRole::Leader
                && replica.leader_epoch == registration.leader_epoch
        });
        (!leads).then(|| {
            format!(
                "broker {leader} does not yet lead {name} in epoch {}",
                registration.leader_epoch
            )
        })
    }

    fn load_pending(&self) -> Option<String> {
        if let Some(load) = self.loads.iter().find(|load| !load.is_done()) {
            let (issued, total) = load.progress();
            if issued < total {
                return Some(format!(
                    "client {} has begun {issued} of {total} operations",
                    load.node
                ));
            }
        }
        let (operation, process) = self.recorder.first_open()?;
        let client = self.loads.iter().find(|load| load.process == process)?.node;
        Some(format!("operation {operation} of client {client} is open"))
    }

    fn log_pending(name: &str, view: Option<&PartitionView>) -> Option<String> {
        let view = view?;
        let registration = view.registration.as_ref()?;
        let end = view.replica(registration.leader?)?.log.end();
        registration.replicas.iter().find_map(|node| {
            let replica = view.replica(*node)?;
            if replica.log.end() != end {
                return Some(format!("log end of {name} on broker {node} is {}, leader's is {end}", replica.log.end()));
            }
            let mark = replica.high_watermark;
            (mark != end)
                .then(|| format!("high watermark of {name} on broker {node} is {mark}, log end of leader is {end}"))
        })
    }

    fn each_partition(
        &self,
        ask: impl Fn(&str, Option<&PartitionView>) -> Option<String>,
    ) -> Option<String> {
        self.partitions().find_map(|(name, partition)| {
            let view = partition.and_then(|partition| self.cast.view().partition(partition));
            ask(&name, view)
        })
    }

    /// Names of the plan's partitions, in the history's order, with their ids once they are known.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (String, Option<TopicPartition>)> + '_ {
        self.plan.topics.iter().flat_map(move |topic| {
            let id = self.cast.view().topic_id(&topic.name);
            (0..topic.partitions).map(move |index| {
                let partition = id.map(|topic| TopicPartition { topic, partition: index as i32 });
                (format!("{}-{index}", topic.name), partition)
            })
        })
    }
}
