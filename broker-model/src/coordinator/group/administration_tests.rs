//! What administrators are told of groups, and what they may delete.

use super::modern_tests::{Modern, beat, join as join_modern};
use super::tests::{Bench, caller};
use crate::config::topic_name;
use crate::defect::GroupDefect;
use crate::group_admin_message::GroupAdminResponse;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, GroupId, ListGroupsRequest, OffsetDeleteRequest, OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic, OffsetDeleteResponse, TopicName,
};

const STILL_THERE: i16 = ErrorCode::NonEmptyGroup.code();

fn id(name: &str) -> GroupId {
    GroupId(topic_name(name))
}

/// Names, states and types of the groups that are in these states and of these types.
fn listed(bench: &mut Bench, states: &[&str], types: &[&str]) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| topic_name(text)).collect();
    let request = ListGroupsRequest::default()
        .with_states_filter(texts(states))
        .with_types_filter(texts(types));
    let response = bench.groups.list_groups(&request);
    assert_eq!(response.error_code, 0);
    let told = response.groups.iter().map(|it| {
        format!("{} {} {} {}", &*it.group_id, it.protocol_type, it.group_state, it.group_type)
    });
    told.collect()
}

fn deleted(bench: &mut Bench, names: &[&str]) -> Vec<i16> {
    let asked: Vec<(GroupId, i32)> = names.iter().map(|name| (id(name), 0)).collect();
    bench.groups.delete_groups(caller(80), &asked);
    bench.run();
    let Some(ResponseBody::Client(ClientResponse::GroupAdmin(response))) = bench.answer(80) else {
        panic!("no answer")
    };
    let GroupAdminResponse::DeleteGroups(response) = *response else { panic!("{response:?}") };
    response.results.iter().map(|result| result.error_code).collect()
}

fn offset_deleted(bench: &mut Bench, group: &str, partitions: &[i32]) -> OffsetDeleteResponse {
    let asked = partitions
        .iter()
        .map(|index| OffsetDeleteRequestPartition::default().with_partition_index(*index));
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(TopicName(topic_name("orders")))
        .with_partitions(asked.collect());
    let request = OffsetDeleteRequest::default().with_group_id(id(group)).with_topics(vec![topic]);
    let known = |_: &TopicName, index: i32| index < 4;
    bench.groups.delete_offsets(bench.now, caller(81), 0, &request, known);
    bench.run();
    let Some(ResponseBody::Client(ClientResponse::GroupAdmin(response))) = bench.answer(81) else {
        panic!("no answer")
    };
    let GroupAdminResponse::OffsetDelete(response) = *response else { panic!("{response:?}") };
    response
}

fn codes(response: &OffsetDeleteResponse) -> Vec<i16> {
    let parts = response.topics.iter().flat_map(|topic| &topic.partitions);
    std::iter::once(response.error_code).chain(parts.map(|it| it.error_code)).collect()
}

#[test]
fn groups_are_listed_by_state_and_type() {
    let mut bench = Bench::new(&[]);
    bench.two_members();
    let group = ["g consumer Stable classic".to_owned()];
    assert_eq!(listed(&mut bench, &[], &[]), group);
    assert_eq!(listed(&mut bench, &["STABLE ", "Empty"], &["Classic"]), group);
    assert_eq!(listed(&mut bench, &["Empty"], &[]), [""; 0]);
    assert_eq!(listed(&mut bench, &[], &["consumer"]), [""; 0]);
    assert_eq!(listed(&mut bench, &[], &["nonsense"]), [""; 0], "of a type that nobody knows");
    bench.groups.elected(7, crate::types::LeaderEpoch(1), bench.now.time);
    let response = bench.groups.list_groups(&ListGroupsRequest::default());
    assert_eq!(response.error_code, ErrorCode::CoordinatorLoadInProgress.code());
}

#[test]
fn a_classic_group_is_told_with_its_members() {
    let mut bench = Bench::new(&[]);
    let (one, two) = bench.two_members();
    let response = bench.groups.describe_groups(&[(id("g"), 0), (id("h"), 0), (id("i"), 9)]);
    let [group, unknown, elsewhere] = &response.groups[..] else { panic!("{response:?}") };
    let told = (group.error_code, &*group.group_state, &*group.protocol_data);
    assert_eq!(told, (0, "Stable", "range"));
    let members = group.members.iter().map(|it| (&*it.member_id, &*it.member_assignment));
    let mut members: Vec<_> = members.collect();
    members.sort_unstable();
    let mut expected = [(one.as_str(), &b"p0"[..]), (two.as_str(), &b"p1"[..])];
    expected.sort_unstable();
    assert_eq!(members, expected);
    let told = (unknown.error_code, &*unknown.group_state);
    assert_eq!(told, (ErrorCode::GroupIdNotFound.code(), "Dead"));
    assert_eq!(elsewhere.error_code, ErrorCode::NotCoordinator.code());
}

