//! Whose fetches count for a leader.
//!
//! Promise: a leader goes by a follower's position only when the follower told it in the leader's own epoch and in its
//! present uptime: its high watermark moves only once every member of the ISR was heard in this epoch, a fetch that
//! names another epoch is refused, and so is one of an uptime that the leader knows to be over. A leader compares with
//! registrations that are not fenced only: until the new uptime is let in, a late fetch of the old one still counts,
//! which is harmless, since a fenced replica is in no ISR and cannot join one.
//! Source: KIP-320, KIP-903; `Partition.updateFollowerFetchState`, rules 2.1.3 and 2.1.7.
//! What a follower has up to where it fetches is what the leader has: that is looked at with its first fetch, and
//! whenever the leader moves its high watermark on its word. A member whose process ended since is left out until it is
//! heard of again: the leader cannot know yet what that one lost.
//! Not verified: later fetches of a known follower that move nothing; how far it is when it joins the ISR and when
//! something new is committed, which `membership` and `commit_rule` judge.

use std::collections::BTreeMap;

use harrow_broker_model::note::ReplicationNote;
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::view::{ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const OTHER_EPOCH: Anomaly = Anomaly {
    name: "fetch-of-other-epoch",
    guarantee: Guarantee::Leadership,
    meaning: "a leader took news of a follower that follows in another epoch",
};
const DEAD_UPTIME: Anomaly = Anomaly {
    name: "fetch-of-earlier-uptime",
    guarantee: Guarantee::Replication,
    meaning: "a leader took news of a follower from an uptime that it knew to be over",
};
const UNHEARD: Anomaly = Anomaly {
    name: "unheard-member-counted",
    guarantee: Guarantee::Replication,
    meaning: "a leader raised its high watermark before a member of the ISR had fetched in its epoch",
};

const OTHER_LOG: Anomaly = Anomaly {
    name: "heard-of-other-log",
    guarantee: Guarantee::Replication,
    meaning: "a leader took a follower's log end for news although the follower's log is another one below it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "following",
    promise: "a leader counts only fetches of its own epoch and of a follower's present uptime",
    source: "KIP-320, KIP-903, Partition.updateFollowerFetchState",
    leaves_out: "later fetches of a known follower that move nothing",
    anomalies: &[OTHER_EPOCH, DEAD_UPTIME, UNHEARD, OTHER_LOG],
};

/// Who was heard by the node that began to lead last.
#[derive(Debug, Default)]
pub(super) struct Following {
    heard: BTreeMap<TopicPartition, Vec<Leader>>,
}

/// A node that leads, as it thinks.
#[derive(Debug)]
struct Leader {
    node: NodeId,
    epoch: LeaderEpoch,
    /// Each with the uptime in which it was heard of last.
    followers: Vec<(NodeId, BrokerEpoch)>,
}

impl Following {
    /// A node begins to lead: it has heard nobody.
    pub(super) fn on_became_leader(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        epoch: LeaderEpoch,
    ) {
        let leaders = self.heard.entry(partition).or_default();
        leaders.retain(|leader| leader.node != node);
        leaders.push(Leader { node, epoch, followers: Vec::new() });
    }

    /// A leader took news of a follower; it has applied the metadata up to an offset.
    pub(super) fn on_heard(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ReplicationNote,
        applied: Option<Offset>,
    ) {
        let ReplicationNote::FollowerHeard {
            partition,
            leader_epoch,
            follower,
            current_leader_epoch,
            broker_epoch,
            fetch_offset,
        } = note
        else {
            return;
        };
        if *current_leader_epoch != LeaderEpoch::NONE && current_leader_epoch != leader_epoch {
            findings.report(context, &OTHER_EPOCH, *partition, || {
                format!(
                    "leader {} of epoch {leader_epoch} accepted a fetch of node {follower}, which is in \
                     epoch {current_leader_epoch}",
                    context.node
                )
            });
        }
        if current_leader_epoch == leader_epoch {
            check_log(context, findings, (*partition, *follower, *leader_epoch), *fetch_offset);
        }
        check_uptime(context, findings, (*partition, *follower, *broker_epoch), applied);
        let leaders = self.heard.entry(*partition).or_default();
        if let Some(leader) = leaders.iter_mut().find(|leader| leader.node == context.node) {
            leader.followers.retain(|(known, _)| known != follower);
            leader.followers.push((*follower, *broker_epoch));
        }
    }

    /// In which uptime a leader has heard of a follower last.
    pub(super) fn heard_in(
        &self,
        leader: NodeId,
        partition: TopicPartition,
        follower: NodeId,
    ) -> Option<BrokerEpoch> {
        let leaders = self.heard.get(&partition)?;
        let leader = leaders.iter().find(|known| known.node == leader)?;
        let heard = leader.followers.iter().find(|(known, _)| *known == follower);
        heard.map(|(_, broker_epoch)| *broker_epoch)
    }

    /// A leader raised its high watermark.
    pub(super) fn on_high_watermark(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        epoch: LeaderEpoch,
        to: Offset,
    ) {
        if !context.view.states_all() {
            return;
        }
        let registration =
            context.view.partition(partition).and_then(|view| view.registration.as_ref());
        let Some(registration) = registration.filter(|now| now.leader_epoch == epoch) else {
            return;
        };
        let leaders = self.heard.get(&partition).map_or(&[][..], Vec::as_slice);
        let acts = |leader: &&Leader| leader.node == context.node && leader.epoch == epoch;
        let heard = leaders.iter().find(acts).map_or(&[][..], |leader| &leader.followers);
        let is_heard = |member: NodeId| heard.iter().any(|(known, _)| *known == member);
        let unheard = |member: &&NodeId| **member != context.node && !is_heard(**member);
        check_members(context, findings, (partition, epoch, to), heard);
        if let Some(member) = registration.isr.iter().find(unheard) {
            findings.report(context, &UNHEARD, partition, || {
                format!(
                    "leader {} moved its high watermark to {to}; node {member} has not fetched in epoch {epoch}",
                    context.node
                )
            });
        }
    }
}

/// A follower that has followed in the epoch since, and not restarted, has at least what it told.
fn check_log(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, follower, epoch): (TopicPartition, NodeId, LeaderEpoch),
    offset: Offset,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let (Some(leader), Some(replica)) = (view.replica(context.node), view.replica(follower)) else {
        return;
    };
    let comparable = replica.leader_epoch == epoch
        && replica.role == ReplicaRole::Follower
        && replica.log.end() >= offset
        && offset > leader.log_start_offset;
    if comparable {
        compare(context, findings, (view.partition, epoch, offset), (leader, replica));
    }
}

