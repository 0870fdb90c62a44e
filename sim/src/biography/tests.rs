//! The life of a record on a cluster of hand-made facts, and what is true at its end.

use harrow_broker_model::record::{RecordBatch, RecordBatchBuilder};
use harrow_broker_model::types::{
    BrokerEpoch, PartitionEpoch, ProducerEpoch, ProducerId, RecordValue, Sequence, TopicId,
    WallTime,
};

use harrow_broker_model::note::{
    CleanedBatch, ControllerNote, KeyedRecord, LogNote, MetadataChange, PartitionRegistration,
    ProducerNote, Reassignment, RegisteredAgain, ReplicationNote,
};

use super::*;
use crate::acknowledgements::Acknowledgements;
use crate::history::{Function, MicroOperation, OperationRecord, ReadRecord, SendRecord};
use crate::truth::PartitionTruth;
use crate::world::toy_plan;

const X: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

/// A cluster in which somebody follows offset 1 of `x-0`.
struct Scene {
    view: ClusterView,
    recorder: BiographyRecorder,
    acknowledgements: Acknowledgements,
    at_ns: u64,
    metadata_end: i64,
}

impl Scene {
    fn new() -> Self {
        let follow = Follow { partition: "x-0".to_owned(), offset: 1 };
        let mut scene = Self {
            view: ClusterView::new(&toy_plan(&[])),
            recorder: BiographyRecorder::new(&follow),
            acknowledgements: Acknowledgements::default(),
            at_ns: 0,
            metadata_end: 0,
        };
        scene.metadata(MetadataChange::TopicCreated {
            topic: X.topic,
            name: "x".to_owned(),
            min_insync_replicas: 1,
            unclean_leader_election: true,
        });
        scene.elect(A, 1, false);
        scene
    }

    fn note(&mut self, node: NodeId, note: &Note) {
        self.at_ns += 1;
        self.acknowledgements.note(self.at_ns, note);
        let (at_ns, event) = (self.at_ns, self.at_ns * 10);
        self.recorder.before_note(Stage { at_ns, event, node, view: &self.view }, note);
        self.view.take(at_ns, node, note);
        self.recorder.after_note(Stage { at_ns, event, node, view: &self.view });
    }

    fn metadata(&mut self, change: MetadataChange) {
        let (offset, controller_epoch) = (Offset(self.metadata_end), LeaderEpoch(1));
        self.metadata_end += 1;
        let change = Box::new(change);
        self.note(
            NodeId(101),
            &Note::Controller(ControllerNote::MetadataApplied { offset, controller_epoch, change }),
        );
    }

    fn elect(&mut self, leader: NodeId, epoch: i32, unclean: bool) {
        let registration = PartitionRegistration {
            replicas: vec![A, B],
            isr: vec![leader],
            elr: Vec::new(),
            last_known_leader: None,
            reassignment: Reassignment::default(),
            leader: Some(leader),
            leader_epoch: LeaderEpoch(epoch),
            partition_epoch: PartitionEpoch(epoch),
            recovering: false,
        };
        self.metadata(MetadataChange::PartitionChanged { partition: X, registration, unclean });
    }

    fn append(&mut self, node: NodeId, batch: &RecordBatch, origin: AppendOrigin) {
        let file = FileId::Segment { partition: X, base_offset: Offset::ZERO };
        self.recorder.on_append(file, batch.bytes());
        let (partition, leader_epoch) = (X, batch.leader_epoch());
        self.note(
            node,
            &Note::Log(LogNote::Appended {
                partition,
                batch: batch.summary(),
                origin,
                leader_epoch,
                acks: 0,
            }),
        );
    }

    fn high_watermark(&mut self, node: NodeId, epoch: i32, as_leader: bool, to: i64) {
        let from = self.view.replica(node, X).map_or(Offset::ZERO, |one| one.high_watermark);
        let (partition, leader_epoch, to) = (X, LeaderEpoch(epoch), Offset(to));
        self.note(
            node,
            &Note::Replication(ReplicationNote::HighWatermarkMoved {
                partition,
                leader_epoch,
                as_leader,
                from,
                to,
            }),
        );
    }

