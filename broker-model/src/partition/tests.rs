//! Rule tables of one replica: what goes in, what comes out, and what the matching defect makes of it.

mod consumers;
mod followers;
mod log_start;
mod minimum;

use bytes::Bytes;

use super::*;
use crate::defect::{Defect, LogDefect, ReplicationDefect};
use crate::disk_image::DiskImage;
use crate::log::{LogConfig, LogOptions, ReadLimit};
use crate::message::{
    AlterPartitionItem, EpochEnd, IsrRegistration, ReplicaFetchPartition,
    ReplicaFetchPartitionResponse, ReplicaOffsetsResponse,
};
use crate::metadata::{BrokerRegistration, MetadataImage};
use crate::node::Effect;
use crate::note::{IsolationLevel, Note, Reassignment, ReplicationNote};
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::testing;
use crate::types::{ProducerEpoch, ProducerId, Sequence, Time, TopicId, WallTime};

const ID: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
const SECOND: u64 = 1_000_000_000;
/// A consumer that takes all there is.
const ALL: (ReadLimit, IsolationLevel) = (WHOLE, IsolationLevel::ReadUncommitted);

/// A partition with the world around it: brokers 1, 2 and 3 are active with broker epochs 11, 12 and 13.
struct Bench {
    partition: Partition,
    metadata: MetadataImage,
    now: Now,
    effects: Effects,
    tickets: u64,
    min_insync_replicas: u32,
    /// The last proposal that was handed to the transport.
    sent: Option<AlterPartitionItem>,
}

/// As much as there is.
const WHOLE: ReadLimit = ReadLimit { bytes_max: 1 << 20, min_one: true };

fn registration(
    leader: i32,
    leader_epoch: i32,
    partition_epoch: i32,
    isr: &[i32],
) -> PartitionRegistration {
    PartitionRegistration {
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
        isr: isr.iter().map(|id| NodeId(*id)).collect(),
        elr: Vec::new(),
        last_known_leader: None,
        reassignment: Reassignment::default(),
        leader: (leader != 0).then_some(NodeId(leader)),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(partition_epoch),
        recovering: false,
    }
}

fn cluster(defects: &[Defect]) -> ClusterConfig {
    ClusterConfig {
        controllers: vec![NodeId(101)],
        broker_heartbeat_interval_ms: 500,
        broker_session_timeout_ms: 3_000,
        replica_lag_time_max_ms: 3_000,
        replica_fetch_backoff_ms: 500,
        segment_bytes: 1 << 16,
        defects: defects.iter().copied().collect(),
        ..testing::cluster()
    }
}

fn batch(producer: i64, sequence: i32) -> RecordBatch {
    let (id, epoch, sequence) = if producer < 0 {
        (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE)
    } else {
        (ProducerId(producer), ProducerEpoch(0), Sequence(sequence))
    };
    let mut builder = RecordBatchBuilder::new(id, epoch, sequence);
    builder.push(WallTime(0), None, Some(Bytes::from_static(b"value of a record")));
    builder.build()
}

impl Bench {
    fn new(defects: &[Defect]) -> Self {
        Self::on_disk(defects, &DiskImage::default())
    }

    /// After a clean stop, as the marker says.
    fn on_disk(defects: &[Defect], image: &DiskImage) -> Self {
        let mut effects = Effects::new();
        let config = LogConfig::of(&cluster(defects));
        let options = LogOptions { config, ..testing::log_options() };
        let log = Log::open(ID, options, image, &mut effects);
        let mut metadata = MetadataImage::default();
        for id in 1..=3 {
            let broker = BrokerRegistration {
                broker_epoch: BrokerEpoch(10 + i64::from(id)),
                registered_at: Offset(10 + i64::from(id)),
                incarnation: 1,
                fenced: false,
                shutting_down: false,
            };
            metadata.brokers.insert(NodeId(id), broker);
        }
        let partition = Partition::new(NodeId(1), &cluster(defects), log);
        let now = Now { time: Time(100 * SECOND), wall: WallTime(0) };
        Self { partition, metadata, now, effects, tickets: 0, sent: None, min_insync_replicas: 2 }
    }

