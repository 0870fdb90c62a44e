//! What members of a cooperative group own, and what its leader gives them.

use harrow_broker_model::consumer_protocol::{Place, Subscription, encode_assignment};
use harrow_broker_model::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use harrow_broker_model::proto::{
    JoinGroupResponse, JoinGroupResponseMember, StrBytes, SyncGroupRequest,
    SyncGroupRequestAssignment,
};

use super::case::Case;
use crate::stage::{A, Stage};

const GIVEN: &str = "claimed-partition-given";

/// In generation 8, m1 leads and owns partition 0 since 7, and m2 owns partition 1 since 6.
fn joined(stage: &mut Stage, protocol: &'static str) {
    let member = |id: &'static str, index, generation| {
        let owned = vec![place(index)];
        let subscription = Subscription { topics: vec![place(0).0], owned, generation };
        JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from_static_str(id))
            .with_metadata(subscription.encode())
    };
    let response = JoinGroupResponse::default()
        .with_generation_id(8)
        .with_protocol_name(Some(StrBytes::from_static_str(protocol)))
        .with_member_id(StrBytes::from_static_str("m1"))
        .with_members(vec![member("m1", 0, 7), member("m2", 1, 6)]);
    let body = RequestBody::Client(ClientRequest::JoinGroup(Box::default()));
    stage.asks(A, (1, 1), body);
    stage.answers(A, (1, 1), ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response))));
}

fn place(index: i32) -> Place {
    (StrBytes::from_static_str("orders"), index)
}

/// The leader gives m1 and m2 these partitions in a generation.
fn gives(stage: &mut Stage, generation: i32, shares: [&[i32]; 2]) {
    let assignments = ["m1", "m2"].into_iter().zip(shares).map(|(id, share)| {
        let places: Vec<Place> = share.iter().map(|index| place(*index)).collect();
        SyncGroupRequestAssignment::default()
            .with_member_id(StrBytes::from_static_str(id))
            .with_assignment(encode_assignment(&places))
    });
    let request = SyncGroupRequest::default()
        .with_generation_id(generation)
        .with_member_id(StrBytes::from_static_str("m1"))
        .with_assignments(assignments.collect());
    stage.asks(A, (1, 2), RequestBody::Client(ClientRequest::SyncGroup(Box::new(request))));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: GIVEN,
        good: |stage| {
            joined(stage, "cooperative-sticky");
            gives(stage, 8, [&[0, 2], &[1]]);
            gives(stage, 7, [&[1], &[0]]);
        },
        bad: |stage| {
            joined(stage, "cooperative-sticky");
            gives(stage, 8, [&[0, 1], &[]]);
        },
    },
    Case {
        anomaly: GIVEN,
        good: |stage| {
            joined(stage, "range");
            gives(stage, 8, [&[1], &[0]]);
        },
        bad: |stage| {
            joined(stage, "cooperative-sticky");
            gives(stage, 8, [&[], &[0, 1]]);
        },
    },
];
