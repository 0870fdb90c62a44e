//! Whole runs with toy nodes: a controller that states one topic, two brokers that lead and follow it, clients that
//! succeed at once.

mod goals;

use harrow_broker_model::config::{
    AdminConfig, ClusterConfig, ConsumerConfig, ProducerConfig, topic_name,
};
use harrow_broker_model::node::{
    Deadline, Effect, Effects, Event, Node, Operation, Outcome, PolledRecord,
};
use harrow_broker_model::node_status::{Held, NodeStatus, OPEN_TRANSACTIONS};
use harrow_broker_model::note::{
    AppendOrigin, BatchKind, BatchSummary, ControllerNote, LogNote, MetadataChange,
    PartitionRegistration, QuorumNote, Reassignment, ReplicationNote,
};
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::testing as node_testing;
use harrow_broker_model::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Now, Offset, PartitionEpoch, ProducerEpoch, ProducerId,
    RecordValue, Sequence, TopicId, TopicPartition, WallTime,
};

use crate::biography::Follow;
use crate::history::{Completion, Function};
use crate::plan::{Action, ClientPlan, Cut, Plan, Step, Target};
use crate::run::{End, Run, RunOptions};
use crate::testing;
use crate::world::engine::Boot;
use crate::world::{direct, engine};

const ORDERS: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
const PLAIN: RunOptions = RunOptions { record_trace: false, watch: false, follow: Vec::new() };

/// What is wrong with the toys of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plant {
    /// Nothing.
    Sound,
    /// Broker 2 halts again and again.
    Halts,
    /// Broker 2 knows no quorum leader.
    Stranger,
    /// Broker 2 stays fenced.
    Fenced,
    /// Broker 2 has applied nothing of what is committed.
    Behind,
    /// The topic is never created.
    NoTopic,
    /// Broker 1 does not act as leader.
    Idle,
    /// The ELR still names broker 2.
    Elr,
    /// The first send is never answered.
    Silent,
    /// The high watermark stays below the log end.
    StuckWatermark,
    /// The fresh producer's sends fail.
    Refused,
    /// The producer of a load gets nothing through any more once its load is done.
    Stuck,
    /// The consumer of a load does not get on.
    Lags,
    /// A partition of broker 2 has a transaction open.
    OpensTransaction,
    /// Broker 2 holds a request.
    Holds,
    /// Broker 2 holds a request that it should have ended.
    Overdue,
}

/// What a toy does at certain events.
#[derive(Clone, Copy)]
struct Toy {
    node: NodeId,
    isr: &'static [i32],
    plant: Plant,
    sent: i64,
    panics: bool,
}

impl Node for Toy {
    fn handle(&mut self, _now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Booted => self.boot(effects),
            Event::StopRequested => effects.push(Effect::Halt { reason: "stopped" }),
            Event::Invoked { operation, request } => {
                assert!(!self.panics, "the toy of node {} was told to panic", self.node);
                if let Some(outcome) = self.outcome(&request) {
                    effects.complete(operation, outcome);
                }
            }
            Event::Request { .. }
            | Event::Response { .. }
            | Event::Connected { .. }
            | Event::ConnectionLost { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::MetadataPublishing { .. }
            | Event::DeadlinePassed => {}
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        None
    }

    fn status(&self) -> NodeStatus {
        let of_two = |plant| self.plant == plant && self.node == NodeId(2);
        let lags = self.plant == Plant::Lags && self.node == NodeId(1002);
        NodeStatus {
            quorum_leader: (!of_two(Plant::Stranger)).then_some(NodeId(101)),
            metadata_end: Offset(if of_two(Plant::Behind) { 0 } else { 9 }),
            held: if of_two(Plant::Holds) || of_two(Plant::Overdue) {
                vec![Held { what: "requests", count: 1, overdue: of_two(Plant::Overdue) }]
            } else if of_two(Plant::OpensTransaction) {
                vec![Held { what: OPEN_TRANSACTIONS, count: 1, overdue: false }]
            } else {
                Vec::new()
            },
            positions: vec![(topic_name("orders"), 0, Offset(if lags { 0 } else { 9 }))],
            unfinished: None,
        }
    }
}

impl Toy {
    fn boot(&self, effects: &mut Effects) {
        if self.plant == Plant::Halts && self.node == NodeId(2) {
            effects.push(Effect::Halt { reason: "planted" });
        }
        if self.node == NodeId(101) {
            self.state_metadata(effects);
        }
        if self.node.0 <= 2 {
            self.state_replica(effects);
        }
    }