    /// Broker 1 leads in epoch 1 with this ISR.
    fn leading(defects: &[Defect], isr: &[i32]) -> Self {
        let mut bench = Self::new(defects);
        bench.register(&registration(1, 1, 1, isr));
        bench
    }

    fn register(&mut self, registration: &PartitionRegistration) {
        let topic = testing::topic("orders", self.min_insync_replicas);
        let context = PartitionContext {
            now: self.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &self.metadata,
        };
        self.partition.apply_registration(context, registration, &topic, &mut self.effects);
    }

    fn produce(&mut self, batch: &RecordBatch) -> ProduceOutcome {
        self.produce_raw(Ok(batch), -1)
    }

    fn produce_raw(&mut self, batch: Result<&RecordBatch, ErrorCode>, acks: i16) -> ProduceOutcome {
        self.tickets += 1;
        let ticket = ProduceTicket(self.tickets);
        let context = PartitionContext {
            now: self.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &self.metadata,
        };
        self.partition.produce(context, batch, acks, ticket, &mut self.effects)
    }

    fn fetch(&mut self, replica: i32, offset: i64) -> ReplicaFetchPartitionResponse {
        let end = self.partition.log.end_offset_for(LeaderEpoch(1)).end_offset;
        let last = if offset == 0 || Offset(offset) > end { -1 } else { 1 };
        self.fetch_in(replica, self.partition.leader_epoch().0, offset, last)
    }

    fn fetch_in(
        &mut self,
        replica: i32,
        current: i32,
        offset: i64,
        last: i32,
    ) -> ReplicaFetchPartitionResponse {
        let epoch = BrokerEpoch(10 + i64::from(replica));
        self.fetch_as(replica, epoch, current, offset, last)
    }

    fn fetch_as(
        &mut self,
        replica: i32,
        epoch: BrokerEpoch,
        current: i32,
        offset: i64,
        last: i32,
    ) -> ReplicaFetchPartitionResponse {
        let fetch = ReplicaFetchPartition {
            partition: ID,
            current_leader_epoch: LeaderEpoch(current),
            fetch_offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch(last),
            log_start_offset: Offset::ZERO,
        };
        let context = PartitionContext {
            now: self.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &self.metadata,
        };
        let bounds = FetchBounds { limit: WHOLE, update_follower: true, quota_exceeded: false };
        self.partition.replica_fetch(
            context,
            NodeId(replica),
            epoch,
            &fetch,
            bounds,
            &mut self.effects,
        )
    }

    fn check_lag(&mut self) {
        let context = PartitionContext {
            now: self.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &self.metadata,
        };
        self.partition.check_isr_lag(context, &mut self.effects);
    }

    fn answer(&mut self, result: &Result<IsrRegistration, ClusterError>) {
        self.proposed().expect("a proposal is made");
        let sent = self.sent.clone().expect("a proposal was handed over");
        let context = PartitionContext {
            now: self.now,
            broker_epoch: BrokerEpoch(11),
            metadata: &self.metadata,
        };
        self.partition.apply_alter_partition(context, &sent, result, &mut self.effects);
    }

    /// Members of the pending proposal; it is handed over, if it was not before.
    fn proposed(&mut self) -> Option<Vec<i32>> {
        self.sent = self.partition.take_proposal().or(self.sent.take());
        let sent = self.sent.as_ref().filter(|_| self.partition.proposes())?;
        Some(sent.new_isr.iter().map(|(member, _)| member.0).collect())
    }

    fn high_watermark(&self) -> i64 {
        self.partition.log.high_watermark().0
    }

    fn log_end(&self) -> i64 {
        self.partition.log.log_end_offset().0
    }

    /// Gives the log `count` batches as a follower of `leader` in `epoch`, leader's high watermark `watermark`.
    fn copy(&mut self, epoch: i32, count: i64, watermark: i64) {
        let sent = self.partition.next_fetch().expect("it follows");
        let first = self.log_end();
        let batches = (first..first + count)
            .map(|at| batch(-1, 0).with_assignment(Offset(at), LeaderEpoch(epoch)))
            .collect();
        let response = ReplicaFetchPartitionResponse {
            partition: ID,
            error: None,
            diverging: None,
            high_watermark: Offset(watermark),
            log_start_offset: Offset::ZERO,
            batches,
        };
        let outcome = self.partition.apply_fetch(&sent, &response, &mut self.effects);
        assert_eq!(outcome, FetchOutcome::Continue);
    }

