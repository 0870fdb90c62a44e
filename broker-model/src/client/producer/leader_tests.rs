//! What a producer does when the leader of a partition changes.

use super::tests::{
    acknowledge, answer, batches, config, first_value, is_quiet, ready, send, sequence,
    take_produce, tell_metadata,
};
use crate::client::metadata::PartitionKey;
use crate::client::testing::metadata;
use crate::config::ProducerConfig;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::ErrorCode;
use crate::types::{LeaderEpoch, NodeId};

/// Source: `Sender.guaranteeMessageOrder`, known bug P01.
#[test]
fn with_a_single_request_in_flight_a_partition_waits_for_its_batch_at_the_leader_before() {
    let one = ProducerConfig { idempotence: false, in_flight_max: 1, ..config() };
    let mut driver = ready(ProducerConfig { request_timeout_ms: 60_000, ..one });
    (1..=2).for_each(|operation| send(&mut driver, operation, 0));
    let first = take_produce(&mut driver);
    tell_metadata(&mut driver, metadata(&[(2, 4), (1, 3)]));
    assert!(is_quiet(&driver), "its first batch may yet be refused");
    acknowledge(&mut driver, &first, 0);
    let second = take_produce(&mut driver);
    assert_eq!((second.to, first_value(&batches(&second)[0].1)), (NodeId(2), 2));
}

/// KIP-951: who answers may know less than the producer does.
#[test]
fn a_leader_of_no_later_epoch_is_not_learned_from_an_error() {
    for (told, known) in [((2, 2), (1, 3)), ((2, 3), (1, 3)), ((2, 4), (2, 4))] {
        let mut driver = ready(config());
        send(&mut driver, 1, 0);
        let asked = take_produce(&mut driver);
        let mut body = answer(&asked, ErrorCode::NotLeaderOrFollower.code(), -1);
        let ResponseBody::Client(ClientResponse::Produce(response)) = &mut body else {
            panic!("{body:?}")
        };
        let current = &mut response.responses[0].partition_responses[0].current_leader;
        (current.leader_id, current.leader_epoch) = (told.0.into(), told.1);
        driver.answer(&asked, body);
        let key = PartitionKey { topic: 0, partition: 0 };
        let leadership = driver.node.metadata.leadership(key);
        let expected = (Some(NodeId(known.0)), LeaderEpoch(known.1));
        assert_eq!((leadership.leader, leadership.epoch), expected, "told {told:?}");
        assert_eq!(is_quiet(&driver), told.1 <= 3, "told {told:?}");
        if told.1 > 3 {
            assert_eq!(sequence(&take_produce(&mut driver)), (0, 0));
        }
    }
}
