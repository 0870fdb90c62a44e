//! Requests and answers: each fence by itself, for each request that names an epoch, and for each fact of an epoch.

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{
    Api, BatchSummary, ConsumerNote, ExchangeNote, IsolationLevel, LogNote, Note, ProducerNote,
    QuorumNote, ReplicationNote, Standing,
};
use harrow_broker_model::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, ProducerEpoch, ProducerId, Sequence,
    TopicId, TopicPartition,
};

use super::case::{Case, outcome, plain};
use crate::stage::{A, B, C, N1, N2, Stage, X};

fn serves(stage: &mut Stage, api: Api, named: i64) {
    let partition = Some(X);
    stage.note(
        A,
        &Note::Exchange(ExchangeNote::RequestServed { api, partition, by: B, named, own: 1 }),
    );
}

/// A refuses a proposal of B, which names an epoch, for a reason.
fn refuses(stage: &mut Stage, named: i32, error: ClusterError) {
    let (api, partition, by) = (Api::AlterPartition, X, B);
    let (named, own) = (LeaderEpoch(named), LeaderEpoch(1));
    let refused = ExchangeNote::RequestRefused { api, partition, by, named, own, error };
    stage.note(A, &Note::Exchange(refused));
}

fn learns(stage: &mut Stage, client: i32, epoch: i32) {
    let (partition, epoch) = ("x-0".to_owned(), LeaderEpoch(epoch));
    let learned = ExchangeNote::EpochLearned { partition, epoch };
    stage.note(NodeId(client), &Note::Exchange(learned));
}

fn applies(stage: &mut Stage, node: NodeId, api: Api, asked: (i64, i64), own: (i64, i64)) {
    let standing = |(epoch, position): (i64, i64)| Standing { epoch, position };
    let partition = Some(X);
    let (asked, own) = (standing(asked), standing(own));
    stage.note(node, &Note::Exchange(ExchangeNote::AnswerApplied { api, partition, asked, own }));
}

/// B follows in epoch 2, and everything is stated from now on.
fn hears_of_newer(stage: &mut Stage) {
    stage.follow(B, 2, C);
    stage.observer.expect_all_facts();
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "invalid-request",
        good: |stage| refuses(stage, 0, ClusterError::FencedLeaderEpoch),
        bad: |stage| {
            let now_ns = stage.now_ns();
            stage.observer.asked_nonsense(now_ns, 1, A, ("ConsumerGroupHeartbeat", NodeId(1001)));
        },
    },
    Case {
        anomaly: "unfenced-request",
        good: |stage| {
            serves(stage, Api::ReplicaOffsets, 1);
            serves(stage, Api::ReplicaOffsets, -1);
        },
        bad: |stage| serves(stage, Api::ReplicaOffsets, 0),
    },
    Case {
        anomaly: "refused-elsewhere",
        good: |stage| {
            refuses(stage, 0, ClusterError::FencedLeaderEpoch);
            refuses(stage, 2, ClusterError::NotController);
            refuses(stage, 1, ClusterError::InvalidUpdateVersion);
        },
        bad: |stage| refuses(stage, 0, ClusterError::InvalidUpdateVersion),
    },
    Case {
        anomaly: "stale-answer-applied",
        good: |stage| applies(stage, B, Api::ReplicaFetch, (1, 2), (1, 2)),
        // B says that it has not moved; the watch knows better.
        bad: |stage| applies(stage, B, Api::ReplicaFetch, (1, 1), (1, 1)),
    },
    Case {
        anomaly: "acts-in-older-epoch",
        good: |stage| {
            hears_of_newer(stage);
            stage.high_watermark(B, 2, false, 1);
        },
        bad: |stage| {
            hears_of_newer(stage);
            stage.high_watermark(B, 1, false, 1);
        },
    },
];

/// Each request is judged alike, where it is served and where its answer is taken.
#[test]
fn each_request_has_a_fence_on_both_sides() {
    for api in Api::ALL {
        let table: [(i64, &[&str]); 3] = [(1, &[]), (-1, &[]), (0, &["unfenced-request"])];
        for (named, expected) in table {
            let mut stage = super::case::stage();
            serves(&mut stage, api, named);
            assert_eq!(stage.found(), expected, "{} names {named}", api.name());
        }
        // Voters are known by the epoch that they state, replicas by their log and epoch.
        let node = if matches!(api, Api::Vote | Api::QuorumFetch) { N2 } else { B };
        for (asked, fits) in [((1, 2), true), ((0, 2), false), ((1, 1), false)] {
            let mut stage = super::case::stage();
            stage.quorum_state(N1, 1, harrow_broker_model::note::QuorumRole::Leader, Some(N1));
            stage.quorum_state(N2, 1, harrow_broker_model::note::QuorumRole::Follower, Some(N1));
            stage.found();
            applies(&mut stage, node, api, asked, (1, 2));
            let expected: &[&str] = if fits { &[] } else { &["stale-answer-applied"] };
            assert_eq!(stage.found(), expected, "{} asked in {asked:?}", api.name());
        }
    }
}