    fn committed(leader_epoch: i32, partition_epoch: i32, isr: &[i32]) -> IsrRegistration {
        IsrRegistration {
            leader: Some(NodeId(1)),
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: PartitionEpoch(partition_epoch),
            isr: isr.iter().map(|id| NodeId(*id)).collect(),
            min_insync_replicas: 2,
        }
    }
}

#[test]
fn acks_all_waits_until_every_in_sync_replica_has_the_record() {
    let mut bench = Bench::leading(&[], &[1, 2, 3]);
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Waiting);
    bench.fetch(2, 0);
    bench.fetch(2, 1);
    assert_eq!(bench.high_watermark(), 0, "replica 3 has not fetched in this epoch");
    bench.fetch(3, 1);
    assert_eq!(bench.high_watermark(), 1);
    let produced = bench.partition.take_changes().produced;
    let ack = ProduceAck { base_offset: Offset(0), last_offset: Offset(0) };
    assert_eq!(produced, vec![(ProduceTicket(1), Ok(ack))]);
}

#[test]
fn acks_all_is_refused_before_the_append_when_too_few_are_in_sync() {
    let mut bench = Bench::leading(&[], &[1]);
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Refused(ErrorCode::NotEnoughReplicas));
    assert_eq!(bench.log_end(), 0);
}

#[test]
fn the_high_watermark_stands_still_below_min_insync_replicas() {
    let mut bench = Bench::leading(&[], &[1]);
    let context = PartitionContext {
        now: bench.now,
        broker_epoch: BrokerEpoch(11),
        metadata: &bench.metadata,
    };
    let one = bench.partition.produce(
        context,
        Ok(&batch(-1, 0)),
        1,
        ProduceTicket(9),
        &mut bench.effects,
    );
    assert!(matches!(one, ProduceOutcome::Acknowledged(_)), "acks=1 does not wait: {one:?}");
    assert_eq!(
        bench.high_watermark(),
        0,
        "KIP-966: one copy is not committed when two are asked for"
    );
}

#[test]
fn before_3_7_the_high_watermark_moves_below_min_insync_replicas() {
    let mut bench = Bench::leading(&[ReplicationDefect::CommitsBelowMinIsr.into()], &[1]);
    bench.produce_raw(Ok(&batch(-1, 0)), 1);
    assert_eq!(bench.high_watermark(), 1);
}

#[test]
fn a_duplicate_is_answered_with_the_original_offset_and_still_waits() {
    for (defects, log_end) in [(vec![], 1), (vec![LogDefect::NoDedup.into()], 2)] {
        let mut bench = Bench::leading(&defects, &[1, 2]);
        assert_eq!(bench.produce(&batch(7, 0)), ProduceOutcome::Waiting);
        assert_eq!(bench.produce(&batch(7, 0)), ProduceOutcome::Waiting, "not committed yet (P04)");
        assert_eq!(bench.log_end(), log_end, "with {defects:?}");
    }
}

#[test]
fn expansion_needs_the_high_watermark_and_the_epoch_start() {
    for (defects, joins_early) in
        [(vec![], false), (vec![ReplicationDefect::IsrExpandOnlyHw.into()], true)]
    {
        let mut bench = Bench::new(&defects);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 4, 2);
        bench.register(&registration(1, 2, 2, &[1]));
        bench.fetch_in(3, 2, 2, 1);
        assert_eq!(bench.proposed().is_some(), joins_early, "at the watermark, with {defects:?}");
        if !joins_early {
            bench.fetch_in(3, 2, 4, 1);
            assert_eq!(bench.proposed(), Some(vec![1, 3]), "at the epoch start");
        }
    }
}

