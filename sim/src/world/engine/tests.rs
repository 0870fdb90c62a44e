//! Toy nodes, and what the engine promises them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use harrow_broker_model::disk_image::{DiskImage, FileId};
use harrow_broker_model::message::{
    BeginQuorumEpochRequest, QuorumEpochResponse, QuorumRequest, QuorumResponse, Request,
    RequestBody, Response, ResponseBody,
};
use harrow_broker_model::node::{Channel, Deadline, Effect, Effects, Event, Node, Operation};
use harrow_broker_model::note::Note;
use harrow_broker_model::types::{
    ConnectionId, CorrelationId, FlushToken, LeaderEpoch, NodeId, Now, OperationId, Time,
};

use super::*;
use crate::world::network::{LinkCondition, NodeCondition};

/// An event that a toy saw: when in true time, which node, which event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) at_us: u64,
    pub(crate) node: i32,
    pub(crate) event: Event,
}

type Act = Box<dyn FnOnce(&mut Effects)>;

/// What toys share with their test.
#[derive(Default)]
pub(crate) struct Shared {
    now_ns: u64,
    pub(crate) seen: Vec<Seen>,
    /// When connections stood, apart: most tests are about something else.
    connected: Vec<Seen>,
    acts: VecDeque<Act>,
    deadline: Option<Deadline>,
    /// Toys answer every request at once.
    echo: bool,
    pub(crate) images: Vec<DiskImage>,
    notes: u64,
}

/// A node that writes down what it sees and does what its test says.
pub(crate) struct Toy {
    id: NodeId,
    shared: Rc<RefCell<Shared>>,
}

impl Node for Toy {
    fn handle(&mut self, _now: Now, event: Event, effects: &mut Effects) {
        let mut shared = self.shared.borrow_mut();
        let at_us = shared.now_ns / 1_000;
        if let (Event::Request { connection, message, .. }, true) = (&event, shared.echo) {
            effects.reply(*connection, answer(message.correlation_id.0));
        }
        if let Event::Invoked { .. } = &event {
            let act = shared.acts.pop_front().expect("a test says what to do before it invokes");
            return act(effects);
        }
        if event == Event::DeadlinePassed {
            shared.deadline = None;
        }
        let seen = Seen { at_us, node: self.id.0, event };
        let apart = matches!(seen.event, Event::Connected { .. });
        if apart { &mut shared.connected } else { &mut shared.seen }.push(seen);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.shared.borrow().deadline.filter(|_| self.id == NodeId(1))
    }
}

pub(crate) struct ToyHost {
    shared: Rc<RefCell<Shared>>,
}

impl NodeHost<Toy> for ToyHost {
    fn boot(&mut self, boot: Boot<'_>) -> Toy {
        self.shared.borrow_mut().images.push(boot.image.clone());
        Toy { id: boot.node, shared: Rc::clone(&self.shared) }
    }

    fn started(&mut self, _moment: Moment) {}

    fn ended(&mut self, _moment: Moment, _lossy: bool) {}

    fn noted(&mut self, _moment: Moment, _note: &Note) {
        self.shared.borrow_mut().notes += 1;
    }
}

/// Three servers, 1 to 3, and a client, 4, all running.
pub(crate) struct Stage {
    pub(crate) engine: Engine<Toy>,
    pub(crate) host: ToyHost,
    links: Vec<LinkCondition>,
    messages: Vec<NodeCondition>,
    stalled: Vec<u64>,
}

pub(crate) const NETWORK: NetworkPlan = NetworkPlan {
    latency_us: (100, 200),
    client_latency_us: (1_000, 2_000),
    connect_timeout_ms: 500,
    ..crate::testing::NETWORK
};
pub(crate) const DISK: DiskPlan =
    DiskPlan { sync_us: (1_000, 1_000), write_back_ms: 10_000, capacity_bytes: 0 };