/// A client goes forward only, in one process of it.
#[test]
fn a_client_goes_back_to_no_older_epoch() {
    let mut stage = super::case::stage();
    for (client, epoch) in [(1001, 1), (1001, 3), (1002, 2)] {
        learns(&mut stage, client, epoch);
    }
    assert_eq!(stage.found(), Vec::<String>::new());
    learns(&mut stage, 1001, 2);
    assert_eq!(stage.found(), ["acts-in-older-epoch"]);
    stage.observer.process_started(stage.now_ns(), NodeId(1002));
    learns(&mut stage, 1002, 1);
    assert_eq!(stage.found(), Vec::<String>::new(), "another process knows of nothing");
    learns(&mut stage, 1003, 5);
    let (topic, before, after) = ("x".to_owned(), TopicId(1), TopicId(2));
    let replaced = ExchangeNote::TopicReplaced { topic, before, after };
    stage.note(NodeId(1003), &Note::Exchange(replaced));
    learns(&mut stage, 1003, 0);
    assert_eq!(stage.found(), Vec::<String>::new(), "another topic has epochs of its own");
}

/// Each fact that tells an epoch gives a node away that knows of a newer one.
#[test]
fn no_fact_of_an_older_epoch_goes_unnoticed() {
    for (name, note) in facts_of_epoch_one() {
        let found = outcome_of(B, &note);
        assert!(found.contains(&"acts-in-older-epoch".to_owned()), "{name}: {found:?}");
    }
    let followed = outcome(hears_of_newer);
    assert_eq!(followed, Vec::<String>::new(), "nothing was done yet");
}

fn outcome_of(node: NodeId, note: &Note) -> Vec<String> {
    let mut stage = super::case::stage();
    stage.quorum_state(B, 2, harrow_broker_model::note::QuorumRole::Unattached, None);
    hears_of_newer(&mut stage);
    stage.found();
    stage.note(node, note);
    stage.found()
}

fn facts_of_epoch_one() -> Vec<(&'static str, Note)> {
    [replication_facts(), producer_facts(), consumer_facts(), quorum_facts()].concat()
}

fn replication_facts() -> Vec<(&'static str, Note)> {
    let (partition, leader_epoch) = (X, LeaderEpoch(1));
    let batch: BatchSummary = plain(2);
    let appended = |partition: TopicPartition| LogNote::Appended {
        partition,
        batch,
        origin: harrow_broker_model::note::AppendOrigin::Leader,
        leader_epoch,
        acks: 0,
    };
    vec![
        ("append", Note::Log(appended(partition))),
        (
            "commit",
            replication(ReplicationNote::HighWatermarkMoved {
                partition,
                leader_epoch,
                as_leader: true,
                from: Offset(0),
                to: Offset(1),
            }),
        ),
        (
            "proposal",
            replication(ReplicationNote::IsrProposed {
                partition,
                leader_epoch,
                from: vec![A],
                to: vec![A],
                out_of_sync: Vec::new(),
            }),
        ),
        (
            "ISR",
            replication(ReplicationNote::IsrCommitted {
                partition,
                leader_epoch,
                partition_epoch: PartitionEpoch(1),
                isr: vec![A],
            }),
        ),
        (
            "news of a follower",
            replication(ReplicationNote::FollowerHeard {
                partition,
                leader_epoch,
                follower: C,
                current_leader_epoch: leader_epoch,
                broker_epoch: BrokerEpoch::NONE,
                fetch_offset: Offset(0),
            }),
        ),
    ]
}

fn producer_facts() -> Vec<(&'static str, Note)> {
    let (partition, leader_epoch) = (X, LeaderEpoch(1));
    vec![
        (
            "acknowledgement",
            Note::Producer(ProducerNote::ProduceAcknowledged {
                partition,
                leader_epoch,
                base_offset: Offset(0),
                last_offset: Offset(0),
                checksum: plain(0).checksum,
                acks: -1,
                duplicate: false,
            }),
        ),
        (
            "refusal",
            Note::Producer(ProducerNote::SequenceRefused {
                partition,
                leader_epoch,
                producer_id: ProducerId(1),
                producer_epoch: ProducerEpoch(0),
                first_sequence: Sequence(0),
                last_sequence: Sequence(0),
                fenced: false,
            }),
        ),
    ]
}

fn consumer_facts() -> Vec<(&'static str, Note)> {
    let (partition, leader_epoch) = (X, LeaderEpoch(1));
    vec![
        (
            "records",
            Note::Consumer(ConsumerNote::RecordsServed {
                partition,
                leader_epoch,
                consumer: NodeId(1001),
                current_leader_epoch: leader_epoch,
                fetch_offset: Offset(0),
                isolation: IsolationLevel::ReadUncommitted,
                batches: vec![plain(0)],
                aborted: Vec::new(),
            }),
        ),
        (
            "end offset",
            Note::Consumer(ConsumerNote::EndOffsetServed {
                partition,
                leader_epoch,
                current_leader_epoch: leader_epoch,
                isolation: IsolationLevel::ReadUncommitted,
                offset: Offset(1),
            }),
        ),
        (
            "end of an epoch",
            Note::Consumer(ConsumerNote::EpochEndServed {
                partition,
                leader_epoch,
                asked: leader_epoch,
                epoch: leader_epoch,
                end_offset: Offset(2),
            }),
        ),
    ]
}

fn quorum_facts() -> Vec<(&'static str, Note)> {
    let epoch = LeaderEpoch(1);
    vec![
        ("vote", Note::Quorum(QuorumNote::VoteGranted { epoch, candidate: N1 })),
        (
            "commit of metadata",
            Note::Quorum(QuorumNote::HighWatermarkMoved { epoch, as_leader: false, to: Offset(0) }),
        ),
    ]
}

fn replication(note: ReplicationNote) -> Note {
    Note::Replication(note)
}
