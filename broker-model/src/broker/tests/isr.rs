//! How a leader's proposals to change the ISR go to the controller.

use crate::broker::tests::bench::{Bench, ORDERS, Sent, partition, registration};
use crate::fetch_session::FetchMetadata;
use crate::message::{
    AlterPartitionItem, AlterPartitionResponse, AlteredPartition, ClusterError, ControllerRequest,
    ControllerResponse, PeerRequest, ReplicaFetchPartition, ReplicaFetchRequest, RequestBody,
    ResponseBody,
};
use crate::node::{Channel, Event};
use crate::note::PartitionRegistration;
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch};

/// Broker 3, which is not in the ISR, has all.
fn catch_up(bench: &mut Bench, id: i32) {
    let asked = ReplicaFetchPartition {
        partition: ORDERS,
        current_leader_epoch: LeaderEpoch(1),
        fetch_offset: Offset(0),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset(0),
    };
    let (session_id, epoch) = (FetchMetadata::NO_SESSION, FetchMetadata::FINAL_EPOCH);
    let request = ReplicaFetchRequest {
        replica: NodeId(3),
        broker_epoch: BrokerEpoch(2),
        wait_max_ms: 0,
        session: FetchMetadata { session_id, epoch },
        partitions: vec![asked],
        forgotten: Vec::new(),
    };
    bench.request(9, 3, id, RequestBody::Peer(PeerRequest::ReplicaFetch(Box::new(request))));
}

/// The only proposal of a request.
fn proposal(sent: &Sent) -> AlterPartitionItem {
    let RequestBody::Controller(ControllerRequest::AlterPartition(request)) = &sent.message.body
    else {
        panic!("{sent:?}")
    };
    assert_eq!(request.partitions.len(), 1, "{request:?}");
    request.partitions[0].clone()
}

#[test]
fn proposals_whose_connection_is_lost_are_sent_again() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    catch_up(&mut bench, 1);
    let lost = bench.take_sent(Channel::Controller);
    bench.handle(Event::ConnectionLost { to: lost.to, channel: Channel::Controller });
    bench.pass_ms(1_000);
    let again = bench.take_sent(Channel::Controller);
    assert_eq!(proposal(&again), proposal(&lost));
}

#[test]
fn a_proposal_that_cannot_be_sent_yet_is_made_again_when_the_earlier_one_is_decided() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    catch_up(&mut bench, 1);
    let earlier = bench.take_sent(Channel::Controller);
    assert_eq!(proposal(&earlier).partition_epoch, PartitionEpoch(1));
    let partition_epoch = PartitionEpoch(2);
    let changed = PartitionRegistration { partition_epoch, ..registration(1, 1, &[1, 2]) };
    bench.commit(&[partition(changed)]);
    catch_up(&mut bench, 2);
    assert!(!bench.has_sent(Channel::Controller), "the earlier one may still take effect");
    let refused =
        AlteredPartition { partition: ORDERS, result: Err(ClusterError::InvalidUpdateVersion) };
    let response = AlterPartitionResponse { result: Ok(vec![refused]) };
    bench.answer(
        &earlier,
        ResponseBody::Controller(ControllerResponse::AlterPartition(Box::new(response))),
    );
    catch_up(&mut bench, 3);
    let later = proposal(&bench.take_sent(Channel::Controller));
    assert_eq!(later.partition_epoch, partition_epoch);
    let members: Vec<i32> = later.new_isr.iter().map(|(member, _)| member.0).collect();
    assert_eq!(members, [1, 2, 3]);
}
