//! Whom a step of a plan is aimed at: a node by what it is when the step fires.

use harrow_broker_model::types::NodeId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A node named by what it is when the step fires. Written as text: see [`Target::parse`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `leader-of TOPIC-PARTITION`.
    LeaderOf(String, u32),
    /// `follower-of TOPIC-PARTITION`: a replica that does not lead, drawn by the step's key.
    FollowerOf(String, u32),
    /// `isr-follower-of TOPIC-PARTITION`: one of the in-sync ones.
    IsrFollowerOf(String, u32),
    /// `transaction-coordinator-of ID`: the broker that coordinates a transactional id.
    TransactionCoordinatorOf(String),
    /// `controller`: the active controller.
    ActiveController,
    /// `standby-controller`: a voter that does not lead, drawn by the step's key.
    StandbyController,
    /// `any-controller`, drawn by the step's key.
    AnyController,
    /// `any-broker`, drawn by the step's key.
    AnyBroker,
    /// `any-node`: a broker or controller, drawn by the step's key.
    AnyNode,
    /// `any-client`, drawn by the step's key.
    AnyClient,
    /// `coordinator-of GROUP`: the broker that leads the group's partition of `__consumer_offsets`.
    CoordinatorOf(String),
    /// `member-of GROUP`: a client that reads as a member of the group, drawn by the step's key.
    MemberOf(String),
    /// `node N`.
    Node(NodeId),
    /// `application NAME`: the process of an application that is part of the run.
    Application(String),
}

impl Target {
    /// Reads a target; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (head, rest) {
            ("leader-of", at) => {
                split_partition(at).map(|(topic, index)| Self::LeaderOf(topic, index))
            }
            ("follower-of", at) => {
                split_partition(at).map(|(topic, index)| Self::FollowerOf(topic, index))
            }
            ("isr-follower-of", at) => {
                split_partition(at).map(|(topic, index)| Self::IsrFollowerOf(topic, index))
            }
            ("transaction-coordinator-of", id) if !id.is_empty() => {
                Ok(Self::TransactionCoordinatorOf(id.to_owned()))
            }
            ("controller", "") => Ok(Self::ActiveController),
            ("standby-controller", "") => Ok(Self::StandbyController),
            ("any-controller", "") => Ok(Self::AnyController),
            ("any-broker", "") => Ok(Self::AnyBroker),
            ("any-node", "") => Ok(Self::AnyNode),
            ("any-client", "") => Ok(Self::AnyClient),
            ("coordinator-of", group) if !group.is_empty() => {
                Ok(Self::CoordinatorOf(group.to_owned()))
            }
            ("member-of", group) if !group.is_empty() => Ok(Self::MemberOf(group.to_owned())),
            ("application", name) if !name.is_empty() => Ok(Self::Application(name.to_owned())),
            ("node", id) => {
                id.parse().map(|id| Self::Node(NodeId(id))).map_err(|_| target_help(text))
            }
            _ => Err(target_help(text)),
        }
    }
}

fn split_partition(text: &str) -> Result<(String, u32), String> {
    let parsed = text
        .rsplit_once('-')
        .and_then(|(topic, index)| Some((topic.to_owned(), index.parse().ok()?)));
    parsed
        .filter(|(topic, _)| !topic.is_empty())
        .ok_or_else(|| format!("`{text}` is not a partition such as `orders-0`"))
}

fn target_help(text: &str) -> String {
    format!(
        "`{text}` is not a target; use one of: leader-of TOPIC-N, follower-of TOPIC-N, isr-follower-of TOPIC-N, \
         transaction-coordinator-of ID, controller, standby-controller, any-controller, any-broker, any-node, \
         any-client, coordinator-of GROUP, member-of GROUP, node N, application NAME"
    )
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeaderOf(topic, index) => write!(f, "leader-of {topic}-{index}"),
            Self::FollowerOf(topic, index) => write!(f, "follower-of {topic}-{index}"),
            Self::IsrFollowerOf(topic, index) => write!(f, "isr-follower-of {topic}-{index}"),
            Self::TransactionCoordinatorOf(id) => write!(f, "transaction-coordinator-of {id}"),
            Self::ActiveController => f.write_str("controller"),
            Self::StandbyController => f.write_str("standby-controller"),
            Self::AnyController => f.write_str("any-controller"),
            Self::AnyBroker => f.write_str("any-broker"),
            Self::AnyNode => f.write_str("any-node"),
            Self::AnyClient => f.write_str("any-client"),
            Self::CoordinatorOf(group) => write!(f, "coordinator-of {group}"),
            Self::MemberOf(group) => write!(f, "member-of {group}"),
            Self::Node(id) => write!(f, "node {id}"),
            Self::Application(name) => write!(f, "application {name}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
