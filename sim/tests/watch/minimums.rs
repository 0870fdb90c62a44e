//! `min.insync.replicas` is changed while a topic is in use: each broker is held to what it has heard of.

use harrow_broker_model::note::{MetadataChange, Note, ReplicationNote};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::NodeId;

use crate::stage::{A, B, C, Stage, X, record};

const SHORT: &str = "commit-below-min-isr";

/// Two of three are in sync with a minimum of two; then the leader is alone, with a record that the others lack.
fn alone() -> Stage {
    let mut stage = Stage::new(2, false);
    stage.elect(A, 0, &[A, B, C]);
    stage.append_all(&[A, B, C], 0, record(0, 0, 1));
    stage.leader_high_watermark(A, 0, 1);
    stage.elect(A, 1, &[A]);
    stage.became_leader(A, 1, &[A]);
    stage.append(A, 1, record(1, 1, 2));
    assert_eq!(stage.found(), Vec::<String>::new());
    stage
}

fn set(stage: &mut Stage, minimum: u32) {
    stage.metadata(MetadataChange::TopicReconfigured {
        topic: X.topic,
        name: "min.insync.replicas".to_owned(),
        value: Some(minimum.to_string()),
        min_insync_replicas: minimum,
        unclean_leader_election: false,
        retention: Retention::FOREVER,
    });
}

fn hears(stage: &mut Stage, node: NodeId, minimum: u32) {
    let note = ReplicationNote::MinimumChanged { partition: X, minimum };
    stage.note(node, &Note::Replication(note));
}

fn is_found(stage: &mut Stage, anomaly: &str) -> bool {
    stage.found().iter().any(|found| found.contains(anomaly))
}

#[test]
fn a_leader_commits_alone_only_when_it_may_have_heard_that_one_is_enough() {
    let mut stage = alone();
    stage.leader_high_watermark(A, 1, 2);
    assert!(is_found(&mut stage, SHORT), "two are needed");
    let mut stage = alone();
    set(&mut stage, 1);
    stage.leader_high_watermark(A, 1, 2);
    assert!(!is_found(&mut stage, SHORT), "one is enough by now");
}

#[test]
fn a_leader_that_has_heard_of_more_is_held_to_it_and_one_that_has_not_is_not() {
    let lowered = || {
        let mut stage = alone();
        set(&mut stage, 1);
        hears(&mut stage, A, 1);
        set(&mut stage, 2);
        stage
    };
    let mut stage = lowered();
    stage.leader_high_watermark(A, 1, 2);
    assert!(!is_found(&mut stage, SHORT), "it goes by the one that it knows");
    let mut stage = lowered();
    hears(&mut stage, A, 2);
    stage.leader_high_watermark(A, 1, 2);
    assert!(is_found(&mut stage, SHORT), "it knows of two");
}
