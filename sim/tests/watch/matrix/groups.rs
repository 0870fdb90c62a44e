//! Members of groups and what they commit: who is thrown out, what counts, what is told, and how long a group waits.

use harrow_broker_model::group_admin_message::GroupAdminRequest;
use harrow_broker_model::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use harrow_broker_model::note::{ClassicGroupState, GroupNote, Lateness, Note};
use harrow_broker_model::proto::{
    DeleteGroupsRequest, ErrorCode, GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupRequestProtocol, JoinGroupResponse, OffsetCommitRequest, OffsetCommitRequestPartition,
    OffsetCommitRequestTopic, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic, OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics, StrBytes, TopicName,
};
use harrow_sim::watch::CoordinatorKind;

use super::case::Case;
use super::coordination::elected;
use super::due::passes;
use super::ends::{coordinates, group, holds};
use crate::stage::{A, B, Stage};

const EARLY: &str = "member-removed-early";
const FOREIGN: &str = "foreign-commit-accepted";
const REFUSED: &str = "valid-commit-refused";
const TOLD: &str = "deleted-offset-told";
const OVERDUE: &str = "join-phase-overdue";
const UNANSWERED: &str = "coordinator-answer-overdue";
const EXPIRED: &str = "live-offset-expired";
const NEEDLESS: &str = "needless-rebalance";
/// So long that nobody's time to join is up in a case.
const LONG_MS: u64 = 1_000_000;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn asks(stage: &mut Stage, number: i32, request: ClientRequest) {
    stage.asks(A, (1, number), RequestBody::Client(request));
}

fn answers(stage: &mut Stage, number: i32, response: ClientResponse) {
    stage.answers(A, (1, number), ResponseBody::Client(response));
}

/// Somebody asks to join who names ten seconds for its session, and for rebalances.
fn asks_to_join(stage: &mut Stage, number: i32, member: &str, assignor: &str) {
    let protocol = JoinGroupRequestProtocol::default().with_name(text(assignor));
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(text(&group())))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_member_id(text(member))
        .with_group_instance_id(Some(text("i1")))
        .with_protocols(vec![protocol]);
    asks(stage, number, ClientRequest::JoinGroup(Box::new(request)));
}

fn is_told_that_it_joined(stage: &mut Stage, number: i32, member: &str) {
    let response = JoinGroupResponse::default().with_member_id(text(member)).with_generation_id(1);
    answers(stage, number, ClientResponse::JoinGroup(Box::new(response)));
}

/// A coordinates a group of which m1, a static member, is told that it has joined generation 1.
fn joins(stage: &mut Stage) {
    coordinates(stage, CoordinatorKind::Group);
    asks_to_join(stage, 1, "", "range");
    stage.generation(&group(), 1);
    is_told_that_it_joined(stage, 1, "m1");
}

fn beats(stage: &mut Stage, number: i32) {
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text(&group())))
        .with_generation_id(1)
        .with_member_id(text("m1"));
    asks(stage, number, ClientRequest::Heartbeat(Box::new(request)));
    let response = HeartbeatResponse::default();
    answers(stage, number, ClientResponse::Heartbeat(Box::new(response)));
}

fn throws_out(stage: &mut Stage, reason: Lateness, waits: bool) {
    let member = "m1".to_owned();
    let note = GroupNote::ClassicMemberThrownOut { group: group(), member, reason, waits };
    stage.note(A, &Note::Group(note));
}

/// A classic group is in a state, and may stay in it for long.
fn is_in(stage: &mut Stage, state: ClassicGroupState) {
    let note = GroupNote::ClassicStateChanged { group: group(), state, timeout_ms: LONG_MS };
    stage.note(A, &Note::Group(note));
}

fn wait_to_join(stage: &mut Stage, awaited: u32, initial: bool) {
    let note = GroupNote::JoinPhaseChanged { group: group(), members: 2, awaited, initial };
    stage.note(A, &Note::Group(note));
}

/// Somebody commits offset 5 of orders-0, and is answered with this.
fn commits(stage: &mut Stage, number: i32, generation: i32, error: Option<ErrorCode>) {
    let place = OffsetCommitRequestPartition::default().with_committed_offset(5);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("orders")))
        .with_partitions(vec![place]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(text(&group())))
        .with_generation_id_or_member_epoch(generation)
        .with_topics(vec![topic]);
    asks(stage, number, ClientRequest::OffsetCommit(Box::new(request)));
    let code = error.map_or(0, |error| error.code());
    let answer = OffsetCommitResponsePartition::default().with_error_code(code);
    let topic = OffsetCommitResponseTopic::default().with_partitions(vec![answer]);
    let response = OffsetCommitResponse::default().with_topics(vec![topic]);
    answers(stage, number, ClientResponse::OffsetCommit(Box::new(response)));
}

/// An administrator asks for the deletion of the group.
fn asks_for_deletion(stage: &mut Stage, number: i32) {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(&group()))]);
    let request = GroupAdminRequest::DeleteGroups(request);
    asks(stage, number, ClientRequest::GroupAdmin(Box::new(request)));
}

/// Somebody asks for the offsets of the group, and is told that of orders-0.
fn is_told_an_offset(stage: &mut Stage, number: i32) {
    let request = OffsetFetchRequest::default().with_require_stable(true);
    asks(stage, number, ClientRequest::OffsetFetch(Box::new(request)));
    let place = OffsetFetchResponsePartitions::default().with_committed_offset(5);
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(text("orders")))
        .with_partitions(vec![place]);
    let answer = OffsetFetchResponseGroup::default()
        .with_group_id(GroupId(text(&group())))
        .with_topics(vec![topic]);
    let response = OffsetFetchResponse::default().with_groups(vec![answer]);
    answers(stage, number, ClientResponse::OffsetFetch(Box::new(response)));
}