const LOG: FileId = FileId::QuorumState;

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(&NETWORK, &DISK, &[])
    }

    pub(crate) fn with(network: &NetworkPlan, disk: &DiskPlan, clocks: &[ClockPlan]) -> Self {
        let members: Vec<Member> =
            (1..=4).map(|id| Member { id: NodeId(id), client: id == 4 }).collect();
        let setup =
            Setup { seed: 5, members: &members, network, disk, clocks, record_trace: false };
        let host = ToyHost { shared: Rc::default() };
        let mut stage = Self {
            engine: Engine::new(&setup),
            host,
            links: vec![LinkCondition::default(); 16],
            messages: vec![NodeCondition::default(); 4],
            stalled: Vec::new(),
        };
        (0..4).for_each(|node| stage.engine.start_at(node, 0));
        stage.run_until_us(0);
        stage.shared().seen.clear();
        stage
    }

    pub(crate) fn shared(&self) -> std::cell::RefMut<'_, Shared> {
        self.host.shared.borrow_mut()
    }

    /// Lets everything happen up to a true time, inclusive.
    pub(crate) fn run_until_us(&mut self, at_us: u64) {
        self.engine.set_timer(at_us * 1_000, DirectorTimer::Check);
        loop {
            self.shared().now_ns = self.engine.queue.next_ns().unwrap_or(0);
            if self.engine.step(&mut self.host) == Step::DirectorTimer(DirectorTimer::Check) {
                break;
            }
        }
    }

    /// Has a node do something now.
    pub(crate) fn act(&mut self, id: i32, act: impl FnOnce(&mut Effects) + 'static) {
        self.shared().acts.push_back(Box::new(act));
        let node = self.engine.index_of(NodeId(id)).expect("a member");
        let request = Operation::Poll { timeout_ms: 0, max_records: 0 };
        self.engine.invoke(node, OperationId(0), request, &mut self.host);
    }

    pub(crate) fn send(&mut self, from: i32, to: i32, channel: Channel, number: i32) {
        self.act(from, move |effects| effects.request(NodeId(to), channel, request(number)));
    }

    pub(crate) fn crash_node(&mut self, id: i32, how: CrashKind) {
        self.engine.crash_node(id as usize - 1, how, &mut self.host);
    }

    pub(crate) fn start(&mut self, id: i32) {
        self.engine.start_at(id as usize - 1, 0);
    }

    pub(crate) fn cut(&mut self, from: i32, to: i32, cut: bool) {
        self.links[(from as usize - 1) * 4 + to as usize - 1].cut = cut;
        self.apply();
    }

    pub(crate) fn condition(&mut self, id: i32, condition: NodeCondition) {
        self.messages[id as usize - 1] = condition;
        self.apply();
    }

    /// The connections that a node has now lose their path, or all get theirs back.
    pub(crate) fn stall(&mut self, id: i32, stalled: bool) {
        let connections = self.engine.connections_of(id as usize - 1);
        self.stalled = if stalled { connections } else { Vec::new() };
        self.apply();
    }

    fn apply(&mut self) {
        self.engine.set_network_conditions(&self.links, &self.messages, &self.stalled);
    }

    pub(crate) fn echo(&mut self) {
        self.shared().echo = true;
    }

    /// What a node has seen since it was last asked.
    pub(crate) fn seen(&mut self, id: i32) -> Vec<Seen> {
        let mut shared = self.shared();
        let all = std::mem::take(&mut shared.seen);
        let (of, rest) = all.into_iter().partition(|seen| seen.node == id);
        shared.seen = rest;
        of
    }

    /// Which connections stood since it was last asked, and when their openers learned of it.
    pub(crate) fn connected(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.shared().connected)
    }

    /// Numbers of the requests that a node has seen, in order.
    pub(crate) fn requests(&mut self, id: i32) -> Vec<i32> {
        let number = |seen: Seen| {
            let Event::Request { message, .. } = seen.event else {
                return None;
            };
            Some(message.correlation_id.0)
        };
        self.seen(id).into_iter().filter_map(number).collect()
    }

    /// The events that a node has seen, in order.
    pub(crate) fn events(&mut self, id: i32) -> Vec<Event> {
        self.seen(id).into_iter().map(|seen| seen.event).collect()
    }
}

