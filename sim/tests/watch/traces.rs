//! The judge's trace vectors (true state): each must give exactly the anomalies that it lists.
//!
//! Skipped are those that need transactions (`coord`, `lso`, a record's `tx`) or groups (`own`, `disown`), which the
//! model does not have.

use std::collections::BTreeMap;

use harrow_broker_model::note::{BatchSummary, Note, QuorumRole};
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence,
};
use serde::Deserialize;
use serde_json::Value;

use crate::stage::{A, B, C, N1, Stage, X, record};

const VECTORS: &str = include_str!("../vectors/traces.jsonl");
const SKIPPED: [&str; 8] = ["T22", "T23", "T25", "T26", "T31", "T34", "T37", "T38"];

#[derive(Deserialize)]
struct Vector {
    id: String,
    name: String,
    #[serde(default)]
    cfg: BTreeMap<String, Value>,
    e: Vec<Vec<Value>>,
    bad: Vec<String>,
}

struct Driver {
    stage: Stage,
    epoch: i32,
    leader: NodeId,
    acting: BTreeMap<NodeId, i32>,
    kept: BTreeMap<NodeId, i64>,
}

#[test]
fn vectors_give_exactly_the_listed_anomalies() {
    let mut skipped = Vec::new();
    for line in VECTORS.lines() {
        let vector: Vector =
            serde_json::from_str(line).expect("the vectors are JSON of this shape");
        if !in_scope(&vector) {
            skipped.push(vector.id);
            continue;
        }
        let mut expected = vector.bad.clone();
        expected.sort();
        assert_eq!(Driver::run(&vector), expected, "{} {}", vector.id, vector.name);
    }
    assert_eq!(skipped, SKIPPED, "vectors out of scope");
}

fn in_scope(vector: &Vector) -> bool {
    let foreign = |event: &Vec<Value>| {
        matches!(text(&event[0]), "coord" | "own" | "disown" | "lso")
            || event.iter().any(|value| value.get("tx").is_some())
    };
    !vector.e.iter().any(foreign)
}

impl Driver {
    fn run(vector: &Vector) -> Vec<String> {
        let min_isr = vector.cfg.get("min_isr").map_or(2, number) as u32;
        let unclean = vector.cfg.get("unclean").is_some_and(|value| value == &Value::Bool(true));
        let stage = Stage::new(min_isr, unclean);
        let mut driver =
            Self { stage, epoch: 0, leader: A, acting: BTreeMap::new(), kept: BTreeMap::new() };
        for event in &vector.e {
            driver.play(event);
        }
        driver.commit_rest();
        driver.stage.found()
    }

    fn play(&mut self, event: &[Value]) {
        match text(&event[0]) {
            "leader" => self.elect(event),
            "isr" => {
                let mut next = self.stage.next(Some(self.leader), self.epoch, &nodes(&event[2]));
                next.elr = event.get(3).map(nodes).unwrap_or_default();
                self.stage.registered(X, next, false);
            }
            "claims" => {
                let (node, epoch) = (node(&event[1]), number(&event[3]) as i32);
                self.acting.insert(node, epoch);
                self.stage.became_leader(node, epoch, &[A, B, C]);
            }
            "append" => self.append(node(&event[1]), &event[3]),
            "truncate" => self.stage.truncate(node(&event[1]), number(&event[3])),
            "hw" => {
                self.stage.leader_high_watermark(
                    node(&event[1]),
                    number(&event[3]) as i32,
                    number(&event[4]),
                );
            }
            "fhw" => {
                self.stage.high_watermark(node(&event[1]), self.epoch, false, number(&event[3]))
            }
            "ack" => {
                let acks =
                    event.get(4).map_or(-1, |acks| text(acks).parse().expect("acks is a number"));
                let batch = self.batch(number(&event[2]), &event[3], self.epoch);
                self.stage.acknowledge(self.leader, self.epoch, batch, acks);
            }
            "fetch" => {
                let offset = number(&event[2]);
                let batch = self.batch(offset, &event[3], self.epoch);
                self.stage.serve(self.leader, self.epoch, offset, &[batch]);
            }
            "crash" => {
                self.kept.insert(node(&event[1]), number(&event[2]["x"]));
                self.stage.crash(node(&event[1]), true);
            }
            "restart" => self.stage.restart(node(&event[1]), self.kept[&node(&event[1])]),
            "caughtup" => {}
            "ctl" => {
                let epoch = number(&event[2]) as i32;
                self.stage.quorum_state(N1, epoch, QuorumRole::Unattached, None);
            }
            other => panic!("unknown event {other}"),
        }
    }

