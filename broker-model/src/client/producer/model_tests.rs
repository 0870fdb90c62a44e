//! A producer against a small correct cluster under random loss: what it says must be true.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::tests::{answer, batches, config, send};
use super::*;
use crate::client::testing::{Driver, START, SentRequest, metadata};
use crate::message::{ClientRequest, ClientResponse, RequestBody};
use crate::proto::InitProducerIdResponse;
use crate::record::{BatchHeader, RecordBatch};

const LEADER: NodeId = NodeId(1);

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// The application sends.
    Send(i32),
    /// The oldest request reaches the broker.
    Arrive,
    /// The oldest request reaches the broker, which refuses it before it appends.
    Refuse,
    /// The oldest request reaches the broker, which appends and then answers with an error.
    AppendAndDeny,
    /// The oldest answer reaches the producer.
    Answer,
    /// The connection breaks; requests on it may still arrive, answers do not.
    Break,
    /// The oldest request of a broken connection arrives.
    ArriveLate,
    /// Time passes.
    Wait(u64),
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2_i32).prop_map(Step::Send),
        6 => Just(Step::Arrive),
        1 => Just(Step::Refuse),
        1 => Just(Step::AppendAndDeny),
        6 => Just(Step::Answer),
        1 => Just(Step::Break),
        2 => Just(Step::ArriveLate),
        4 => (1..1_500_u64).prop_map(Step::Wait),
    ]
}

/// One log for each partition, with Kafka's duplicate detection (rules 2.7.1 and 2.7.2).
#[derive(Debug, Default)]
struct Log {
    values: Vec<u64>,
    recent: BTreeMap<i64, Vec<(BatchHeader, i64)>>,
}

impl Log {
    /// Error code and base offset.
    fn append(&mut self, batch: &RecordBatch) -> (i16, i64) {
        let header = *batch.header();
        let base = self.values.len() as i64;
        if header.producer_id.0 >= 0 {
            let recent = self.recent.entry(header.producer_id.0).or_default();
            let id = |it: &BatchHeader| (it.producer_epoch, it.base_sequence, it.record_count);
            if let Some((_, offset)) = recent.iter().find(|(it, _)| id(it) == id(&header)) {
                return (0, *offset);
            }
            if let Some((last, _)) = recent.last() {
                let next = last.base_sequence.plus(last.record_count);
                if header.producer_epoch < last.producer_epoch {
                    return (ErrorCode::InvalidProducerEpoch.code(), -1);
                }
                let fresh = header.producer_epoch > last.producer_epoch;
                if (fresh && header.base_sequence.0 != 0)
                    || (!fresh && header.base_sequence != next)
                {
                    return (ErrorCode::OutOfOrderSequenceNumber.code(), -1);
                }
                if fresh {
                    recent.clear();
                }
            }
            recent.push((header, base));
            if recent.len() > 5 {
                recent.remove(0);
            }
        }
        let records = batch.records().expect("a producer writes readable batches");
        let values = records.iter().filter_map(|it| RecordBatch::value_number(it.value.as_ref()?));
        self.values.extend(values.map(|value| value.0));
        (0, base)
    }
}

struct World {
    driver: Driver<Producer>,
    logs: BTreeMap<i32, Log>,
    answers: VecDeque<(SentRequest, ResponseBody)>,
    late: VecDeque<SentRequest>,
    sent: u64,
    next_id: i64,
}

impl World {
    fn new(config: ProducerConfig) -> Self {
        Self {
            driver: Driver::new(Producer::new(config, Defects::NONE, START)),
            logs: BTreeMap::new(),
            answers: VecDeque::new(),
            late: VecDeque::new(),
            sent: 0,
            next_id: 40,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(partition) => {
                self.sent += 1;
                send(&mut self.driver, self.sent, partition);
            }
            Step::Arrive => self.arrive(None, true),
            Step::Refuse => self.arrive(Some(ErrorCode::NotEnoughReplicas), false),
            Step::AppendAndDeny => self.arrive(Some(ErrorCode::NotLeaderOrFollower), true),
            Step::Answer => {
                if let Some((asked, body)) = self.answers.pop_front() {
                    self.driver.answer(&asked, body);
                }
            }
            Step::Break => {
                self.hang_up();
                self.driver.event(Event::ConnectionLost { to: LEADER, channel: Channel::Client });
            }
            Step::ArriveLate => {
                if let Some(asked) = self.late.pop_front() {
                    self.execute(&asked);
                }
            }
            Step::Wait(milliseconds) => self.driver.advance(milliseconds),
        }
        if !std::mem::take(&mut self.driver.disconnected).is_empty() {
            self.hang_up();
        }
    }

    /// Everything on the connection to the leader is late from now on, no answer will come back. What was asked of
    /// the others is answered for simplicity.
    fn hang_up(&mut self) {
        self.answers.retain(|(asked, _)| asked.to != LEADER);
        let wire = std::mem::take(&mut self.driver.wire);
        // Requests that were put on the wire by the same call that closed the connection count as lost, too: the
        // producer waits for them until they time out.
        self.late.extend(wire.into_iter().filter(|it| {
            matches!(it.message.body, RequestBody::Client(ClientRequest::Produce(_)))
        }));
    }