#[test]
fn expansion_needs_an_active_follower_of_the_present_uptime() {
    for (change, eligible) in [
        (("as it is", BrokerEpoch(13), false, false), true),
        (("fenced", BrokerEpoch(13), true, false), false),
        (("shutting down", BrokerEpoch(13), false, true), false),
        (("registered anew", BrokerEpoch(12), false, false), false),
    ] {
        let (name, broker_epoch, fenced, shutting_down) = change;
        let mut bench = Bench::leading(&[], &[1, 2]);
        let registered_at = Offset(broker_epoch.0);
        let broker = BrokerRegistration {
            broker_epoch,
            registered_at,
            incarnation: 2,
            fenced,
            shutting_down,
        };
        bench.metadata.brokers.insert(NodeId(3), broker);
        bench.fetch(3, 0);
        assert_eq!(bench.proposed().is_some(), eligible, "{name}");
    }
}

#[test]
fn a_shrink_counts_only_when_the_controller_has_accepted_it() {
    for (defects, watermark_before_answer) in
        [(vec![], 0), (vec![ReplicationDefect::HwUsesProposedIsr.into()], 1)]
    {
        let mut bench = Bench::leading(&defects, &[1, 2, 3]);
        bench.produce(&batch(-1, 0));
        bench.fetch(2, 0);
        bench.now.time = Time(102 * SECOND);
        bench.fetch(2, 1);
        bench.now.time = Time(104 * SECOND);
        bench.check_lag();
        assert_eq!(bench.proposed(), Some(vec![1, 2]), "3 never fetched");
        assert_eq!(bench.high_watermark(), watermark_before_answer, "with {defects:?}");
        bench.answer(&Ok(Bench::committed(1, 2, &[1, 2])));
        assert_eq!(bench.high_watermark(), 1);
    }
}

#[test]
fn who_was_about_to_join_holds_nothing_up_for_good() {
    let in_kafka = vec![ReplicationDefect::GoneJoinerHolds.into()];
    for (defects, committed) in [(vec![], 1), (in_kafka, 0)] {
        let mut bench = Bench::leading(&defects, &[1, 2]);
        let registered = bench.metadata.brokers.remove(&NodeId(3)).expect("the bench registers it");
        bench.fetch(3, 0);
        bench.metadata.brokers.insert(NodeId(3), registered);
        bench.produce(&batch(-1, 0));
        bench.fetch(2, 1);
        assert_eq!(bench.high_watermark(), 0, "3 may join any time");
        bench.now.time = Time(104 * SECOND);
        bench.check_lag();
        assert_eq!(bench.high_watermark(), committed, "with {defects:?}");
    }
}

#[test]
fn a_batch_that_comes_again_has_the_leader_look_at_the_high_watermark() {
    let mut bench = Bench::leading(&[ReplicationDefect::GoneJoinerHolds.into()], &[1, 2]);
    let registered = bench.metadata.brokers.remove(&NodeId(3)).expect("the bench registers it");
    bench.fetch(3, 0);
    bench.metadata.brokers.insert(NodeId(3), registered);
    assert_eq!(bench.produce(&batch(7, 0)), ProduceOutcome::Waiting);
    bench.fetch(2, 1);
    bench.now.time = Time(104 * SECOND);
    bench.check_lag();
    assert_eq!(bench.high_watermark(), 0, "3 was about to join, and nobody looks again");
    assert!(matches!(bench.produce(&batch(7, 0)), ProduceOutcome::Acknowledged(_)));
    assert_eq!(bench.high_watermark(), 1);
}

#[test]
fn who_has_not_lagged_for_the_time_allowed_stays() {
    let early = vec![ReplicationDefect::IsrShrinksEarly.into()];
    for (defects, after_ms, shrinks) in [
        (vec![], 2_900, false),
        (vec![], 3_100, true),
        (early.clone(), 700, false),
        (early, 800, true),
    ] {
        let mut bench = Bench::leading(&defects, &[1, 2]);
        bench.produce(&batch(-1, 0));
        bench.fetch(2, 1);
        bench.produce(&batch(-1, 1));
        bench.now.time = bench.now.time + Duration::from_millis(after_ms);
        bench.check_lag();
        assert_eq!(bench.proposed().is_some(), shrinks, "{after_ms} ms with {defects:?}");
    }
}