    fn elect(&mut self, event: &[Value]) {
        self.epoch = number(&event[2]) as i32;
        self.leader = node(&event[3]);
        let unclean = event.get(5).is_some_and(|options| options["unclean"] == Value::Bool(true));
        let next = self.stage.next(Some(self.leader), self.epoch, &nodes(&event[4]));
        self.stage.registered(X, next, unclean);
    }

    fn append(&mut self, node: NodeId, record: &Value) {
        let acting = self.acting.get(&node).copied().unwrap_or(self.epoch);
        let end = self
            .stage
            .observer
            .view()
            .replica(node, X)
            .map_or(Offset::ZERO, |replica| replica.log.end());
        let batch = self.batch(end.0, record, acting);
        self.stage.append(node, acting, batch);
    }

    /// The record as a batch at an offset. A copy of what the leader has there has the leader's epoch.
    fn batch(&self, offset: i64, value: &Value, epoch: i32) -> BatchSummary {
        let mut batch = record(offset, epoch, checksum(value));
        if value.is_object() {
            batch.producer_id = ProducerId(number(&value["pid"]));
            batch.producer_epoch = ProducerEpoch(number(&value["ep"]) as i16);
            batch.base_sequence = Sequence(number(&value["seq"]) as i32);
        }
        let leader = self.stage.observer.view().replica(self.leader, X);
        let original = leader.and_then(|leader| leader.log.entry_at(Offset(offset)));
        if let Some(original) = original.filter(|entry| entry.batch.checksum == batch.checksum) {
            batch.leader_epoch = original.batch.leader_epoch;
        }
        batch
    }

    /// At the end, the leader commits what all electable replicas hold: sequences are judged when they are committed.
    fn commit_rest(&mut self) {
        let view = self.stage.observer.view();
        let Some(partition) =
            view.partition(X).filter(|partition| partition.registration.is_some())
        else {
            return;
        };
        let leader_log =
            partition.replica(self.leader).map(|replica| replica.log.clone()).unwrap_or_default();
        let held = |member: NodeId| {
            partition
                .replica(member)
                .map_or(Offset::ZERO, |replica| leader_log.common_end(&replica.log))
        };
        let to = partition.electable().map(held).min().unwrap_or_default();
        if to > partition.committed.end() {
            self.stage.leader_high_watermark(self.leader, self.epoch, to.0);
        }
    }
}

fn checksum(value: &Value) -> u32 {
    value
        .to_string()
        .bytes()
        .fold(7, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
}

fn node(value: &Value) -> NodeId {
    match text(value) {
        "A" => A,
        "B" => B,
        "C" => C,
        other => panic!("unknown broker {other}"),
    }
}

fn nodes(value: &Value) -> Vec<NodeId> {
    value.as_array().expect("a list of brokers").iter().map(node).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

/// A note about another node's quorum state is not a regression of this one's.
#[test]
fn epochs_of_two_voters_are_apart() {
    let mut stage = Stage::new(2, false);
    stage.quorum_state(N1, 4, QuorumRole::Unattached, None);
    let note = Note::QuorumStateChanged {
        epoch: LeaderEpoch(3),
        role: QuorumRole::Unattached,
        leader: None,
        voted: None,
    };
    stage.note(crate::stage::N2, note);
    assert_eq!(stage.found(), Vec::<String>::new());
}