/// The static member asks to join anew, and its group begins to rebalance in the same event.
fn comes_back(stage: &mut Stage, assignor: &str) {
    is_in(stage, ClassicGroupState::Stable);
    asks_to_join(stage, 2, "", assignor);
    let state = ClassicGroupState::PreparingRebalance;
    let note = GroupNote::ClassicStateChanged { group: group(), state, timeout_ms: LONG_MS };
    stage.note_at_once(A, &Note::Group(note));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: EARLY,
        good: |stage| {
            joins(stage);
            passes(stage, 5);
            beats(stage, 2);
            passes(stage, 11);
            throws_out(stage, Lateness::Session, false);
        },
        bad: |stage| {
            joins(stage);
            passes(stage, 5);
            beats(stage, 2);
            passes(stage, 6);
            throws_out(stage, Lateness::Session, false);
        },
    },
    Case {
        anomaly: EARLY,
        good: |stage| {
            joins(stage);
            passes(stage, 11);
            throws_out(stage, Lateness::Session, false);
        },
        bad: |stage| {
            joins(stage);
            passes(stage, 11);
            throws_out(stage, Lateness::Session, true);
        },
    },
    Case {
        anomaly: EARLY,
        good: |stage| {
            joins(stage);
            passes(stage, 11);
            throws_out(stage, Lateness::Join, false);
        },
        bad: |stage| {
            joins(stage);
            passes(stage, 5);
            throws_out(stage, Lateness::Join, false);
        },
    },
    Case {
        anomaly: FOREIGN,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::Stable);
            is_in(stage, ClassicGroupState::Empty);
            commits(stage, 1, -1, None);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::Stable);
            commits(stage, 1, -1, None);
        },
    },
    Case {
        anomaly: FOREIGN,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            holds(stage, 1, false);
            commits(stage, 1, -1, Some(ErrorCode::UnknownMemberId));
            holds(stage, -1, false);
            commits(stage, 2, -1, None);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            holds(stage, 1, false);
            commits(stage, 1, -1, None);
        },
    },
    Case {
        anomaly: REFUSED,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::CompletingRebalance);
            commits(stage, 1, 1, Some(ErrorCode::RebalanceInProgress));
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            commits(stage, 1, 1, Some(ErrorCode::RebalanceInProgress));
        },
    },
    Case {
        anomaly: REFUSED,
        good: |stage| {
            joins(stage);
            is_in(stage, ClassicGroupState::Stable);
            commits(stage, 2, 0, Some(ErrorCode::IllegalGeneration));
        },
        bad: |stage| {
            joins(stage);
            is_in(stage, ClassicGroupState::Stable);
            commits(stage, 2, 1, Some(ErrorCode::IllegalGeneration));
        },
    },
    Case {
        anomaly: TOLD,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            commits(stage, 1, -1, None);
            asks_for_deletion(stage, 2);
            is_told_an_offset(stage, 3);
            stage.deletes_group(&group());
            commits(stage, 4, -1, None);
            is_told_an_offset(stage, 5);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            commits(stage, 1, -1, None);
            asks_for_deletion(stage, 2);
            stage.deletes_group(&group());
            is_told_an_offset(stage, 3);
        },
    },
    Case {
        anomaly: OVERDUE,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            wait_to_join(stage, 1, false);
            passes(stage, 3);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            wait_to_join(stage, 1, false);
            wait_to_join(stage, 0, false);
            passes(stage, 3);
        },
    },
    Case {
        anomaly: OVERDUE,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            wait_to_join(stage, 0, true);
            is_in(stage, ClassicGroupState::CompletingRebalance);
            passes(stage, 3);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            wait_to_join(stage, 0, true);
            passes(stage, 3);
        },
    },
    Case {
        anomaly: UNANSWERED,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            asks_to_join(stage, 1, "", "range");
            passes(stage, 1);
            elected(stage, CoordinatorKind::Group, B, 2);
            is_told_that_it_joined(stage, 1, "");
            passes(stage, 1);
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            asks_to_join(stage, 1, "", "range");
            elected(stage, CoordinatorKind::Group, B, 2);
            passes(stage, 1);
        },
    },
    Case {
        anomaly: EXPIRED,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::Stable);
            stage.assign(&group(), "m1", 1);
            stage.release(&group(), "m1");
            stage.expires(&group());
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::Stable);
            stage.assign(&group(), "m1", 1);
            stage.expires(&group());
        },
    },
    Case {
        anomaly: EXPIRED,
        good: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            is_in(stage, ClassicGroupState::Empty);
            stage.expires(&group());
        },
        bad: |stage| {
            coordinates(stage, CoordinatorKind::Group);
            is_in(stage, ClassicGroupState::PreparingRebalance);
            stage.expires(&group());
        },
    },
    Case {
        anomaly: NEEDLESS,
        good: |stage| {
            joins(stage);
            comes_back(stage, "cooperative-sticky");
        },
        bad: |stage| {
            joins(stage);
            comes_back(stage, "range");
        },
    },
    // Who was thrown out comes as a new member.
    Case {
        anomaly: NEEDLESS,
        good: |stage| {
            joins(stage);
            passes(stage, 11);
            throws_out(stage, Lateness::Session, false);
            comes_back(stage, "range");
        },
        bad: |stage| {
            joins(stage);
            passes(stage, 11);
            comes_back(stage, "range");
        },
    },
];