#[test]
fn a_leader_that_is_alone_commits_what_it_appends() {
    let waits = vec![ReplicationDefect::LoneLeaderWaits.into()];
    for (defects, committed) in [(vec![], 1), (waits, 0)] {
        let mut bench = Bench { min_insync_replicas: 1, ..Bench::new(&defects) };
        bench.register(&registration(1, 1, 1, &[1]));
        bench.produce(&batch(-1, 0));
        assert_eq!(bench.high_watermark(), committed, "with {defects:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_hides_nobody_who_lags() {
    let by_wall_clock = vec![ReplicationDefect::LagByWallClock.into()];
    for (defects, shrinks) in [(vec![], true), (by_wall_clock, false)] {
        let mut bench = Bench::leading(&defects, &[1, 2]);
        bench.now.wall = WallTime(1_000_000);
        bench.fetch(2, 0);
        bench.produce(&batch(-1, 0));
        bench.now.time = bench.now.time + Duration::from_mins(2);
        bench.now.wall = WallTime(1_000_000 - 60_000);
        bench.check_lag();
        assert_eq!(bench.proposed(), shrinks.then(|| vec![1]), "with {defects:?}");
    }
}

#[test]
fn the_controllers_answer_decides_what_becomes_of_a_proposal() {
    let rows = [
        (ClusterError::IneligibleReplica, false, false),
        (ClusterError::OperationNotAttempted, false, false),
        (ClusterError::FencedLeaderEpoch, true, false),
        (ClusterError::InvalidUpdateVersion, true, false),
        (ClusterError::NotController, true, true),
    ];
    for (error, pending, sent_again) in rows {
        let mut bench = Bench::leading(&[], &[1, 2]);
        bench.fetch(3, 0);
        assert_eq!(bench.proposed(), Some(vec![1, 2, 3]));
        bench.answer(&Err(error));
        assert_eq!(bench.partition.proposes(), pending, "{error:?}");
        assert_eq!(bench.partition.take_proposal().is_some(), sent_again, "{error:?}");
    }
}

#[test]
fn an_expansion_counts_at_once() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.fetch(3, 0);
    assert_eq!(bench.proposed(), Some(vec![1, 2, 3]));
    bench.produce(&batch(-1, 0));
    bench.fetch(2, 1);
    assert_eq!(bench.high_watermark(), 0, "3 is in the maximal ISR and does not have it");
}

#[test]
fn requests_of_another_epoch_are_fenced() {
    for (current, expected) in [
        (0, Some(ClusterError::FencedLeaderEpoch)),
        (2, Some(ClusterError::UnknownLeaderEpoch)),
        (1, None),
    ] {
        let mut bench = Bench::leading(&[], &[1, 2]);
        assert_eq!(bench.fetch_in(2, current, 0, -1).error, expected);
        let mut open = Bench::leading(&[ReplicationDefect::NoFetchEpochFencing.into()], &[1, 2]);
        assert_eq!(open.fetch_in(2, current, 0, -1).error, None);
    }
}

#[test]
fn a_diverging_fetch_is_told_where_and_does_not_count() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 2, 2);
    bench.register(&registration(1, 3, 2, &[1, 2]));
    bench.produce(&batch(-1, 0));
    let answer = bench.fetch_in(2, 3, 3, 2);
    let end = EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(2) };
    assert_eq!((answer.error, answer.diverging), (None, Some(end)));
    assert_eq!(
        bench.high_watermark(),
        2,
        "a fetch at 3 of another log is not a copy (KAFKA-13141)"
    );
}

#[test]
fn a_follower_cuts_where_the_logs_part() {
    // (leader's epoch, leader's end) -> own log end, for a log with offsets 0..3 of epoch 1 and 3..5 of epoch 3.
    for (epoch, end, expected) in [(1, 2, 2), (1, 9, 3), (2, 4, 3), (3, 4, 4), (3, 9, 5)] {
        let mut bench = Bench::new(&[]);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 3, 0);
        bench.register(&registration(2, 3, 2, &[1, 2]));
        bench.copy(3, 2, 0);
        bench.register(&registration(3, 4, 3, &[1, 3]));
        let sent = bench.partition.next_fetch().expect("it follows");
        let response = ReplicaFetchPartitionResponse {
            partition: ID,
            error: None,
            diverging: Some(EpochEnd { epoch: LeaderEpoch(epoch), end_offset: Offset(end) }),
            high_watermark: Offset(9),
            log_start_offset: Offset::ZERO,
            batches: Vec::new(),
        };
        bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
        assert_eq!(bench.log_end(), expected, "leader says epoch {epoch} ends at {end}");
        assert_eq!(bench.high_watermark(), 0, "the watermark of a diverging answer is not taken");
    }
}

