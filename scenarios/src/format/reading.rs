//! What is kept of the sections that were read: later ones are held against it.

use harrow_sim::plan::Target;

use super::problem::name_help;
use super::scenario::TargetPattern;
use super::together::Together;
use crate::planner::defaults;

/// So many transactional ids are told.
const IDS_TOLD: usize = 12;

/// What later sections must know of earlier ones.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) topics: Vec<(String, i64)>,
    pub(super) brokers_min: i64,
    pub(super) brokers_max: i64,
    pub(super) controllers_min: i64,
    pub(super) kraft_version_min: i64,
    pub(super) clients_min: i64,
    pub(super) clients_max: i64,
    /// Groups that loads name.
    pub(super) groups: Vec<String>,
    /// Transactional ids that clients of loads may have.
    pub(super) transactional_ids: Vec<String>,
    pub(super) faults: Vec<Earlier>,
    pub(super) heal_at_ms_min: i64,
    pub(super) converge_ms_min: i64,
    pub(super) partitions_max: i64,
    pub(super) replicas_max: i64,
    pub(super) batch_bytes_max: i64,
    pub(super) sent_bytes_max: i64,
    pub(super) request_ms_min: Option<i64>,
    pub(super) together: Together,
}

/// A table that was read before: others may follow it.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) name: Option<String>,
    /// When its last step may begin.
    pub(super) latest_ms: i64,
}

impl Reading {
    /// Whether a target can be anyone; the error is what is wrong and what would be right.
    pub(super) fn check_target(
        &self,
        pattern: TargetPattern,
    ) -> Result<TargetPattern, (String, String)> {
        match &pattern {
            TargetPattern::Plain(
                Target::LeaderOf(topic, index)
                | Target::FollowerOf(topic, index)
                | Target::IsrFollowerOf(topic, index),
            ) => self.check_partition(topic, *index)?,
            TargetPattern::Plain(Target::Node(id)) => self.check_node(i64::from(id.0))?,
            TargetPattern::Replica { topic: Some(topic), .. } => {
                self.check_topic(topic).map(|_| ())?;
            }
            TargetPattern::Replica { topic: None, .. } if self.topics.is_empty() => {
                return Err(("there is no topic".to_owned(), "write a [[topic]]".to_owned()));
            }
            TargetPattern::Plain(Target::CoordinatorOf(group) | Target::MemberOf(group)) => {
                self.check_group(group)?;
            }
            TargetPattern::Plain(Target::TransactionCoordinatorOf(id)) => self.check_id(id)?,
            TargetPattern::Replica { topic: None, .. }
            | TargetPattern::Plain(
                Target::ActiveController
                | Target::StandbyController
                | Target::AnyController
                | Target::AnyBroker
                | Target::AnyNode
                | Target::AnyClient
                | Target::Application(_),
            ) => {}
        }
        Ok(pattern)
    }

    pub(super) fn check_topic(&self, topic: &str) -> Result<i64, (String, String)> {
        let found =
            self.topics.iter().find(|(name, _)| name == topic).map(|(_, partitions)| *partitions);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.topics.iter().map(|(name, _)| name.as_str()).collect();
            (format!("there is no topic `{topic}`"), name_help(topic, &names))
        })
    }

    pub(super) fn check_partition(&self, topic: &str, index: u32) -> Result<(), (String, String)> {
        let partitions = self.check_topic(topic)?;
        if i64::from(index) < partitions {
            return Ok(());
        }
        let help = format!(
            "the partitions that every seed has are 0 to {}; or write `{topic}-*`",
            partitions - 1
        );
        Err((format!("topic `{topic}` may have no partition {index}"), help))
    }

    fn check_group(&self, group: &str) -> Result<(), (String, String)> {
        if self.groups.iter().any(|known| known == group) {
            return Ok(());
        }
        let names: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let help = if names.is_empty() {
            "give a [[load]] of consumers a `group.id`".to_owned()
        } else {
            name_help(group, &names)
        };
        Err((format!("there is no group `{group}`"), help))
    }

    fn check_id(&self, id: &str) -> Result<(), (String, String)> {
        if self.transactional_ids.iter().any(|known| known == id) {
            return Ok(());
        }
        let names = self.transactional_ids.iter().map(String::as_str);
        let names: Vec<&str> = names.take(IDS_TOLD).collect();
        let help = if names.is_empty() {
            "write a [[load]] of `kind = \"transaction\"`, or one of consumers with `outputs`"
                .to_owned()
        } else {
            name_help(id, &names)
        };
        Err((format!("no client can have the transactional id `{id}`"), help))
    }

    fn check_node(&self, id: i64) -> Result<(), (String, String)> {
        let groups = [
            (defaults::BROKERS_FROM, self.brokers_min),
            (defaults::CONTROLLERS_FROM, self.controllers_min),
            (defaults::CLIENTS_FROM, self.clients_min),
        ];
        let ranges = groups.map(|(from, count)| (i64::from(from), i64::from(from) + count - 1));
        if ranges.iter().any(|(first, last)| (*first..=*last).contains(&id)) {
            return Ok(());
        }
        let [brokers, controllers, clients] =
            ranges.map(|(first, last)| format!("{first} to {last}"));
        let help = format!("brokers are {brokers}, controllers {controllers}, clients {clients}");
        Err((format!("there may be no node {id}"), help))
    }
}