const GRANTED: QuorumEpochResponse =
    QuorumEpochResponse { epoch: LeaderEpoch(1), leader: None, error: None };

/// An answer of this number.
pub(crate) fn answer(number: i32) -> Response {
    let body = ResponseBody::Quorum(QuorumResponse::BeginQuorumEpoch(GRANTED));
    Response { correlation_id: CorrelationId(number), body }
}

/// A request of this number.
pub(crate) fn request(number: i32) -> Request {
    let body = RequestBody::Quorum(QuorumRequest::BeginQuorumEpoch(BeginQuorumEpochRequest {
        epoch: LeaderEpoch(number),
        leader: NodeId(1),
    }));
    Request { correlation_id: CorrelationId(number), body }
}

pub(crate) fn first_connection(events: &[Event]) -> ConnectionId {
    let found = events.iter().find_map(|event| match event {
        Event::Request { connection, .. } | Event::ConnectionClosed { connection } => {
            Some(*connection)
        }
        Event::Booted
        | Event::Response { .. }
        | Event::Connected { .. }
        | Event::ConnectionLost { .. }
        | Event::FlushCompleted { .. }
        | Event::Invoked { .. }
        | Event::DeadlinePassed
        | Event::StopRequested
        | Event::LogDirectoryFailed { .. }
        | Event::MetadataPublishing { .. } => None,
    });
    found.expect("a request arrived")
}

fn write(effects: &mut Effects, text: &'static str) {
    effects.push(Effect::Write { file: LOG, bytes: Bytes::from_static(text.as_bytes()) });
}

#[test]
fn a_sync_blocks_the_node_and_the_effects_after_it() {
    let mut stage = Stage::new();
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(1_000);
    assert_eq!(stage.requests(2), [1], "the connection is open");
    stage.act(1, |effects| {
        write(effects, "vote");
        effects.push(Effect::Sync { file: LOG });
        effects.request(NodeId(2), Channel::Quorum, request(2));
    });
    stage.send(3, 1, Channel::Quorum, 3);
    stage.run_until_us(1_900);
    assert_eq!(stage.seen(1), [], "nothing is handled while the sync runs");
    stage.run_until_us(3_000);
    let (one, two) = (stage.seen(1), stage.seen(2));
    assert_eq!((one.len(), two.len()), (1, 1), "{one:?} {two:?}");
    assert_eq!(one[0].at_us, 2_000, "what waited is handled when the sync is done");
    assert!(two[0].at_us >= 2_100, "what follows the sync is sent after it, at {}", two[0].at_us);
}

#[test]
fn a_crash_between_two_effects_drops_the_rest() {
    let mut stage = Stage::new();
    stage.act(1, |effects| {
        write(effects, "vote");
        effects.push(Effect::Sync { file: LOG });
        effects.request(NodeId(2), Channel::Quorum, request(2));
    });
    stage.run_until_us(500);
    stage.crash_node(1, CrashKind::Crash);
    stage.start(1);
    stage.run_until_us(10_000);
    assert_eq!(stage.requests(2), Vec::<i32>::new(), "the request after the sync is never sent");
    assert_eq!(stage.events(1), [Event::Booted], "a new uptime");
    let image = stage.shared().images.pop().expect("it booted");
    assert_eq!(
        image.read(LOG).map(|bytes| &bytes[..]),
        Some(&b"vote"[..]),
        "the page cache survives a crash"
    );
}

