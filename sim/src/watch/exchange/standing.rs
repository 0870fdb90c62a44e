//! An answer counts only where it was asked for.
//!
//! Promise: an answer changes its asker only in the epoch in which that asked, and at the position at which it asked: a
//! follower at its log end, a voter in its epoch, a leader with its version of the registration, a consumer at its
//! position, a producer as whom it asked and in the epoch whose sequences it goes by, a member in its generation. Of
//! followers and voters, their epoch and log end are
//! those that the watch knows.
//! Source: KIP-98, KIP-320, KIP-497, KIP-595, KIP-848, KAFKA-8429; `AbstractFetcherThread.processFetchRequest`,
//! `Partition.submitAlterPartition`, `KafkaRaftClient.handleFetchResponse`.
//! Not verified: answers that change nothing; what a producer is told of a batch, which its number tells.

use harrow_broker_model::note::{Api, Standing};
use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const STALE: Anomaly = Anomaly {
    name: "stale-answer-applied",
    guarantee: Guarantee::Replication,
    meaning: "a node took an answer to what it had asked in another epoch or at another position",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answer-standing",
    promise: "an answer counts only in the epoch and at the position at which it was asked for",
    source: "KIP-320, KIP-497, KIP-595, KAFKA-8429",
    leaves_out: "answers that change nothing",
    anomalies: &[STALE],
};

/// A node took an answer; it says where it stood when it asked, and where it stands.
pub(super) fn on_applied(
    context: &Context<'_>,
    findings: &mut Findings,
    (api, partition): (Api, Option<TopicPartition>),
    asked: Standing,
    own: Standing,
) {
    let own = known(context, api, partition, own);
    if asked == own {
        return;
    }
    let place = partition.map_or(Place::CLUSTER, Place::from);
    findings.report(context, &STALE, place, || {
        let Standing { epoch, position } = asked;
        format!(
            "node {} took the answer to its {}, asked in epoch {epoch} at {position}; it is in epoch {} at {}",
            context.node,
            api.name(),
            own.epoch,
            own.position
        )
    });
}

/// Where the node stands, by what the watch knows of it: else by its own word.
fn known(
    context: &Context<'_>,
    api: Api,
    partition: Option<TopicPartition>,
    own: Standing,
) -> Standing {
    let voter = context.view.quorum().voter(context.node);
    match api {
        Api::ReplicaFetch | Api::ReplicaOffsets => {
            let replica = partition.and_then(|id| context.view.replica(context.node, id));
            replica.map_or(own, |replica| Standing {
                epoch: i64::from(replica.leader_epoch.0),
                position: replica.log.end().0,
            })
        }
        Api::Vote | Api::QuorumFetch | Api::FetchSnapshot => {
            let epoch = voter.map_or(own.epoch, |voter| i64::from(voter.epoch.0));
            Standing { epoch, ..own }
        }
        Api::AlterPartition
        | Api::Fetch
        | Api::Produce
        | Api::ListOffsets
        | Api::OffsetForLeaderEpoch
        | Api::BrokerHeartbeat
        | Api::AllocateProducerIds
        | Api::AssignReplicasToDirs
        | Api::FetchSession
        | Api::BrokerRegistration
        | Api::ShareFetch
        | Api::ShareState
        | Api::BeginQuorumEpoch
        | Api::EndQuorumEpoch
        | Api::JoinGroup
        | Api::SyncGroup
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::ConsumerGroupHeartbeat
        | Api::OffsetCommit
        | Api::OffsetFetch
        | Api::InitProducerId
        | Api::AddPartitionsToTxn
        | Api::AddOffsetsToTxn
        | Api::TxnOffsetCommit
        | Api::EndTxn
        | Api::WriteTxnMarkers => own,
    }
}