    /// One replica, with one committed record if the plant is about records.
    fn state_replica(&self, effects: &mut Effects) {
        let about_records = [Plant::StuckWatermark, Plant::Lags].contains(&self.plant);
        let records = if about_records { vec![RECORD] } else { Vec::new() };
        let end = Offset(records.len() as i64);
        let mark = if self.plant == Plant::StuckWatermark { Offset(0) } else { end };
        effects.note(LogNote::Recovered {
            partition: ORDERS,
            log_start_offset: Offset(0),
            log_end_offset: end,
            high_watermark: mark,
            clean: true,
            batches: records,
        });
        if self.node != NodeId(1) || self.plant == Plant::Idle {
            return;
        }
        effects.note(ReplicationNote::BecameLeader {
            partition: ORDERS,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            epoch_start_offset: end,
            high_watermark: mark,
            isr: Vec::new(),
        });
        if mark > Offset(0) {
            effects.note(ReplicationNote::HighWatermarkMoved {
                partition: ORDERS,
                leader_epoch: LeaderEpoch(0),
                as_leader: true,
                from: Offset(0),
                to: mark,
            });
        }
    }

    fn state_metadata(&self, effects: &mut Effects) {
        let topic = MetadataChange::TopicCreated {
            topic: TopicId(1),
            name: "orders".to_owned(),
            min_insync_replicas: 1,
            unclean_leader_election: false,
        };
        let elr = if self.plant == Plant::Elr { vec![NodeId(2)] } else { Vec::new() };
        let registration = PartitionRegistration {
            replicas: vec![NodeId(1), NodeId(2)],
            isr: self.isr.iter().map(|id| NodeId(*id)).collect(),
            elr,
            last_known_leader: None,
            reassignment: Reassignment::default(),
            leader: (!self.isr.is_empty()).then_some(NodeId(1)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            recovering: false,
        };
        let partition =
            MetadataChange::PartitionChanged { partition: ORDERS, registration, unclean: false };
        let broker = |id: i32| MetadataChange::BrokerChanged {
            broker: NodeId(id),
            broker_epoch: BrokerEpoch(i64::from(id)),
            fenced: self.plant == Plant::Fenced && id == 2,
            shutting_down: false,
        };
        for (offset, change) in (1..).zip([topic, partition, broker(1), broker(2)]) {
            effects.note(ControllerNote::MetadataApplied {
                offset: Offset(offset),
                controller_epoch: LeaderEpoch(1),
                change: Box::new(change),
            });
        }
        if self.plant == Plant::Behind {
            Self::commit_metadata(effects);
        }
    }

    fn commit_metadata(effects: &mut Effects) {
        effects.note(LogNote::Appended {
            partition: TopicPartition::METADATA,
            batch: RECORD,
            origin: AppendOrigin::Leader,
            leader_epoch: LeaderEpoch(1),
            acks: 0,
        });
        effects.note(QuorumNote::HighWatermarkMoved {
            epoch: LeaderEpoch(1),
            as_leader: true,
            to: Offset(1),
        });
    }

    fn outcome(&mut self, request: &Operation) -> Option<Outcome> {
        Some(match request {
            Operation::Send { .. } => {
                self.sent += 1;
                if self.sent == 1 && self.plant == Plant::Silent {
                    return None;
                }
                if self.plant == Plant::Refused && self.node == NodeId(1004) {
                    let error = ErrorCode::RequestTimedOut;
                    return Some(Outcome::Unknown { error, partition: 0 });
                }
                if self.plant == Plant::Stuck && self.sent > 50 {
                    let error = ErrorCode::RequestTimedOut;
                    return Some(Outcome::Failed { error, partition: 0 });
                }
                Outcome::Sent { partition: 0, offset: Offset(self.sent - 1), topic: None }
            }
            Operation::Assign { .. } | Operation::Resume { .. } => Outcome::Assigned,
            Operation::Transact { commit, .. } => {
                Outcome::Transacted { committed: *commit, records: Vec::new() }
            }
            Operation::Subscribe { .. } => Outcome::Subscribed,
            Operation::Unsubscribe => Outcome::Unsubscribed,
            Operation::Call(_) => Outcome::Called,
            Operation::Rewind => Outcome::Rewound { partitions: Vec::new() },
            Operation::Commit { .. } => Outcome::Committed { generation: 1 },
            Operation::Poll { .. } => Outcome::Polled { records: self.reads() },
            Operation::EndOffset { .. } => Outcome::EndOffset { offset: Offset(0) },
            Operation::CreateTopic { .. } if self.plant == Plant::NoTopic => {
                Outcome::Failed { error: ErrorCode::RequestTimedOut, partition: -1 }
            }
            Operation::CreateTopic { .. } => Outcome::TopicCreated,
            Operation::Administer(_) | Operation::AdminTask(_) => {
                Outcome::Administered { listed: 0 }
            }
            Operation::DeleteRecords { .. } => Outcome::RecordsDeleted { low_watermark: Offset(0) },
        })
    }

    /// What the final reader finds where there is a record.
    fn reads(&self) -> Vec<PolledRecord> {
        if self.plant != Plant::Lags || self.node != NodeId(1003) {
            return Vec::new();
        }
        vec![PolledRecord {
            topic_id: None,
            topic: topic_name("orders"),
            partition: 0,
            offset: Offset(0),
            leader_epoch: LeaderEpoch(0),
            value: Some(RecordValue(7)),
        }]
    }
}

/// A batch of one record.
const RECORD: BatchSummary = BatchSummary {
    base_offset: Offset(0),
    last_offset: Offset(0),
    leader_epoch: LeaderEpoch(0),
    checksum: 1,
    producer_id: ProducerId::NONE,
    producer_epoch: ProducerEpoch::NONE,
    base_sequence: Sequence::NONE,
    kind: BatchKind::Plain,
    max_timestamp: WallTime(0),
};

fn consumer(node: i32) -> ConsumerConfig {
    ConsumerConfig {
        fetch_wait_max_ms: 100,
        fetch_max_bytes: 1_000,
        metadata_max_age_ms: 1_000,
        ..node_testing::consumer(node)
    }
}

fn producer(node: i32) -> ProducerConfig {
    ProducerConfig {
        in_flight_max: 1,
        delivery_timeout_ms: 1_000,
        metadata_max_age_ms: 1_000,
        ..node_testing::producer(node)
    }
}

fn cluster() -> ClusterConfig {
    ClusterConfig {
        brokers: vec![NodeId(1), NodeId(2)],
        controllers: vec![NodeId(101)],
        jitter_salt: 1,
        broker_heartbeat_interval_ms: 100,
        broker_session_timeout_ms: 1_000,
        replica_lag_time_max_ms: 1_000,
        replica_fetch_wait_max_ms: 100,
        replica_fetch_backoff_ms: 100,
        high_watermark_checkpoint_interval_ms: 1_000,
        recovery_point_checkpoint_interval_ms: 1_000,
        quorum_election_timeout_ms: 500,
        quorum_fetch_timeout_ms: 500,
        quorum_election_backoff_max_ms: 100,
        quorum_fetch_wait_max_ms: 100,
        controlled_shutdown_timeout_ms: 1_000,
        ..node_testing::cluster()
    }
}

/// A calm plan for two brokers, a producer and a consumer, with these faults.
pub(crate) fn plan(actions: &[(u64, Action)]) -> Plan {
    let steps = actions.iter().enumerate();
    Plan {
        scenario: "toy".to_owned(),
        seed: 11,
        cluster: cluster(),
        topics: vec![testing::topic(2, 1)],
        admin: AdminConfig { api_timeout_ms: 1_000, ..node_testing::admin(1000) },
        clients: vec![
            ClientPlan::Producer {
                config: producer(1001),
                topics: vec!["orders".to_owned()],
                keys: 4,
                operations: 50,
                start_ms: 10,
                interval_us: (1_000, 9_000),
                outstanding_max: 2,
                transactions: None,
                tombstone_one_in: 0,
                hot_key_percent: 0,
            },
            ClientPlan::Consumer {
                config: consumer(1002),
                pattern: None,
                topics: vec!["orders".to_owned()],
                start_ms: 10,
                operations: 20,
                interval_us: (1_000, 9_000),
                poll_timeout_ms: 50,
                poll_records_max: 10,
                end_offset_every: 5,
                reassign_every: 10,
                resume_every: 0,
                member: None,
                pipeline: None,
            },
        ],
        fresh_producer: producer(1004),
        final_reader: consumer(1003),
        network: engine::tests::NETWORK,
        disk: engine::tests::DISK,
        steps: steps
            .map(|(id, (at_ms, action))| Step {
                id: id as u32,
                at_ms: *at_ms,
                action: action.clone(),
            })
            .collect(),
        converge_within_ms: 2_000,
        ..testing::plan()
    }
}

fn run_with(plan: &Plan, options: RunOptions, isr: &'static [i32]) -> Run {
    direct(plan, options, |boot: Boot<'_>| Toy {
        node: boot.node,
        isr,
        plant: Plant::Sound,
        sent: 0,
        panics: false,
    })
}

fn run(plan: &Plan) -> Run {
    run_with(plan, PLAIN, &[1, 2])
}

fn crash(target: &str, down_ms: u64) -> Action {
    Action::Crash { target: Target::parse(target).expect("a target"), down_ms }
}

#[test]
fn a_calm_run_quiesces_with_a_full_history() {
    let run = run(&plan(&[]));
    assert_eq!(run.end, End::Quiesced, "{:?}", run.faults);
    let of = |function: Function| {
        run.history.rows().iter().filter(|one| one.function == function).count()
    };
    assert_eq!(of(Function::Send), 52, "sends, one more of the load and one of the fresh producer");
    assert_eq!(of(Function::Poll), 20, "polls; the final reader has nothing to read");
    // What is due after the twentieth poll is not asked for: that poll is the last operation.
    assert_eq!(of(Function::List), 3, "an end offset after every fifth poll");
    assert_eq!(
        of(Function::Assign { from_start: true }),
        3,
        "at first, after ten polls, and by the final reader"
    );
    assert!(
        run.history.rows().iter().all(|one| one.completion == Completion::Ok),
        "all ended well"
    );
    assert_eq!(run.history.partitions, ["orders-0"], "positions of partitions");
    assert!(run.history.final_reads, "everything was read");
    assert_eq!((run.stats.records_acked, run.stats.operations_ok), (52, 78), "{:?}", run.stats);
    assert_eq!(run.topics.get(&TopicId(1)).map(String::as_str), Some("orders"), "topics by id");
}

#[test]
fn the_digest_does_not_depend_on_who_looks_on() {
    let plan = plan(&[(100, crash("node 2", 50)), (300, crash("any-client", 100))]);
    let digest = |record_trace, watch| {
        let follow = vec![Follow { partition: "orders-0".to_owned(), offset: 0 }];
        let followed = RunOptions { record_trace, watch, follow };
        let plain = RunOptions { record_trace, watch, ..PLAIN };
        let [plain, followed] = [plain, followed].map(|options| run_with(&plan, options, &[1, 2]));
        assert_eq!(plain.digest, followed.digest, "followed or not");
        assert_eq!((plain.biographies.len(), followed.biographies.len()), (0, 1));
        plain.digest
    };
    let plain = digest(false, false);
    assert_eq!(
        [digest(false, true), digest(true, false), digest(true, true)],
        [plain; 3],
        "trace and watch"
    );
    let traced = run_with(&plan, RunOptions { record_trace: true, ..PLAIN }, &[1, 2]);
    let rows = traced.trace.expect("a trace was asked for");
    assert_eq!(rows.last().map(|row| row.digest), Some(plain), "the last row has the run's digest");
}

#[test]
fn a_panic_of_a_node_is_the_end_of_the_run() {
    let plan = plan(&[]);
    let boot = |boot: Boot<'_>| Toy {
        node: boot.node,
        isr: &[1, 2],
        plant: Plant::Sound,
        sent: 0,
        panics: boot.node == NodeId(1002),
    };
    let run = direct(&plan, PLAIN, boot);
    let End::Panicked { message, node } = run.end else { panic!("it ended {:?}", run.end) };
    assert!(message.starts_with("the toy of node 1002 was told to panic at "), "{message}");
    assert_eq!(node, Some(NodeId(1002)), "whose call it was");
    assert_eq!(
        run.history.rows().last().map(|one| one.completion),
        Some(Completion::Info),
        "what was open"
    );
}