    fn arrive(&mut self, error: Option<ErrorCode>, appends: bool) {
        let Some(asked) = self.driver.wire.pop_front() else { return };
        let body = if let RequestBody::Client(ClientRequest::Metadata(_)) = &asked.message.body {
            metadata(&[(LEADER.0, 3), (LEADER.0, 3)])
        } else if let RequestBody::Client(ClientRequest::InitProducerId(_)) = &asked.message.body {
            self.next_id += 1;
            let response = InitProducerIdResponse::default()
                .with_producer_id(self.next_id.into())
                .with_producer_epoch(0);
            ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response)))
        } else {
            let answered = if appends { self.execute(&asked) } else { answer(&asked, 0, -1) };
            error.map_or(answered, |error| answer(&asked, error.code(), -1))
        };
        self.answers.push_back((asked, body));
    }

    fn execute(&mut self, asked: &SentRequest) -> ResponseBody {
        let mut body = answer(asked, 0, 0);
        let ResponseBody::Client(ClientResponse::Produce(response)) = &mut body else {
            panic!("{body:?}")
        };
        for (index, batch) in batches(asked) {
            let (error, base_offset) = self.logs.entry(index).or_default().append(&batch);
            let mut partitions =
                response.responses.iter_mut().flat_map(|it| &mut it.partition_responses);
            let partition =
                partitions.find(|it| it.index == index).expect("every partition is answered");
            (partition.error_code, partition.base_offset) = (error, base_offset);
        }
        body
    }

    /// All that can still happen, happens.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.step(&Step::Arrive);
            self.step(&Step::Answer);
            self.step(&Step::Wait(100));
        }
        while !self.late.is_empty() {
            self.step(&Step::ArriveLate);
        }
    }

    fn check_outcomes(&self) {
        assert_eq!(self.driver.outcomes.len() as u64, self.sent, "every operation ends once");
        for (operation, outcome) in &self.driver.outcomes {
            let copies =
                self.logs.values().flat_map(|log| &log.values).filter(|it| *it == operation);
            match outcome {
                Outcome::Sent { partition, offset, .. } => {
                    let value = self.logs[partition].values.get(offset.0 as usize);
                    assert_eq!(value, Some(operation), "acknowledged at {offset} of {partition}");
                }
                Outcome::Failed { .. } => assert_eq!(copies.count(), 0, "{operation} failed"),
                Outcome::Unknown { .. } => {}
                Outcome::Transacted { .. }
                | Outcome::Assigned
                | Outcome::Subscribed
                | Outcome::Unsubscribed
                | Outcome::Called
                | Outcome::WokenUp
                | Outcome::NoPosition { .. }
                | Outcome::Rewound { .. }
                | Outcome::Revoking { .. }
                | Outcome::Lost { .. }
                | Outcome::Joined { .. }
                | Outcome::Committed { .. }
                | Outcome::Polled { .. }
                | Outcome::EndOffset { .. }
                | Outcome::RecordsDeleted { .. }
                | Outcome::Administered { .. }
                | Outcome::TopicCreated => panic!("a send ended as {outcome:?}"),
            }
        }
    }

    /// Once and in order, whatever the outcome.
    fn check_logs(&self) {
        for (partition, log) in &self.logs {
            let ascending = log.values.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(ascending, "partition {partition} holds {:?}", log.values);
        }
    }
}

fn run(config: ProducerConfig, steps: &[Step]) -> World {
    let mut world = World::new(config);
    for step in steps {
        world.step(step);
    }
    world.settle();
    world.check_outcomes();
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn idempotent_sends_are_in_the_log_once_and_in_order(
        steps in prop::collection::vec(step(), 1..120),
        records_max in 1..4_u32,
        in_flight_max in 1..6_u32,
    ) {
        let config = ProducerConfig { batch_records_max: records_max, in_flight_max, ..config() };
        run(config, &steps).check_logs();
    }

    #[test]
    fn plain_sends_never_lie_about_their_outcome(
        steps in prop::collection::vec(step(), 1..120),
        in_flight_max in 1..6_u32,
    ) {
        run(ProducerConfig { idempotence: false, in_flight_max, ..config() }, &steps);
    }
}

/// Without random loss of anything, everything is acknowledged: the harness itself must not lose.
#[test]
fn nothing_is_lost_without_faults() {
    let mut steps = Vec::new();
    for partition in [0, 1, 1, 0, 0, 1] {
        steps.extend([Step::Send(partition), Step::Arrive, Step::Answer]);
    }
    let world = run(config(), &steps);
    world.check_logs();
    let sent = |(_, outcome): &(u64, Outcome)| matches!(outcome, Outcome::Sent { .. });
    assert!(world.driver.outcomes.iter().all(sent), "{:?}", world.driver.outcomes);
}

/// A late copy of a batch that the producer gave up must not be acknowledged as another one.
#[test]
fn a_late_copy_after_the_bump_is_fenced() {
    let mut world = World::new(config());
    world.step(&Step::Send(0));
    for _ in 0..4 {
        world.step(&Step::Arrive);
        world.step(&Step::Answer);
    }
    let before = world.logs.get(&0).map_or(0, |log| log.values.len());
    assert_eq!(before, 1, "the first send went through");
    world.step(&Step::Send(0));
    world.step(&Step::Break);
    world.step(&Step::Wait(5_000));
    world.driver.wire.clear();
    world.step(&Step::Send(0));
    world.settle();
    world.check_outcomes();
    world.check_logs();
}
