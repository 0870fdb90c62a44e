//! Whatever clients say of generations, epochs, members and instance ids: who is refused is told Kafka's error code,
//! and nothing has changed. Members that are sound are not disturbed.

use proptest::prelude::*;

use super::modern_tests::{Modern, beat, join as join_modern, owning};
use super::tests::{Bench, caller};
use crate::config::topic_name;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, GroupId, HeartbeatRequest, LeaveGroupRequest, MemberIdentity, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, StrBytes, SyncGroupRequest, TopicName,
};

/// Who says something.
#[derive(Debug, Clone)]
struct Speaker {
    group: &'static str,
    /// A member of the group by position, or somebody else.
    member: Result<usize, &'static str>,
    instance: Option<&'static str>,
    /// Generation or epoch.
    epoch: i32,
}

/// What is said.
#[derive(Debug, Clone)]
enum Said {
    Heartbeat,
    Sync,
    Leave,
    Commit { offset: i64, metadata: usize },
    Owns(Option<Vec<i32>>),
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn speaker() -> impl Strategy<Value = Speaker> {
    let group = prop_oneof![4 => Just("g"), 1 => Just("h"), 1 => Just("")];
    let member = prop_oneof![
        4 => (0..2_usize).prop_map(Ok),
        1 => Just(Err("")),
        1 => Just(Err("stranger"))
    ];
    let instance = prop_oneof![4 => Just(None), 1 => Just(Some("i")), 1 => Just(Some(""))];
    let epoch = prop_oneof![6 => -3..5_i32, 1 => any::<i32>()];
    (group, member, instance, epoch).prop_map(|(group, member, instance, epoch)| Speaker {
        group,
        member,
        instance,
        epoch,
    })
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn said() -> impl Strategy<Value = Said> {
    let owned = prop::option::of(prop::collection::vec(-1..6_i32, 0..5));
    prop_oneof![
        Just(Said::Heartbeat),
        Just(Said::Sync),
        Just(Said::Leave),
        (-2..100_i64, prop_oneof![Just(0_usize), Just(4_096), Just(4_097)])
            .prop_map(|(offset, metadata)| Said::Commit { offset, metadata }),
        owned.prop_map(Said::Owns),
    ]
}

fn text(text: &str) -> StrBytes {
    topic_name(text)
}

fn commit(who: &Speaker, member: &str, (offset, metadata): (i64, usize)) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(0)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1)
        .with_committed_metadata(Some(text(&"m".repeat(metadata))));
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("orders")))
        .with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(who.group)))
        .with_member_id(text(member))
        .with_group_instance_id(who.instance.map(text))
        .with_generation_id_or_member_epoch(who.epoch)
        .with_topics(vec![topic])
}

/// Says it to a classic group, and gives the error that is answered.
fn say(bench: &mut Bench, who: &Speaker, said: &Said, members: &[String]) -> Option<ErrorCode> {
    let member = who.member.map_or_else(str::to_owned, |index| members[index].clone());
    let (now, to, group) = (bench.now, caller(99), GroupId(text(who.group)));
    let instance = who.instance.map(text);
    match said {
        Said::Heartbeat | Said::Owns(_) => {
            let request = HeartbeatRequest::default()
                .with_group_id(group)
                .with_member_id(text(&member))
                .with_group_instance_id(instance)
                .with_generation_id(who.epoch);
            bench.groups.heartbeat(now, to, 0, &request);
        }
        Said::Sync => {
            let request = SyncGroupRequest::default()
                .with_group_id(group)
                .with_member_id(text(&member))
                .with_group_instance_id(instance)
                .with_generation_id(who.epoch);
            bench.groups.sync_group(now, to, 0, &request, &bench.image);
        }
        Said::Leave => {
            let leaving = MemberIdentity::default()
                .with_member_id(text(&member))
                .with_group_instance_id(instance);
            let request =
                LeaveGroupRequest::default().with_group_id(group).with_members(vec![leaving]);
            bench.groups.leave_group(now, to, 0, &request, &bench.image);
        }
        Said::Commit { offset, metadata } => {
            let request = commit(who, &member, (*offset, *metadata));
            bench.groups.commit_offsets(now, to, 0, &request, |_, _| true);
        }
    }
    bench.run();
    bench.answer(99).and_then(|body| error_of(&body))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these are asked for")]
fn error_of(body: &ResponseBody) -> Option<ErrorCode> {
    let code = match body {
        ResponseBody::Client(ClientResponse::Heartbeat(response)) => response.error_code,
        ResponseBody::Client(ClientResponse::SyncGroup(response)) => response.error_code,
        ResponseBody::Client(ClientResponse::LeaveGroup(response)) => {
            let first = response.members.first().map_or(0, |member| member.error_code);
            if response.error_code == 0 { first } else { response.error_code }
        }
        ResponseBody::Client(ClientResponse::OffsetCommit(response)) => {
            response.topics[0].partitions[0].error_code
        }
        ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(response)) => {
            response.error_code
        }
        _ => panic!("nobody asked for {body:?}"),
    };
    ErrorCode::try_from_code(code)
}

