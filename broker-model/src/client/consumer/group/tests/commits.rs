//! What a commit is told to have become.

use super::{Member, TOPIC, member, take_commit};
use crate::config::Assignor;
use crate::message::{ClientResponse, ResponseBody};
use crate::node::{Channel, Operation, Outcome};
use crate::proto::{
    ErrorCode, OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    TopicName,
};
use crate::types::{NodeId, Offset};

const UNKNOWN: ErrorCode = ErrorCode::UnknownTopicOrPartition;

/// Two partitions are committed, and nobody waits.
fn committing() -> Member {
    let mut driver = member(Assignor::Range, &[0, 1]);
    let offsets = vec![((TOPIC, 0), Offset(7)), ((TOPIC, 1), Offset(9))];
    driver.invoke(3, Operation::Commit { offsets, sync: false });
    driver
}

fn answer(errors: [Option<ErrorCode>; 2]) -> ResponseBody {
    let partitions = errors.iter().zip(0..).map(|(error, index)| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(index)
            .with_error_code(error.map_or(0, |error| error.code()))
    });
    let topic = OffsetCommitResponseTopic::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(partitions.collect());
    let response = OffsetCommitResponse::default().with_topics(vec![topic]);
    ResponseBody::Client(ClientResponse::OffsetCommit(Box::new(response)))
}

#[test]
fn a_commit_is_done_if_every_partition_is() {
    let in_doubt = |error| Outcome::Unknown { error, partition: -1 };
    let failed = |error| Outcome::Failed { error, partition: -1 };
    let [late, moved] = [ErrorCode::CoordinatorNotAvailable, ErrorCode::NotCoordinator];
    let loading = ErrorCode::CoordinatorLoadInProgress;
    let table = [
        ([None, None], Outcome::Committed { generation: 1 }),
        ([None, Some(UNKNOWN)], in_doubt(UNKNOWN)),
        ([Some(UNKNOWN), None], in_doubt(UNKNOWN)),
        ([Some(UNKNOWN); 2], failed(UNKNOWN)),
        ([Some(loading); 2], failed(loading)),
        ([Some(late); 2], in_doubt(late)),
        ([Some(moved); 2], in_doubt(moved)),
    ];
    for (errors, outcome) in table {
        let mut driver = committing();
        let (asked, _) = take_commit(&mut driver);
        driver.answer(&asked, answer(errors));
        assert_eq!(driver.outcomes.last(), Some(&(3, outcome)), "{errors:?}");
    }
}

#[test]
fn a_commit_whose_answer_is_lost_may_be_done() {
    let mut driver = committing();
    take_commit(&mut driver);
    driver.lose(NodeId(2), Channel::ClientCoordinator);
    let outcome = Outcome::Unknown { error: ErrorCode::NetworkException, partition: -1 };
    assert_eq!(driver.outcomes.last(), Some(&(3, outcome)));
}

#[test]
fn a_commit_names_the_offsets_that_the_application_names() {
    let (_, request) = take_commit(&mut committing());
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let named: Vec<_> = partitions.map(|one| (one.partition_index, one.committed_offset)).collect();
    assert_eq!(named, [(0, 7), (1, 9)]);
}