#[test]
fn power_loss_keeps_what_was_synced() {
    let mut stage = Stage::new();
    stage.act(1, |effects| {
        write(effects, "one");
        effects.push(Effect::Sync { file: LOG });
    });
    stage.run_until_us(2_000);
    stage.crash_node(1, CrashKind::PowerLoss);
    stage.start(1);
    stage.run_until_us(3_000);
    let image = stage.shared().images.pop().expect("it booted");
    assert_eq!(image.read(LOG).map(|bytes| &bytes[..]), Some(&b"one"[..]), "synced");
    stage.crash_node(1, CrashKind::Wipe);
    stage.start(1);
    stage.run_until_us(4_000);
    assert_eq!(stage.shared().images.pop(), Some(DiskImage::default()), "wiped");
}

#[test]
fn a_lying_sync_promises_nothing() {
    let lost = (0..20).filter(|round| {
        let mut stage = Stage::new();
        stage
            .engine
            .set_disk_condition(0, DiskCondition { lying: true, ..DiskCondition::default() });
        // Another number of losses before gives another draw.
        for _ in 0..*round {
            stage.crash_node(1, CrashKind::PowerLoss);
            stage.start(1);
            stage.run_until_us(1);
        }
        stage.act(1, |effects| {
            write(effects, "one");
            effects.push(Effect::Sync { file: LOG });
        });
        stage.run_until_us(5_000);
        stage.crash_node(1, CrashKind::PowerLoss);
        stage.engine.image(0).read(LOG).is_none()
    });
    assert!(lost.count() > 0, "twenty lies and nothing lost");
}

#[test]
fn a_flush_runs_in_the_background_and_dies_with_its_process() {
    let mut stage = Stage::new();
    let flush = |token| {
        move |effects: &mut Effects| {
            write(effects, "x");
            effects.push(Effect::Flush { file: LOG, token: FlushToken(token) });
        }
    };
    stage.act(1, flush(7));
    stage.send(2, 1, Channel::Quorum, 1);
    stage.run_until_us(3_000);
    let seen = stage.seen(1);
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0].at_us < 1_000, "a request is handled while the flush runs");
    assert_eq!(
        (seen[1].at_us, &seen[1].event),
        (1_000, &Event::FlushCompleted { token: FlushToken(7) }),
        "flushed"
    );
    stage.act(1, flush(8));
    stage.crash_node(1, CrashKind::Crash);
    stage.start(1);
    stage.run_until_us(9_000);
    assert_eq!(stage.events(1), [Event::Booted], "a flush of the last uptime comes to nothing");
}

#[test]
fn a_replacement_blocks_unless_it_is_made_in_the_background() {
    for blocking in [true, false] {
        let mut stage = Stage::new();
        stage.act(1, move |effects| {
            let (file, bytes) = (LOG, Bytes::from_static(b"vote"));
            effects.push(if blocking {
                Effect::Replace { file, bytes }
            } else {
                Effect::ReplaceInBackground { file, bytes }
            });
        });
        stage.send(2, 1, Channel::Quorum, 1);
        stage.run_until_us(999);
        assert_eq!(stage.seen(1).is_empty(), blocking, "a request is handled meanwhile");
        assert_eq!(stage.engine.image(0).read(LOG), None, "the old file, until it is done");
        stage.run_until_us(2_000);
        stage.crash_node(1, CrashKind::PowerLoss);
        let image = stage.engine.image(0);
        assert_eq!(image.read(LOG).map(|bytes| &bytes[..]), Some(&b"vote"[..]), "durable");
    }
}