/// A leader moves its high watermark because each member of the ISR has told that it has all below it: a member that
/// has lost nothing since has it. What is new is judged by the commit rule, but of members that may have lost some.
fn check_members(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, epoch, to): (TopicPartition, LeaderEpoch, Offset),
    heard: &[(NodeId, BrokerEpoch)],
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(leader) = view.replica(context.node) else { return };
    let isr = view.registration.as_ref().map_or(&[][..], |now| &now.isr);
    let is_new = to > view.committed.end();
    let broker_epoch = |node| context.view.registry().broker(node).map(|it| it.broker_epoch);
    let heard_now = |node: NodeId| {
        let now = broker_epoch(node).filter(|_| context.view.has_registered(node));
        now.is_some_and(|now| heard.contains(&(node, now)))
    };
    let judged = |replica: &ReplicaView| {
        replica.leader_epoch == epoch
            && replica.role == ReplicaRole::Follower
            && if replica.lossy { heard_now(replica.node) } else { !is_new }
    };
    for member in isr.iter().filter(|member| **member != context.node) {
        if let Some(replica) = view.replica(*member).filter(|it| judged(it)) {
            compare(context, findings, (partition, epoch, to), (leader, replica));
        }
    }
}

/// Compares what a leader and a follower have below an offset; what is below one of the log starts is gone.
fn compare(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, epoch, offset): (TopicPartition, LeaderEpoch, Offset),
    (leader, replica): (&ReplicaView, &ReplicaView),
) {
    let start = leader.log_start_offset.max(replica.log_start_offset);
    if !leader.log.is_same_up_to(&replica.log, (start, offset)) {
        let same = leader.log.common_end(&replica.log);
        findings.report(context, &OTHER_LOG, (partition, same, offset), || {
            format!(
                "leader {} of epoch {epoch} counts node {} at {offset}; both logs are the same up to {same}",
                leader.node, replica.node
            )
        });
    }
}

fn check_uptime(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, follower, fetched_in): (TopicPartition, NodeId, BrokerEpoch),
    applied: Option<Offset>,
) {
    let registry = context.view.registry();
    let registered = registry.broker(follower).map(|broker| broker.broker_epoch);
    let lets_in = |epoch: &BrokerEpoch| {
        applied.is_some_and(|applied| registry.is_unfenced_at(follower, *epoch, applied))
    };
    let newer = registered.filter(|epoch| *epoch > fetched_in && lets_in(epoch));
    if let Some(newer) = newer.filter(|_| fetched_in != BrokerEpoch::NONE) {
        findings.report(context, &DEAD_UPTIME, partition, || {
            format!(
                "leader {} accepted a fetch of node {follower} in broker epoch {fetched_in}; it knew of {newer}",
                context.node
            )
        });
    }
}