#[test]
fn a_group_of_the_consumer_protocol_is_told_by_another_api() {
    let mut modern = Modern::new(&[]);
    assert!(modern.tell(&join_modern("a")).is_ok());
    let bench = &mut modern.bench;
    assert_eq!(listed(bench, &[], &["consumer"]), ["g consumer Stable consumer"]);
    let classic = bench.groups.describe_groups(&[(id("g"), 0)]);
    assert_eq!(classic.groups[0].error_code, ErrorCode::GroupIdNotFound.code());
    let asked = [(id("g"), 0), (id(""), 0), (id("h"), 0)];
    let response = bench.groups.describe_consumer_groups(&asked, &bench.image);
    let [group, nameless, unknown] = &response.groups[..] else { panic!("{response:?}") };
    let told = (&*group.group_state, group.group_epoch, group.assignment_epoch);
    assert_eq!((told, &*group.assignor_name), (("Stable", 1, 1), "uniform"));
    let [member] = &group.members[..] else { panic!("{group:?}") };
    assert_eq!((&*member.member_id, member.member_epoch, member.member_type), ("a", 1, 1));
    assert_eq!(member.assignment, member.target_assignment);
    assert_eq!(&*member.assignment.topic_partitions[0].topic_name.0, "orders");
    assert_eq!(nameless.error_code, ErrorCode::InvalidGroupId.code());
    assert_eq!(unknown.error_code, ErrorCode::GroupIdNotFound.code());
    assert_eq!(deleted(bench, &["g"]), [STILL_THERE]);
}

#[test]
fn only_a_group_without_members_goes_and_its_offsets_with_it() {
    let mut bench = Bench::new(&[]);
    let (one, _) = bench.two_members();
    assert_eq!(bench.commit(&one, 1, 40), Some(0));
    let unknown = ErrorCode::GroupIdNotFound.code();
    let before = bench.state();
    assert_eq!(deleted(&mut bench, &["g", "h"]), [STILL_THERE, unknown]);
    assert_eq!(bench.state(), before, "who is refused has changed nothing");
    bench.advance(3_000);
    bench.writes = false;
    assert_eq!(deleted(&mut bench, &["g"]), [ErrorCode::CoordinatorNotAvailable.code()]);
    bench.writes = true;
    assert_eq!(bench.committed(), 40, "what cannot be written is not deleted");
    assert_eq!(deleted(&mut bench, &["g", "h"]), [0, unknown]);
    assert_eq!((bench.committed(), listed(&mut bench, &[], &[])), (-1, vec![]));
    bench.fail_over();
    assert_eq!((bench.committed(), listed(&mut bench, &[], &[])), (-1, vec![]));
}

#[test]
fn offsets_go_where_no_member_reads() {
    let mut bench = Bench::new(&[]);
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    let (one, _) = bench.two_members();
    assert_eq!(bench.commit(&one, 1, 40), Some(0));
    let read = ErrorCode::GroupSubscribedToTopic.code();
    assert_eq!(codes(&offset_deleted(&mut bench, "g", &[0, 9])), [0, read, unknown]);
    assert_eq!(bench.committed(), 40);
    let nobody = [ErrorCode::GroupIdNotFound.code()];
    assert_eq!(codes(&offset_deleted(&mut bench, "h", &[0])), nobody);
    assert_eq!(codes(&offset_deleted(&mut bench, "", &[0])), [ErrorCode::InvalidGroupId.code()]);
    // A group whose consumers assign themselves.
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.commit("", -1, 40), Some(0));
    bench.writes = false;
    let lost = [ErrorCode::CoordinatorNotAvailable.code()];
    assert_eq!(codes(&offset_deleted(&mut bench, "g", &[0])), lost);
    bench.writes = true;
    assert_eq!(bench.committed(), 40);
    assert_eq!(codes(&offset_deleted(&mut bench, "g", &[0, 1, 9])), [0, 0, 0, unknown]);
    assert_eq!(bench.committed(), -1);
}

#[test]
fn classic_groups_are_there_as_far_as_it_is_committed() {
    let mut bench = Bench::new(&[]);
    bench.commits = false;
    assert_eq!(bench.commit("", -1, 40), None, "it waits for its record");
    assert_eq!(listed(&mut bench, &[], &[]), [""; 0]);
    let told =
        |bench: &mut Bench| bench.groups.describe_groups(&[(id("g"), 0)]).groups[0].error_code;
    assert_eq!(told(&mut bench), ErrorCode::GroupIdNotFound.code());
    bench.commit_all();
    assert_eq!(listed(&mut bench, &[], &[]).len(), 1);
    assert_eq!(told(&mut bench), 0);
}

/// Known bug: it does not ask whether a group has members.
#[test]
fn a_group_with_members_goes_only_by_a_bug() {
    let mut bench = Bench::new(&[GroupDefect::DeletesActiveGroups]);
    bench.two_members();
    assert_eq!(deleted(&mut bench, &["g"]), [0]);
    assert_eq!(listed(&mut bench, &[], &[]), [""; 0]);
}

/// Who is deleted and joins anew while nothing is committed: the deletion comes first in the log.
#[test]
fn what_becomes_committed_together_is_told_in_the_order_of_the_log() {
    let mut modern = Modern::new(&[]);
    modern.tell(&join_modern("a")).expect("it joins");
    modern.tell(&beat("a", -1)).expect("it leaves");
    let bench = &mut modern.bench;
    bench.commits = false;
    bench.groups.delete_groups(caller(80), &[(id("g"), 0)]);
    bench.run();
    bench.groups.consumer_group_heartbeat(
        bench.now,
        caller(81),
        0,
        &join_modern("b"),
        &bench.image,
    );
    bench.run();
    bench.facts.clear();
    bench.commit_all();
    let told: Vec<&str> =
        bench.facts.iter().filter_map(|fact| fact.split([' ', '(']).next()).collect();
    assert_eq!(told, ["GroupDeleted", "Target", "Holds"], "{:?}", bench.facts);
}