    fn acknowledge(&mut self, node: NodeId, batch: &RecordBatch, acks: i16) {
        self.note(
            node,
            &Note::Producer(ProducerNote::ProduceAcknowledged {
                partition: X,
                leader_epoch: batch.leader_epoch(),
                base_offset: batch.base_offset(),
                last_offset: batch.last_offset(),
                checksum: batch.header().checksum,
                acks,
                duplicate: false,
            }),
        );
    }

    fn end(&mut self, node: NodeId, lossy: bool) {
        self.at_ns += 1;
        let (at_ns, event) = (self.at_ns, self.at_ns * 10);
        self.recorder.before_end(Stage { at_ns, event, node, view: &self.view }, lossy);
        self.view.process_ended(at_ns, node, lossy);
    }

    fn recover(&mut self, node: NodeId, batches: &[&RecordBatch]) {
        let end = batches.last().map_or(Offset::ZERO, |batch| batch.next_offset());
        self.note(
            node,
            &Note::Log(LogNote::Recovered {
                partition: X,
                log_start_offset: Offset::ZERO,
                log_end_offset: end,
                high_watermark: Offset::ZERO,
                clean: false,
                batches: batches.iter().map(|batch| batch.summary()).collect(),
            }),
        );
    }

    fn truth(&self) -> PartitionTruth {
        self.acknowledgements.truth(&self.view, "x-0".to_owned(), Some(X))
    }
}

/// One batch with the record of each value, from an offset on.
fn batch(base: i64, epoch: i32, values: &[u64]) -> RecordBatch {
    let mut builder =
        RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(0), Sequence(base as i32));
    for value in values {
        let value = RecordBatch::encode_value(RecordValue(*value), 8);
        builder.push(WallTime(0), None, Some(value));
    }
    builder.build().with_assignment(Offset(base), LeaderEpoch(epoch))
}

/// The second record of a batch is committed, acknowledged, lost by an unclean election, and replaced.
fn scene() -> Scene {
    let mut scene = Scene::new();
    let (first, other) = (batch(0, 1, &[40, 41]), batch(0, 2, &[50, 51]));
    scene.append(A, &first, AppendOrigin::Leader);
    scene.append(B, &first, AppendOrigin::Follower);
    scene.high_watermark(A, 1, true, 2);
    scene.acknowledge(A, &first, -1);
    scene.end(B, true);
    scene.recover(B, &[]);
    scene.view.process_started(B);
    scene.metadata(MetadataChange::BrokerRegistered {
        broker: B,
        broker_epoch: BrokerEpoch(9),
        unclean: true,
        again: RegisteredAgain::default(),
    });
    scene.elect(B, 2, true);
    scene.append(B, &other, AppendOrigin::Leader);
    scene.note(
        A,
        &Note::Log(LogNote::Truncated {
            partition: X,
            from: Offset(2),
            to: Offset(0),
            reason: TruncateReason::Diverged,
        }),
    );
    scene.high_watermark(B, 2, true, 2);
    scene.acknowledge(B, &other, 1);
    scene
}

fn kinds(moments: &[Moment]) -> Vec<String> {
    let name = |moment: &Moment| {
        let json = serde_json::to_value(moment).expect("a moment is data");
        let node = moment.node.map_or_else(|| "client".to_owned(), |node| node.to_string());
        format!("{node} {}", json["kind"].as_str().unwrap_or_default())
    };
    moments.iter().map(name).collect()
}