#[test]
fn a_new_follower_keeps_its_log_unless_the_old_bug_cuts_it() {
    for (defects, log_end) in [(vec![], 3), (vec![ReplicationDefect::TruncateToHw.into()], 1)] {
        let mut bench = Bench::new(&defects);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 3, 1);
        bench.register(&registration(3, 2, 2, &[1, 3]));
        assert_eq!(bench.log_end(), log_end, "with {defects:?}");
    }
}

#[test]
fn out_of_range_is_mended_by_the_leaders_bounds() {
    for (start, end, log_end) in [(0, 2, 2), (0, 9, 3), (7, 9, 7)] {
        let mut bench = Bench::new(&[]);
        bench.register(&registration(2, 1, 1, &[1, 2]));
        bench.copy(1, 3, 0);
        let response = ReplicaOffsetsResponse {
            partition: ID,
            error: None,
            log_start_offset: Offset(start),
            log_end_offset: Offset(end),
        };
        bench.partition.apply_leader_bounds(LeaderEpoch(1), &response, &mut bench.effects);
        assert_eq!(bench.log_end(), log_end, "leader has {start}..{end}");
    }
}

#[test]
fn a_proposal_names_the_broker_epochs_of_its_making() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.fetch(3, 0);
    bench.proposed().expect("3 is caught up");
    let sent = bench.sent.clone().expect("handed over");
    let made = [(1, 11), (2, -1), (3, 13)].map(|(id, epoch)| (NodeId(id), BrokerEpoch(epoch)));
    assert_eq!(sent.new_isr, made, "2 has not fetched yet");
    bench.metadata.brokers.get_mut(&NodeId(3)).expect("registered").broker_epoch = BrokerEpoch(50);
    bench.fetch_as(3, BrokerEpoch(50), 1, 0, -1);
    let mut newest = sent.new_isr.clone();
    bench.partition.take_newest_epochs(&mut newest);
    assert_eq!(newest[2], (NodeId(3), BrokerEpoch(50)), "what the old rule would send");
    bench.answer(&Err(ClusterError::IneligibleReplica));
    assert_eq!(bench.proposed(), None, "KIP-903: the uptime that was proposed is over");
}

#[test]
fn a_registration_of_the_same_partition_epoch_ends_a_proposal_in_kafka_alone() {
    let kafka = vec![ReplicationDefect::EqualEpochEndsProposal.into()];
    for (defects, partition_epoch, ends) in
        [(vec![], 1, false), (kafka.clone(), 1, true), (vec![], 2, true), (kafka, 2, true)]
    {
        let mut bench = Bench::leading(&defects, &[1, 2]);
        bench.fetch(3, 0);
        bench.proposed().expect("3 is caught up");
        bench.register(&registration(1, 1, partition_epoch, &[1, 2]));
        assert_eq!(!bench.partition.proposes(), ends, "partition epoch {partition_epoch}");
        if !ends {
            continue;
        }
        bench.fetch(3, 0);
        let again = bench.partition.take_proposal().expect("3 is still caught up");
        assert_eq!(again.partition_epoch, PartitionEpoch(partition_epoch));
    }
}

#[test]
fn a_leader_elected_again_keeps_who_waits_and_asks_its_followers_anew() {
    for (defects, watermark) in
        [(vec![], 0), (vec![ReplicationDefect::ReelectionKeepsFollowers.into()], 1)]
    {
        let mut bench = Bench::leading(&defects, &[1, 2, 3]);
        bench.fetch(2, 0);
        assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Waiting);
        bench.fetch(2, 1);
        bench.register(&registration(1, 3, 3, &[1, 2]));
        assert_eq!(bench.high_watermark(), watermark, "with {defects:?}");
        let waits = bench.partition.is_undecided(ProduceTicket(1));
        assert_eq!(waits, watermark == 0, "with {defects:?}");
        bench.fetch_in(2, 3, 1, 1);
        let produced = bench.partition.take_changes().produced;
        assert!(matches!(produced[..], [(ProduceTicket(1), Ok(_))]), "{produced:?}, {defects:?}");
    }
}