#[test]
fn all_is_settled_when_what_a_slow_link_and_a_slow_disk_hold_is_done() {
    let mut stage = Stage::new();
    let slow = LinkCondition { extra_us: (700_000, 700_000), ..LinkCondition::default() };
    stage.links.fill(slow);
    stage.apply();
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(100_000);
    stage.links.fill(LinkCondition::default());
    stage.apply();
    let settles_us = stage.engine.settles_ns() / 1_000;
    assert!(settles_us >= 700_000, "the message is under way until then, not {settles_us}");
    let slow = DiskCondition { slow_us: (900_000, 900_000), ..DiskCondition::default() };
    stage.engine.set_disk_condition(0, slow);
    stage.act(1, |effects| {
        write(effects, "x");
        effects.push(Effect::Sync { file: LOG });
    });
    let syncs_us = stage.engine.settles_ns() / 1_000;
    assert!(syncs_us >= 1_000_000, "the disk is at it until then, not {syncs_us}");
    stage.run_until_us(5_000_000);
    assert_eq!(stage.engine.settles_ns() / 1_000, 5_000_000, "nothing is under way any more");
}

#[test]
fn a_stalled_disk_holds_syncs_up() {
    let mut stage = Stage::new();
    stage.engine.set_disk_condition(0, DiskCondition { stalled: true, ..DiskCondition::default() });
    stage.act(1, |effects| {
        write(effects, "x");
        effects.push(Effect::Sync { file: LOG });
    });
    stage.send(2, 1, Channel::Quorum, 1);
    stage.run_until_us(100_000);
    assert_eq!(stage.seen(1), [], "blocked");
    stage.engine.set_disk_condition(0, DiskCondition::default());
    stage.run_until_us(200_000);
    assert_eq!(stage.seen(1)[0].at_us, 101_000, "done after the stall");
}

#[test]
fn a_full_or_failed_disk_ends_the_process() {
    for full in [true, false] {
        let mut stage = Stage::new();
        stage.engine.set_disk_condition(0, DiskCondition { full, ..DiskCondition::default() });
        stage.engine.fail_disk(0, !full);
        while stage.engine.take_report().is_some() {}
        stage.act(1, |effects| {
            effects.push(Effect::Append { file: LOG, bytes: Bytes::from_static(b"x") });
            effects.request(NodeId(2), Channel::Quorum, request(1));
        });
        let reason = if full { "disk-full" } else { "disk-failed" };
        let halted = Report::Halted { node: 0, reason, asked: false };
        assert_eq!(stage.engine.take_report(), Some(halted), "halted");
        stage.run_until_us(10_000);
        assert_eq!(stage.requests(2), Vec::<i32>::new(), "nothing after the failure is performed");
        assert!(!stage.engine.runs(0), "the process is gone");
    }
}

#[test]
fn a_paused_process_gets_everything_later_in_order() {
    let mut stage = Stage::new();
    stage.engine.set_paused(1, true, &mut stage.host);
    (1..=5).for_each(|number| stage.send(1, 2, Channel::Quorum, number));
    stage.run_until_us(50_000);
    assert_eq!(stage.seen(2), [], "it stands still");
    stage.engine.set_paused(1, false, &mut stage.host);
    assert_eq!(stage.requests(2), [1, 2, 3, 4, 5], "all at once, in order");
}

#[test]
fn a_graceful_stop_is_told_from_a_halt() {
    let mut stage = Stage::new();
    while stage.engine.take_report().is_some() {}
    stage.engine.stop(0, &mut stage.host);
    assert_eq!(stage.events(1), [Event::StopRequested], "asked");
    stage.act(1, |effects| effects.push(Effect::Halt { reason: "stopped" }));
    let report = stage.engine.take_report();
    assert_eq!(
        report,
        Some(Report::Halted { node: 0, reason: "stopped", asked: true }),
        "asked for"
    );
    stage.act(2, |effects| effects.push(Effect::Halt { reason: "broken" }));
    let report = stage.engine.take_report();
    assert_eq!(
        report,
        Some(Report::Halted { node: 1, reason: "broken", asked: false }),
        "by itself"
    );
}