#[test]
fn a_life_from_the_append_to_the_one_that_took_its_place() {
    let moments = scene().recorder.finish(&History::default());
    let wanted = [
        "1 appended",
        "2 appended",
        "1 passed-by-high-watermark",
        "1 committed",
        "1 acknowledged",
        "2 went-down",
        "2 log-recovered",
        "2 elected",
        "2 lost",
        "2 appended",
        "1 truncated",
        "2 passed-by-high-watermark",
        "2 committed",
        "2 acknowledged",
    ];
    assert_eq!(kinds(&moments), wanted);
    let MomentKind::Lost { record, leader_epoch } = &moments[8].kind else { unreachable!() };
    assert_eq!((record.value, *leader_epoch), (Some(41), LeaderEpoch(2)), "by value and epoch");
    let MomentKind::Committed { record } = &moments[12].kind else { unreachable!() };
    assert_eq!(record.value, Some(51), "the next occupant is told apart");
    let MomentKind::Elected { record, unclean, .. } = &moments[7].kind else { unreachable!() };
    assert!(record.is_none() && *unclean, "who was elected lacks it");
    let MomentKind::LogRecovered { before, record } = &moments[6].kind else { unreachable!() };
    assert!(before.is_some() && record.is_none(), "its copy is gone");
}

/// What a cleaner leaves of the first batch: these of its records.
fn cleaned(batch: &RecordBatch, records: &[i64]) -> Note {
    let records = records.iter().map(|offset| Offset(*offset)).collect();
    Note::Log(LogNote::Cleaned {
        partition: X,
        from: Offset(0),
        to: Offset(2),
        first_dirty: Offset(0),
        upper: Offset(4),
        end: Offset(4),
        at: WallTime(5),
        batches: vec![CleanedBatch {
            batch: BatchSummary { checksum: 99, ..batch.summary() },
            records,
            delete_horizon: None,
        }],
    })
}

/// The keys of a batch that was appended to a compacted log.
fn keys(batch: &RecordBatch, keys: &[u64]) -> Note {
    Note::Log(LogNote::KeysAppended {
        partition: X,
        base_offset: batch.base_offset(),
        leader_epoch: batch.leader_epoch(),
        records: keys.iter().map(|key| KeyedRecord { key: *key, tombstone: false }).collect(),
    })
}

#[test]
fn what_a_cleaner_takes_is_gone_from_the_logs_that_it_took_it_from() {
    let mut scene = Scene::new();
    let (first, later) = (batch(0, 1, &[40, 41]), batch(2, 1, &[42, 43]));
    for (batch, of) in [(&first, [7, 8]), (&later, [8, 9])] {
        scene.append(A, batch, AppendOrigin::Leader);
        scene.note(A, &keys(batch, &of));
        scene.append(B, batch, AppendOrigin::Follower);
    }
    scene.note(A, &cleaned(&first, &[0, 1]));
    assert_eq!(kinds(&scene.recorder.moments), ["1 appended", "2 appended"], "it is left");
    scene.note(A, &cleaned(&first, &[0]));
    let last = scene.recorder.moments.last().map(|moment| moment.kind.clone());
    let Some(MomentKind::Cleaned { record, replaced_by }) = last else { panic!("{last:?}") };
    assert_eq!((record.value, replaced_by), (Some(41), Some(2)), "a later record of its key");
    scene.note(A, &cleaned(&first, &[0]));
    scene.end(A, false);
    scene.end(B, false);
    let wanted = ["1 appended", "2 appended", "1 cleaned", "2 went-down"];
    assert_eq!(kinds(&scene.recorder.moments), wanted, "node 1 had it no more");
}

#[test]
fn a_tombstone_is_known_by_the_number_in_its_header() {
    let mut scene = Scene::new();
    let tombstone = RecordValue(41).as_tombstone();
    let mut builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(0), Sequence(0));
    builder.push(WallTime(0), None, Some(RecordBatch::encode_value(RecordValue(40), 8)));
    builder.push_tombstone(WallTime(0), Some(b"key"), tombstone);
    let batch = builder.build().with_assignment(Offset(0), LeaderEpoch(1));
    scene.append(A, &batch, AppendOrigin::Leader);
    let MomentKind::Appended { record, .. } = scene.recorder.moments[0].kind else { panic!() };
    assert_eq!(record.value, Some(tombstone.0));
}