#[test]
fn a_followers_high_watermark_follows_the_leaders_downwards_too() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    bench.copy(1, 4, 3);
    assert_eq!(bench.high_watermark(), 3);
    bench.copy(1, 1, 2);
    assert_eq!(bench.high_watermark(), 2, "a new leader may know less than its predecessor");
    bench.copy(1, 0, 9);
    assert_eq!(bench.high_watermark(), 5, "not beyond its own log");
}

#[test]
fn an_answer_tells_the_high_watermark_from_before_its_fetch_counted() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.produce(&batch(-1, 0));
    let answer = bench.fetch(2, 1);
    assert_eq!((answer.high_watermark, bench.high_watermark()), (Offset(0), 1));
    assert_eq!(bench.fetch(2, 1).high_watermark, Offset(1));
}

#[test]
fn the_high_watermark_is_looked_at_only_when_a_followers_log_end_moved() {
    let mut bench = Bench::leading(&[ReplicationDefect::NoHwOnShrink.into()], &[1, 2, 3]);
    bench.produce(&batch(-1, 0));
    bench.fetch(2, 1);
    bench.register(&registration(1, 1, 2, &[1, 2]));
    bench.fetch(2, 1);
    assert_eq!(bench.high_watermark(), 0, "KAFKA-13091: an idle fetch heals nothing");
    bench.produce(&batch(-1, 0));
    bench.fetch(2, 2);
    assert_eq!(bench.high_watermark(), 2);
}

#[test]
fn fetches_of_an_uptime_that_is_over_do_not_count() {
    for (fenced, error) in [(false, Some(ClusterError::NotLeaderOrFollower)), (true, None)] {
        let mut bench = Bench::leading(&[], &[1, 2]);
        let broker = bench.metadata.brokers.get_mut(&NodeId(2)).expect("registered");
        (broker.broker_epoch, broker.fenced) = (BrokerEpoch(50), fenced);
        assert_eq!(bench.fetch(2, 0).error, error, "registered anew, fenced: {fenced}");
        let diverging = bench.fetch_in(2, 1, 3, 1).diverging;
        let end = EpochEnd { epoch: LeaderEpoch(1), end_offset: Offset(0) };
        assert_eq!(diverging, Some(end), "where the logs part is told before, fenced: {fenced}");
    }
}

#[test]
fn more_in_sync_replicas_than_there_are_replicas_are_not_asked_for() {
    let mut bench = Bench::new(&[]);
    bench.min_insync_replicas = 5;
    bench.register(&registration(1, 1, 1, &[1, 2, 3]));
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Waiting);
    bench.fetch(2, 1);
    bench.fetch(3, 1);
    assert_eq!(bench.high_watermark(), 1, "three of three are enough (KAFKA-15583)");
    bench.register(&registration(1, 1, 2, &[1, 2]));
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Refused(ErrorCode::NotEnoughReplicas));
}

#[test]
fn a_produce_is_refused_for_the_leadership_then_the_isr_then_the_batch() {
    let mut bench = Bench::leading(&[], &[1]);
    let bad = Err(ErrorCode::CorruptMessage);
    let refused = ProduceOutcome::Refused(ErrorCode::NotEnoughReplicas);
    assert_eq!(bench.produce_raw(bad, -1), refused);
    let refused = ProduceOutcome::Refused(ErrorCode::CorruptMessage);
    assert_eq!(bench.produce_raw(bad, 1), refused);
    bench.register(&registration(2, 2, 2, &[2]));
    let refused = ProduceOutcome::Refused(ErrorCode::NotLeaderOrFollower);
    assert_eq!(bench.produce_raw(bad, -1), refused);
}