#[test]
fn steps_say_what_they_did_or_why_not() {
    let node2 = Target::Node(NodeId(2));
    let run = run(&plan(&[
        (100, crash("leader-of orders-0", 200)),
        (150, crash("leader-of orders-0", 200)),
        (160, crash("leader-of payments-0", 200)),
        (400, Action::WipeDisk { target: Target::ActiveController, down_ms: 10 }),
        (410, Action::LyingSync { target: node2.clone(), for_ms: 10 }),
        (500, Action::Partition { cut: Cut::Isolate { target: node2 }, for_ms: 100 }),
        (2_000, crash("node 1", 10)),
    ]));
    let told: Vec<(&str, Option<&str>)> = run
        .faults
        .iter()
        .map(|fault| (fault.summary.as_str(), fault.held_back.as_deref()))
        .collect();
    let expected = [
        ("crash of node 1 (leader-of orders-0) for 200 ms", None),
        ("crash held back", Some("node 1 (leader-of orders-0) is down")),
        ("crash held back", Some("leader-of payments-0 is nobody now")),
        ("wipe-disk held back", Some("controller is nobody now")),
        ("lying-sync held back", Some("no configuration survives syncs that lie")),
        ("partition of 2 (node 2) from all others for 100 ms", None),
    ];
    assert_eq!(told[..6], expected, "faults in order");
    assert_eq!(run.stats.faults, 2, "held back ones do not count");
    assert_eq!(run.reached.get("crash"), Some(&1), "{:?}", run.reached);
    assert_eq!(run.end, End::Quiesced, "and it heals");
}

