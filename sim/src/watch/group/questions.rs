//! What coordinators of groups are asked and have not answered: a fact is judged by what was asked and what came of it.

use std::collections::BTreeMap;

use harrow_broker_model::consumer_protocol::Subscription;
use harrow_broker_model::group_admin_message::GroupAdminRequest;
use harrow_broker_model::message::{ClientRequest, RequestBody};
use harrow_broker_model::proto::{
    JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest, TxnOffsetCommitRequest,
};
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId};

use crate::watch::finding::Context;

/// A partition as clients name it.
pub(super) type Place = (String, i32);

/// Of which request: by whom it is handled, on which connection it came, and which it is there.
pub(super) type Key = (NodeId, ConnectionId, CorrelationId);

/// What is asked of a coordinator of groups.
#[derive(Debug)]
pub(super) enum Question {
    /// Somebody wants to be a member, or comes again.
    Join(Join),
    /// A member is alive, by either protocol.
    Alive { group: String, member: String },
    /// Offsets are to be committed.
    Commit(Commit),
    /// Offsets are to be told.
    Offsets { stable: bool },
    /// Members leave, each by its id or by its instance id.
    Leave { group: String, members: Vec<(String, Option<String>)> },
    /// Groups are to be deleted.
    Delete { groups: Vec<String> },
}

/// A `JoinGroup`.
#[derive(Debug, Clone)]
pub(super) struct Join {
    pub(super) group: String,
    /// Nothing if it has no id yet.
    pub(super) member: String,
    pub(super) instance: Option<String>,
    pub(super) session_ms: u64,
    pub(super) rebalance_ms: u64,
    /// Names of the assignors that it knows, best first.
    pub(super) protocols: Vec<String>,
    /// What it subscribes to, in order.
    pub(super) topics: Vec<String>,
    /// Whether it has partitions that it keeps while it joins.
    pub(super) keeps: bool,
}

/// A commit of offsets, outside of transactions or in one.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) group: String,
    /// Generation or epoch; -1 if none.
    pub(super) generation: i32,
    pub(super) is_transactional: bool,
    pub(super) places: Vec<Place>,
}

/// A question, and when it came.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) at_ns: u64,
    /// In which event.
    pub(super) event: u64,
    /// Which it is, counted from the first.
    pub(super) number: u64,
    pub(super) question: Question,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: BTreeMap<Key, Asked>,
    last: u64,
}

impl Questions {
    /// A process starts: nothing waits with it.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.open.retain(|(known, ..), _| *known != node);
    }

    /// A connection is gone, and nobody is answered there.
    pub(super) fn closed(&mut self, node: NodeId, connection: ConnectionId) {
        if !self.open.is_empty() {
            self.open.retain(|(at, on, _), _| (*at, *on) != (node, connection));
        }
    }

    /// A node is asked something.
    pub(super) fn asked(&mut self, context: &Context<'_>, key: Key, question: Question) {
        self.last += 1;
        let (at_ns, event, number) = (context.at_ns, context.event, self.last);
        self.open.insert(key, Asked { at_ns, event, number, question });
    }

    /// It is answered.
    pub(super) fn answered(&mut self, key: Key) -> Option<Asked> {
        self.open.remove(&key)
    }

    /// The number of the last question so far.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether somebody waits with a node to join a group.
    pub(super) fn has_joins(&self, node: NodeId, group: &str) -> bool {
        self.open.iter().any(|((at, ..), asked)| {
            let joins = matches!(&asked.question, Question::Join(join) if join.group == group);
            *at == node && joins
        })
    }

    /// Where commits of a group that are not answered are to commit.
    pub(super) fn committing<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Place> {
        let commits = self.open.values().filter_map(|asked| match &asked.question {
            Question::Commit(commit) => Some(commit),
            Question::Join(_)
            | Question::Alive { .. }
            | Question::Offsets { .. }
            | Question::Leave { .. }
            | Question::Delete { .. } => None,
        });
        commits.filter(move |commit| commit.group == group).flat_map(|commit| &commit.places)
    }
}

/// What a request asks of a coordinator of groups, if it asks anything of one.
#[inline]
pub(super) fn question_of(body: &RequestBody) -> Option<Question> {
    let RequestBody::Client(request) = body else { return None };
    let alive = |group: &str, member: &str| {
        let (group, member) = (group.to_owned(), member.to_owned());
        Some(Question::Alive { group, member })
    };
    if let ClientRequest::JoinGroup(request) = request {
        Some(Question::Join(join_of(request)))
    } else if let ClientRequest::Heartbeat(request) = request {
        alive(&request.group_id, &request.member_id)
    } else if let ClientRequest::ConsumerGroupHeartbeat(request) = request {
        // Who leaves is not alive.
        if request.member_epoch < 0 {
            return None;
        }
        alive(&request.group_id, &request.member_id)
    } else if let ClientRequest::OffsetCommit(request) = request {
        Some(Question::Commit(commit_of(request)))
    } else if let ClientRequest::TxnOffsetCommit(request) = request {
        Some(Question::Commit(transactional_commit_of(request)))
    } else if let ClientRequest::OffsetFetch(request) = request {
        Some(Question::Offsets { stable: request.require_stable })
    } else if let ClientRequest::LeaveGroup(request) = request {
        Some(leave_of(request))
    } else if let ClientRequest::GroupAdmin(request) = request
        && let GroupAdminRequest::DeleteGroups(request) = &**request
    {
        let groups = request.groups_names.iter().map(|name| name.0.to_string()).collect();
        Some(Question::Delete { groups })
    } else {
        None
    }
}

fn join_of(request: &JoinGroupRequest) -> Join {
    let subscription = request.protocols.first().and_then(|it| Subscription::decode(&it.metadata));
    let subscription = subscription.unwrap_or_default();
    let mut topics: Vec<String> = subscription.topics.iter().map(ToString::to_string).collect();
    topics.sort_unstable();
    let is_cooperative = request.protocols.iter().any(|it| &*it.name == "cooperative-sticky");
    Join {
        group: request.group_id.0.to_string(),
        member: request.member_id.to_string(),
        instance: request.group_instance_id.as_ref().map(ToString::to_string),
        session_ms: u64::try_from(request.session_timeout_ms).unwrap_or(0),
        rebalance_ms: u64::try_from(request.rebalance_timeout_ms).unwrap_or(0),
        protocols: request.protocols.iter().map(|it| it.name.to_string()).collect(),
        topics,
        keeps: is_cooperative && !subscription.owned.is_empty(),
    }
}

fn commit_of(request: &OffsetCommitRequest) -> Commit {
    let places = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|asked| (topic.name.0.to_string(), asked.partition_index))
    });
    Commit {
        group: request.group_id.0.to_string(),
        generation: request.generation_id_or_member_epoch,
        is_transactional: false,
        places: places.collect(),
    }
}

fn transactional_commit_of(request: &TxnOffsetCommitRequest) -> Commit {
    let places = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|asked| (topic.name.0.to_string(), asked.partition_index))
    });
    Commit {
        group: request.group_id.0.to_string(),
        generation: request.generation_id,
        is_transactional: true,
        places: places.collect(),
    }
}

fn leave_of(request: &LeaveGroupRequest) -> Question {
    let members = request.members.iter().map(|leaving| {
        let instance = leaving.group_instance_id.as_ref().map(ToString::to_string);
        (leaving.member_id.to_string(), instance)
    });
    Question::Leave { group: request.group_id.0.to_string(), members: members.collect() }
}
