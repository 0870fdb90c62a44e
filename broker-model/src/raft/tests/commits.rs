//! What a leader of the metadata log takes for committed.

use super::boot::{NOW, disk, state};
use crate::controller::tests::config;
use crate::disk_image::{DiskImage, FileId};
use crate::message::{
    Message, QuorumFetchRequest, QuorumRequest, QuorumResponse, RequestBody, ResponseBody,
    VoteResponse,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect, Effects};
use crate::note::QuorumRole;
use crate::raft::{Quorum, QuorumOptions};
use crate::record::RecordBatchBuilder;
use crate::types::{
    ConnectionId, CorrelationId, DirectoryId, LeaderEpoch, NodeId, Offset, ProducerEpoch,
    ProducerId, Sequence, TopicPartition, WallTime,
};

const EPOCH: LeaderEpoch = LeaderEpoch(4);

/// Voter 101 of 101 to 103, which stood in epoch 4 and is elected, with so many records of epoch 3.
fn leader(older: i64) -> Quorum {
    let mut image = disk(state(EPOCH.0, Some(101), None));
    let batch = |at| {
        let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
        let record = MetadataRecord::LeaderChange { leader: NodeId(102) };
        builder.push(WallTime(0), None, Some(record.encode()));
        builder.build().with_assignment(Offset(at), LeaderEpoch(3)).bytes().clone()
    };
    let segment = FileId::Segment { partition: TopicPartition::METADATA, base_offset: Offset(0) };
    image.files.insert(segment, (0..older).map(batch).collect::<Vec<_>>().concat().into());
    elected(&image)
}

fn elected(image: &DiskImage) -> Quorum {
    let config = config(3, &[]);
    let options = QuorumOptions { node: NodeId(101), config: &config, image, incarnation: 1 };
    let mut effects = Effects::new();
    let mut quorum = Quorum::open(options, NOW, &mut effects);
    quorum.boot(NOW, &mut effects);
    let asked = effects.as_slice().iter().find_map(|effect| {
        let Effect::Request { to, channel: Channel::Quorum, message } = effect else { return None };
        let is_vote = matches!(message.body, RequestBody::Quorum(_));
        is_vote.then_some((*to, message.correlation_id))
    });
    let (from, correlation_id) = asked.expect("it asks for votes");
    let response = VoteResponse { epoch: EPOCH, leader: None, granted: true };
    let body = ResponseBody::Quorum(QuorumResponse::Vote(response));
    let message = Message { correlation_id, body };
    quorum.on_response(NOW, from, Channel::Quorum, message, &mut effects);
    assert_eq!(quorum.role.name(), QuorumRole::Leader);
    quorum
}

/// Voter 102 fetches from an offset, its last record being of this epoch; the leader's high watermark after it.
fn fetch(quorum: &mut Quorum, fetch_offset: i64, last_fetched_epoch: LeaderEpoch) -> i64 {
    fetch_by(quorum, NodeId(102), fetch_offset, last_fetched_epoch)
}

fn fetch_by(
    quorum: &mut Quorum,
    replica: NodeId,
    fetch_offset: i64,
    last_fetched_epoch: LeaderEpoch,
) -> i64 {
    let request = QuorumFetchRequest {
        replica,
        replica_directory: DirectoryId::UNASSIGNED,
        epoch: EPOCH,
        fetch_offset: Offset(fetch_offset),
        last_fetched_epoch,
        high_watermark: Offset::NONE,
        wait_max_ms: 0,
    };
    let mut effects = Effects::new();
    quorum.on_fetch_request(NOW, ConnectionId(9), CorrelationId(1), &request, &mut effects);
    quorum.check();
    quorum.log.high_watermark().0
}

/// KAFKA-12619: what a majority has of an older epoch may yet be replaced by who was elected in between.
#[test]
fn records_of_older_epochs_are_committed_with_the_first_of_the_leaders_own() {
    let mut quorum = leader(2);
    assert_eq!(quorum.log.log_end_offset(), Offset(3), "its own record comes last");
    assert_eq!(fetch(&mut quorum, 2, LeaderEpoch(3)), 0, "most have both records of epoch 3");
    assert_eq!(fetch(&mut quorum, 3, EPOCH), 3);
}

#[test]
fn a_fetch_that_diverges_tells_nothing_of_what_a_voter_has() {
    let mut quorum = leader(0);
    assert_eq!(fetch(&mut quorum, 1, LeaderEpoch(3)), 0, "its record is another one");
    assert_eq!(fetch(&mut quorum, 1, EPOCH), 1);
}

/// As `LeaderState.ReplicaState.compareTo` has it: who has fetched farthest first, who has not last, else by id.
#[test]
fn a_leader_that_resigns_names_first_who_has_fetched_farthest() {
    let table = [
        (&[][..], [102, 103], "nobody has fetched"),
        (&[(103, 0)], [103, 102], "one has fetched, though from the start"),
        (&[(102, 0), (103, 1)], [103, 102], "one is further"),
        (&[(102, 1), (103, 1)], [102, 103], "both are as far"),
    ];
    for (fetches, expected, name) in table {
        let mut quorum = leader(1);
        for (replica, offset) in fetches {
            let epoch = if *offset > 0 { LeaderEpoch(3) } else { LeaderEpoch::NONE };
            fetch_by(&mut quorum, NodeId(*replica), *offset, epoch);
        }
        quorum.resign(NOW.time, &mut Effects::new());
        let RequestBody::Quorum(QuorumRequest::EndQuorumEpoch(request)) = quorum.end_request()
        else {
            panic!("it tells that it has resigned")
        };
        assert_eq!(request.preferred_successors, expected.map(NodeId), "{name}");
    }
}