#[test]
fn a_crashed_client_comes_back_as_another_process() {
    let run = run(&plan(&[(60, crash("node 1001", 50))]));
    assert_eq!(run.end, End::Quiesced, "it heals");
    let crash = run
        .history
        .rows()
        .iter()
        .find(|one| one.function == Function::Crash)
        .expect("the crash is told");
    assert_eq!(crash.process, 0, "the first process of the first client");
    let sends = run.history.rows().iter().filter(|one| one.function == Function::Send);
    let mut processes: Vec<u32> = sends.map(|one| one.process).collect();
    processes.dedup();
    assert_eq!(processes, [0, 2, 3], "the number after all clients; then the fresh producer");
}

#[test]
fn brokers_roll_one_after_another() {
    let roll = Action::RollingRestart { down_ms: 50, gap_ms: 20 };
    let plan = plan(&[(100, roll)]);
    let run = run_with(&plan, RunOptions { record_trace: true, ..PLAIN }, &[1, 2]);
    let rows = run.trace.expect("a trace was asked for");
    let stops = rows.iter().filter(|row| row.text == "stop requested");
    let stops: Vec<_> = stops.map(|row| (row.at_ns / 1_000_000, row.node)).collect();
    assert_eq!(
        stops,
        [(100, Some(NodeId(1))), (170, Some(NodeId(2)))],
        "down for 50, then 20 between"
    );
    assert_eq!(run.end, End::Quiesced, "all are back");
}

#[test]
fn removing_a_step_leaves_the_draws_of_the_others() {
    let any = |at_ms| (at_ms, crash("any-broker", 20));
    let whole = plan(&[any(100), any(200), any(300), any(400)]);
    let mut less = whole.clone();
    less.steps.remove(1);
    let nodes = |plan: &Plan| {
        let faults = run(plan).faults;
        faults.into_iter().map(|fault| (fault.step, fault.nodes)).collect::<Vec<_>>()
    };
    let mut expected = nodes(&whole);
    expected.remove(1);
    assert_eq!(nodes(&less), expected, "keyed by the step's id");
}

#[test]
fn loads_do_not_depend_on_other_clients() {
    let whole = plan(&[]);
    let mut alone = whole.clone();
    alone.clients.truncate(1);
    let sends = |plan: &Plan| {
        let history = run(plan).history;
        let sends = history.operations().into_iter().filter(|one| one.function == Function::Send);
        sends.map(|one| (one.invoked_ns, one.actions)).collect::<Vec<_>>()
    };
    assert_eq!(sends(&whole), sends(&alone), "keyed by the client and the ordinal");
}