#[test]
fn what_is_elsewhere_is_no_part_of_it() {
    let mut scene = Scene::new();
    let (below, above) = (batch(0, 1, &[40]), batch(1, 1, &[41]));
    let far = batch(2, 1, &[42]);
    scene.append(A, &below, AppendOrigin::Leader);
    scene.high_watermark(A, 1, true, 1);
    scene.acknowledge(A, &below, -1);
    scene.elect(B, 2, false);
    scene.end(A, false);
    assert!(scene.recorder.moments.is_empty(), "nothing was at offset 1 yet");
    scene.append(B, &above, AppendOrigin::Leader);
    scene.append(B, &far, AppendOrigin::Leader);
    scene.acknowledge(B, &far, -1);
    let cut = |to: i64| {
        Note::Log(LogNote::Truncated {
            partition: X,
            from: Offset(3),
            to: Offset(to),
            reason: TruncateReason::OutOfRange,
        })
    };
    scene.note(B, &cut(2));
    assert_eq!(kinds(&scene.recorder.moments), ["2 appended"]);
    scene.note(B, &cut(1));
    assert_eq!(kinds(&scene.recorder.moments), ["2 appended", "2 truncated"]);
}

#[test]
fn clients_are_told_of_by_the_history() {
    let operation = |process: u32, times: (u64, u64), function, action| OperationRecord {
        process,
        invoked_ns: times.0,
        completed_ns: times.1,
        completion: Completion::Ok,
        function,
        actions: vec![action],
    };
    let send = |value: u64, offset: i64| {
        MicroOperation::Send(SendRecord { partition: 0, offset, ..SendRecord::of(value) })
    };
    let read = |offset: i64, value: u64| ReadRecord { partition: 0, offset, value };
    let records = vec![read(0, 40), read(1, 41)];
    let operations = [
        operation(0, (1, 2), Function::Send, send(40, 0)),
        operation(1, (3, 900), Function::Send, send(41, 1)),
        operation(2, (800, 950), Function::Poll, MicroOperation::Poll { records }),
    ];
    let history = History::of(vec!["x-0".to_owned()], false, &operations);
    let moments = scene().recorder.finish(&history);
    let clients = moments.iter().filter(|moment| moment.node.is_none());
    let by_clients: Vec<(u64, MomentKind)> =
        clients.map(|moment| (moment.at_ns, moment.kind.clone())).collect();
    let (completion, offset) = (Completion::Ok, Some(1));
    let wanted = [
        (3, MomentKind::SendInvoked { process: 1, value: 41 }),
        (900, MomentKind::SendCompleted { process: 1, value: 41, completion, offset }),
        (950, MomentKind::Polled { process: 2, value: 41 }),
    ];
    assert_eq!(by_clients, wanted);
    let begun = moments.iter().position(|moment| moment.at_ns == 3 && moment.node.is_none());
    assert!(begun.is_some_and(|begun| begun < moments.len() - 2), "in order of time");
    assert!(moments.is_sorted_by_key(|moment| moment.at_ns), "{moments:#?}");
}

#[test]
fn the_truth_tells_which_acknowledgements_hold() {
    let truth = scene().truth();
    assert_eq!((truth.high_watermark, truth.last_stable_offset), (2, 2));
    let held: Vec<(i16, bool)> =
        truth.acknowledged.iter().map(|ack| (ack.acks, ack.committed)).collect();
    assert_eq!(held, [(-1, false), (1, true)], "the first one was lost, the second took its place");
    assert_eq!(truth.losses.len(), 1, "{truth:?}");
    let loss = truth.losses[0];
    assert_eq!((loss.first, loss.end, loss.leader, loss.leader_epoch), (0, 2, B, LeaderEpoch(2)));
    assert!(loss.covers(0) && loss.covers(1) && !loss.covers(2) && !loss.covers(-1));
    assert_eq!(truth.lost_in, Some(LeaderEpoch(2)));
}

#[test]
fn of_a_partition_that_never_was_nothing_is_true() {
    let scene = Scene::new();
    let truth = scene.acknowledgements.truth(&scene.view, "y-0".to_owned(), None);
    assert_eq!(truth, PartitionTruth { name: "y-0".to_owned(), ..PartitionTruth::default() });
}