#[test]
fn a_deadline_passes_on_the_nodes_own_clock_and_never_early() {
    for ppm in [-300_000, -7, 0, 7, 300_000] {
        let clock = ClockPlan { node: NodeId(1), offset_ms: 0, drift_ppm: ppm };
        let mut stage = Stage::with(&NETWORK, &DISK, &[clock]);
        stage.shared().deadline = Some(Deadline { at: Time(10_000_000), why: "test" });
        stage.act(1, |_| {});
        stage.run_until_us(50_000);
        let seen = stage.seen(1);
        assert_eq!(seen.len(), 1, "once, at {ppm} ppm: {seen:?}");
        let expected = 10_000 * 1_000_000 / (1_000_000 + i64::from(ppm)) as u64;
        assert!(
            seen[0].at_us.abs_diff(expected) <= 1,
            "{} at {ppm} ppm, not {expected}",
            seen[0].at_us
        );
    }
}

#[test]
fn a_deadline_that_moves_ahead_passes_once() {
    let mut stage = Stage::new();
    for step in 1..=10 {
        stage.shared().deadline = Some(Deadline { at: Time(step * 2_000_000), why: "test" });
        stage.act(1, |_| {});
        stage.run_until_us(step * 1_000);
    }
    stage.run_until_us(60_000);
    let seen = stage.seen(1);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].at_us, 20_000, "at its last value");
}

/// Asks for a deadline that has passed, for ever.
struct Impatient;

impl Node for Impatient {
    fn handle(&mut self, _now: Now, _event: Event, _effects: &mut Effects) {}

    fn next_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: Time::ZERO, why: "impatience" })
    }
}

struct ImpatientHost;

impl NodeHost<Impatient> for ImpatientHost {
    fn boot(&mut self, _boot: Boot<'_>) -> Impatient {
        Impatient
    }

    fn started(&mut self, _moment: Moment) {}

    fn ended(&mut self, _moment: Moment, _lossy: bool) {}

    fn noted(&mut self, _moment: Moment, _note: &Note) {}
}

#[test]
fn a_deadline_that_never_moves_is_an_error_of_its_node() {
    let members = [Member { id: NodeId(9), client: false }];
    let setup = Setup {
        seed: 1,
        members: &members,
        network: &NETWORK,
        disk: &DISK,
        clocks: &[],
        record_trace: false,
    };
    let mut engine: Engine<Impatient> = Engine::new(&setup);
    engine.start_at(0, 0);
    let message =
        crate::world::panics::catch(|| while engine.step(&mut ImpatientHost) != Step::Silence {});
    let message = message.expect_err("it never ends");
    assert!(
        message
            .starts_with("node 9 asks again and again for a deadline that has passed: impatience"),
        "{message}"
    );
    assert_eq!(engine.calling(), Some(NodeId(9)), "the node is named");
}

#[test]
fn two_runs_have_one_digest() {
    let digest = |faulty: bool| {
        let mut stage = Stage::new();
        stage.echo();
        for number in 0..50 {
            stage.send(1, 2, Channel::Quorum, number);
            stage.send(4, 3, Channel::Client, number);
            stage.run_until_us(u64::from(number as u32) * 100);
            if faulty && number == 25 {
                stage.crash_node(2, CrashKind::Crash);
                stage.start(2);
            }
        }
        stage.run_until_us(1_000_000);
        (stage.engine.digest(), stage.engine.events())
    };
    assert_eq!(digest(false), digest(false), "without faults");
    assert_eq!(digest(true), digest(true), "with a fault");
    assert_ne!(digest(true).0, digest(false).0, "a fault shows in the digest");
}

#[test]
#[expect(clippy::disallowed_types, reason = "inside madsim, Instant shows simulated time")]
fn the_shells_clock_follows() {
    use madsim::runtime::Runtime;
    Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(async {
        let start = std::time::Instant::now();
        let mut stage = Stage::new();
        stage.run_until_us(1_500_000);
        let passed = start.elapsed();
        assert_eq!(passed.as_micros(), 1_500_000, "stray code sees simulated time");
    });
}