/// The errors that Kafka's group APIs have for who is not who it says.
fn is_known(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId
            | ErrorCode::GroupIdNotFound
            | ErrorCode::RebalanceInProgress
            | ErrorCode::OffsetMetadataTooLarge
            | ErrorCode::StaleMemberEpoch
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::InvalidRequest
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn who_is_refused_by_a_classic_group_has_changed_nothing(
        all in prop::collection::vec((speaker(), said()), 1..20)
    ) {
        let mut bench = Bench::new(&[]);
        let (one, two) = bench.two_members();
        let members = [one, two];
        for (who, said) in &all {
            let before = bench.state();
            let error = say(&mut bench, who, said, &members);
            if let Some(error) = error {
                prop_assert!(is_known(error), "{who:?} says {said:?}: {error:?}");
                // Who is told to join again was heard of.
                if error != ErrorCode::RebalanceInProgress && error != ErrorCode::OffsetMetadataTooLarge {
                    prop_assert_eq!(bench.state(), before, "{:?} says {:?}: {:?}", who, said, error);
                }
            }
        }
    }

    #[test]
    fn who_is_refused_by_a_consumer_group_has_changed_nothing(
        all in prop::collection::vec((speaker(), said()), 1..20)
    ) {
        let mut group = Modern::new(&[]);
        for member in ["a", "b"] {
            group.tell(&join_modern(member)).expect("it joins");
        }
        for (who, said) in &all {
            let before = group.bench.state();
            let member = who.member.map_or_else(str::to_owned, |index| ["a", "b"][index].to_owned());
            let error = match said {
                Said::Commit { offset, metadata } => {
                    let request = commit(who, &member, (*offset, *metadata));
                    let now = group.bench.now;
                    group.bench.groups.commit_offsets(now, caller(99), 0, &request, |_, _| true);
                    group.bench.run();
                    group.bench.answer(99).and_then(|body| error_of(&body))
                }
                Said::Heartbeat | Said::Sync | Said::Leave | Said::Owns(_) => {
                    let mut request = beat(&member, who.epoch)
                        .with_group_id(GroupId(text(who.group)))
                        .with_instance_id(who.instance.map(text));
                    if let Said::Owns(Some(owned)) = said {
                        request = owning(request, owned);
                    }
                    group.tell(&request).err()
                }
            };
            if let Some(error) = error {
                prop_assert!(is_known(error), "{who:?} says {said:?}: {error:?}");
                // A group that only commits is there from its first commit on, whatever becomes of that.
                if error != ErrorCode::OffsetMetadataTooLarge {
                    prop_assert_eq!(
                        group.bench.state(),
                        before,
                        "{:?} says {:?}: {:?}",
                        who,
                        said,
                        error
                    );
                }
            }
        }
    }
}