#[test]
fn a_batch_of_a_later_epoch_is_skipped_and_the_rest_of_the_answer_counts() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    let sent = bench.partition.next_fetch().expect("it follows");
    let of_epoch = |at, epoch| batch(-1, 0).with_assignment(Offset(at), LeaderEpoch(epoch));
    let response = ReplicaFetchPartitionResponse {
        partition: ID,
        error: None,
        diverging: None,
        high_watermark: Offset(9),
        log_start_offset: Offset::ZERO,
        batches: vec![of_epoch(0, 1), of_epoch(1, 2), of_epoch(2, 1)],
    };
    let outcome = bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
    assert_eq!(outcome, FetchOutcome::Continue, "KAFKA-18723: no back-off");
    assert_eq!((bench.log_end(), bench.high_watermark()), (1, 1));
}

#[test]
fn an_answer_with_a_batch_that_rotted_at_the_leader_is_not_taken() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    let sent = bench.partition.next_fetch().expect("it follows");
    let rotten = |epoch| {
        let batch = batch(-1, 0).with_assignment(Offset(1), LeaderEpoch(epoch));
        let mut bytes = batch.bytes().to_vec();
        *bytes.last_mut().expect("it has bytes") ^= 1;
        RecordBatch::split_front_trusted(&mut Bytes::from(bytes)).expect("its header is whole")
    };
    let mut answer = |rotten| {
        let response = ReplicaFetchPartitionResponse {
            partition: ID,
            error: None,
            diverging: None,
            high_watermark: Offset(9),
            log_start_offset: Offset::ZERO,
            batches: vec![batch(-1, 0).with_assignment(Offset(0), LeaderEpoch(1)), rotten],
        };
        let outcome = bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
        (outcome, bench.log_end(), bench.high_watermark())
    };
    assert_eq!(answer(rotten(1)), (FetchOutcome::BackOff, 0, 0), "nor what came before it");
    assert_eq!(answer(rotten(2)), (FetchOutcome::Continue, 1, 1), "skipped, and not looked at");
}

#[test]
fn a_fenced_fetch_ends_the_fetching_in_that_epoch() {
    let mut bench = Bench::new(&[]);
    bench.register(&registration(2, 1, 1, &[1, 2]));
    let sent = bench.partition.next_fetch().expect("it follows");
    for (error, expected) in [
        (ClusterError::FencedLeaderEpoch, FetchOutcome::Failed),
        (ClusterError::UnknownLeaderEpoch, FetchOutcome::BackOff),
        (ClusterError::NotLeaderOrFollower, FetchOutcome::BackOff),
        (ClusterError::OffsetOutOfRange, FetchOutcome::OutOfRange),
    ] {
        let response = ReplicaFetchPartitionResponse {
            partition: ID,
            error: Some(error),
            diverging: None,
            high_watermark: Offset(0),
            log_start_offset: Offset::ZERO,
            batches: Vec::new(),
        };
        let outcome = bench.partition.apply_fetch(&sent, &response, &mut bench.effects);
        assert_eq!(outcome, expected, "{error:?}");
    }
}

#[test]
fn a_deposed_leader_refuses_what_waits() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    assert_eq!(bench.produce(&batch(-1, 0)), ProduceOutcome::Waiting);
    bench.register(&registration(2, 2, 2, &[1, 2]));
    let changes = bench.partition.take_changes();
    assert_eq!(changes.produced, vec![(ProduceTicket(1), Err(ErrorCode::NotLeaderOrFollower))]);
    assert!(changes.leadership_changed);
}

#[test]
fn an_older_registration_is_ignored() {
    let mut bench = Bench::leading(&[], &[1, 2]);
    bench.register(&registration(1, 1, 2, &[1, 2]));
    bench.register(&registration(2, 1, 1, &[2]));
    assert!(bench.partition.is_leader());
}

#[test]
fn a_new_epoch_is_on_disk_before_anything_is_served() {
    let mut bench = Bench::new(&[]);
    bench.effects = Effects::new();
    bench.register(&registration(1, 1, 1, &[1, 2]));
    let list = bench.effects.as_slice();
    let synced = list.iter().position(|effect| matches!(effect, Effect::Replace { .. }));
    let led = list.iter().position(|effect| {
        matches!(effect, Effect::Note(Note::Replication(ReplicationNote::BecameLeader { .. })))
    });
    assert!(synced.is_some() && synced < led, "{list:?}");
}
