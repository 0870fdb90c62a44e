//! What connections promise.

use harrow_broker_model::message::{EndQuorumEpochRequest, QuorumRequest, Request, RequestBody};
use harrow_broker_model::node::{Channel, Effect, Event};
use harrow_broker_model::types::{CorrelationId, LeaderEpoch, NodeId};

use crate::plan::{NetworkPlan, RequestKind};
use crate::world::engine::CrashKind;
use crate::world::engine::tests::{DISK, NETWORK, Stage, answer, first_connection};
use crate::world::network::NodeCondition;

const LOST: Event = Event::ConnectionLost { to: NodeId(2), channel: Channel::Quorum };

/// A stage with an open connection from 1 to 2, on which request 0 was answered.
fn connected() -> Stage {
    let mut stage = Stage::new();
    stage.echo();
    stage.send(1, 2, Channel::Quorum, 0);
    stage.run_until_us(10_000);
    assert_eq!((stage.seen(1).len(), stage.requests(2)), (1, vec![0]), "connected");
    stage
}

#[test]
fn requests_arrive_in_order_after_the_handshake() {
    let mut stage = Stage::new();
    (0..50).for_each(|number| stage.send(1, 2, Channel::Quorum, number));
    stage.run_until_us(299);
    assert_eq!(stage.seen(2), [], "a handshake and a way take three latencies");
    stage.run_until_us(601);
    assert_eq!(stage.requests(2), (0..50).collect::<Vec<_>>(), "in order");
}

#[test]
fn an_opener_is_told_once_that_its_connection_stands() {
    let mut stage = Stage::new();
    stage.echo();
    stage.send(1, 2, Channel::Quorum, 0);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.send(4, 2, Channel::Application(0), 2);
    stage.run_until_us(10_000);
    stage.send(1, 2, Channel::Quorum, 3);
    stage.run_until_us(20_000);
    let told = stage.connected();
    let event = Event::Connected { to: NodeId(2), channel: Channel::Quorum };
    assert_eq!(told.len(), 1, "the acceptor is not told, nor a client that speaks bytes: {told:?}");
    assert_eq!((told[0].node, &told[0].event), (1, &event));
    assert!((200..=401).contains(&told[0].at_us), "after a way there and back: {told:?}");
    assert!(stage.seen(1)[0].at_us > told[0].at_us, "before any answer");
}

#[test]
fn every_attempt_to_connect_ends() {
    let plan = NetworkPlan { stall_timeout_ms: 200, connect_timeout_ms: 500, ..NETWORK };
    for (there, back) in [(true, false), (false, true), (true, true)] {
        let mut stage = Stage::with(&plan, &DISK, &[]);
        stage.cut(1, 2, there);
        stage.cut(2, 1, back);
        stage.send(1, 2, Channel::Quorum, 1);
        stage.run_until_us(510_000);
        assert_eq!(stage.events(1), [LOST], "cut there: {there}, back: {back}");
        assert_eq!(stage.connected(), [], "cut there: {there}, back: {back}");
    }
    let mut stage = Stage::with(&plan, &DISK, &[]);
    stage.engine.set_paused(1, true, &mut stage.host);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(510_000);
    assert_eq!(stage.connected().len(), 1, "who is paused has a kernel that accepts");
    assert_eq!(stage.seen(1), []);
}

#[test]
fn a_connection_that_was_given_up_before_it_was_heard_of_is_not_told_of() {
    let mut stage = Stage::new();
    stage.send(1, 2, Channel::Quorum, 1);
    stage.engine.set_paused(0, true, &mut stage.host);
    stage.run_until_us(10_000);
    stage.crash_node(1, CrashKind::Crash);
    stage.start(1);
    stage.run_until_us(20_000);
    assert_eq!(stage.connected(), [], "it was another process's");
}

#[test]
fn two_connections_are_not_ordered() {
    let overtakes = (0..20).any(|_| {
        let mut stage = Stage::new();
        stage.send(1, 2, Channel::Quorum, 0);
        stage.send(1, 2, Channel::QuorumFetch, 100);
        stage.run_until_us(5_000);
        for number in 1..40 {
            stage.send(1, 2, Channel::Quorum, number);
            stage.send(1, 2, Channel::QuorumFetch, 100 + number);
            stage.run_until_us(5_000 + u64::from(number as u32) * 500);
        }
        let seen = stage.requests(2);
        seen.windows(2).any(|pair| pair[0] >= 100 && pair[1] < 100 && pair[0] - 100 == pair[1])
    });
    assert!(overtakes, "a later request on another connection arrives first now and then");
}

#[test]
fn a_partition_stalls_what_is_under_way_and_the_heal_delivers_it() {
    let mut stage = connected();
    stage.send(1, 2, Channel::Quorum, 1);
    stage.cut(1, 2, true);
    stage.send(1, 2, Channel::Quorum, 2);
    stage.run_until_us(500_000);
    assert_eq!(stage.seen(2), [], "also what was sent before the cut");
    stage.cut(1, 2, false);
    stage.run_until_us(510_000);
    assert_eq!(stage.requests(2), [1, 2], "in order");
    assert_eq!(stage.seen(1).len(), 2, "and answered");
}

#[test]
fn a_long_partition_resets_each_end_when_it_can_notice() {
    let mut stage = connected();
    stage.cut(1, 2, true);
    stage.cut(2, 1, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(1_000_000);
    assert_eq!(stage.seen(1), [], "the opener still hopes");
    stage.run_until_us(5_000_000);
    let seen = stage.seen(1);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].event, LOST, "the sender gives up");
    assert!(
        seen[0].at_us.abs_diff(1_010_000) < 1_000,
        "after the stall timeout, at {}",
        seen[0].at_us
    );
    assert_eq!(stage.seen(2), [], "nothing passes a cut link");
    stage.cut(1, 2, false);
    stage.cut(2, 1, false);
    stage.run_until_us(5_010_000);
    assert!(
        matches!(stage.events(2)[..], [Event::ConnectionClosed { .. }]),
        "the reset passes after the heal"
    );
}

#[test]
fn one_way_requests_pass_but_their_sender_gives_up() {
    let mut stage = connected();
    stage.cut(2, 1, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(900_000);
    assert_eq!(
        (stage.requests(2), stage.seen(1)),
        (vec![1], vec![]),
        "the request passes, the answer does not"
    );
    stage.run_until_us(2_000_000);
    assert_eq!(stage.events(1), [LOST], "no acknowledgement");
    assert!(matches!(stage.events(2)[..], [Event::ConnectionClosed { .. }]), "its reset passes");
}

#[test]
fn a_crash_is_learned_by_a_reset_but_not_through_a_partition() {
    let mut stage = connected();
    stage.crash_node(2, CrashKind::Crash);
    stage.run_until_us(10_500);
    let seen = stage.seen(1);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].event, LOST, "reset");
    assert!(seen[0].at_us >= 10_100, "the reset takes its time: {}", seen[0].at_us);

    let mut stage = connected();
    stage.cut(2, 1, true);
    stage.crash_node(2, CrashKind::Crash);
    stage.run_until_us(5_000_000);
    assert_eq!(stage.seen(1), [], "an idle opener learns nothing");
    stage.cut(2, 1, false);
    stage.run_until_us(5_001_000);
    assert_eq!(stage.events(1), [LOST], "until the link heals");
}

#[test]
fn no_process_refuses_and_no_power_is_silent() {
    let mut stage = Stage::new();
    stage.crash_node(2, CrashKind::Crash);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(401);
    assert_eq!(stage.events(1), [LOST], "refused after a way there and back");
    stage.crash_node(3, CrashKind::PowerLoss);
    stage.send(1, 3, Channel::Quorum, 1);
    stage.run_until_us(490_000);
    assert_eq!(stage.seen(1), [], "nobody answers");
    stage.run_until_us(510_000);
    let lost = Event::ConnectionLost { to: NodeId(3), channel: Channel::Quorum };
    assert_eq!(stage.events(1), [lost], "the attempt times out");
}

#[test]
fn the_peer_of_a_machine_without_power_times_out_or_is_reset_when_it_is_back() {
    let mut stage = connected();
    stage.crash_node(2, CrashKind::PowerLoss);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(500_000);
    assert_eq!(stage.seen(1), [], "silence");
    stage.start(2);
    stage.run_until_us(501_000);
    assert_eq!(stage.events(1), [LOST], "the machine is back and knows of no connection");
    assert_eq!(stage.events(2), [Event::Booted], "what was sent to the old process is lost");

    let mut stage = connected();
    stage.crash_node(2, CrashKind::PowerLoss);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(1_100_000);
    assert_eq!(stage.events(1), [LOST], "timed out");
}

#[test]
fn a_late_request_on_a_given_up_connection_still_arrives() {
    let mut stage = connected();
    stage.cut(1, 2, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.act(1, |effects| {
        effects.push(Effect::Disconnect { to: NodeId(2), channel: Channel::Quorum });
    });
    stage.run_until_us(100_000);
    stage.send(1, 2, Channel::Quorum, 2);
    stage.cut(1, 2, false);
    stage.run_until_us(200_000);
    let events = stage.events(2);
    let numbers: Vec<i32> = events
        .iter()
        .filter_map(|event| {
            if let Event::Request { message, .. } = event {
                Some(message.correlation_id.0)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(numbers, [1, 2], "the old request, then the one on the new connection");
    let closed =
        events.iter().filter(|event| matches!(event, Event::ConnectionClosed { .. })).count();
    assert_eq!(closed, 1, "the old connection ends after its last request");
    assert_eq!(stage.seen(1).len(), 1, "the answer to the old request vanishes; no loss is told");
}

/// A request of another kind than those of the stage.
fn end_of_epoch(number: i32) -> Request {
    let (epoch, leader) = (LeaderEpoch(number), NodeId(1));
    let body = QuorumRequest::EndQuorumEpoch(Box::new(EndQuorumEpochRequest {
        epoch,
        leader,
        preferred_successors: Vec::new(),
    }));
    Request { correlation_id: CorrelationId(number), body: RequestBody::Quorum(body) }
}

#[test]
fn held_requests_reach_the_next_incarnation() {
    let mut stage = connected();
    stage.condition(2, NodeCondition { hold: Some(Channel::Quorum), ..NodeCondition::default() });
    stage.send(1, 2, Channel::Quorum, 1);
    stage.send(1, 2, Channel::Quorum, 2);
    stage.run_until_us(20_000);
    assert_eq!(stage.seen(2), [], "held back");
    stage.crash_node(2, CrashKind::Crash);
    stage.start(2);
    stage.run_until_us(30_000);
    assert_eq!(stage.events(1), [LOST], "the opener knows of the crash");
    stage.condition(2, NodeCondition::default());
    stage.run_until_us(40_000);
    let events = stage.events(2);
    assert_eq!(events.len(), 4, "booted, two requests, closed: {events:?}");
    assert!(matches!(events[3], Event::ConnectionClosed { .. }), "{events:?}");
    assert_eq!(stage.seen(1), [], "answers vanish");
}

#[test]
fn held_requests_arrive_in_a_burst_though_they_were_given_up() {
    let mut stage = connected();
    stage.condition(2, NodeCondition { hold: Some(Channel::Quorum), ..NodeCondition::default() });
    stage.send(1, 2, Channel::Quorum, 1);
    stage.act(1, |effects| {
        effects.push(Effect::Disconnect { to: NodeId(2), channel: Channel::Quorum });
    });
    stage.run_until_us(20_000);
    stage.condition(2, NodeCondition::default());
    stage.run_until_us(30_000);
    let events = stage.events(2);
    assert!(
        matches!(events[..], [Event::Request { .. }, Event::ConnectionClosed { .. }]),
        "on its old connection: {events:?}"
    );
}

#[test]
fn requests_of_a_kind_are_held_with_what_comes_behind_them() {
    let mut stage = connected();
    stage.send(1, 2, Channel::Controller, 1);
    stage.run_until_us(20_000);
    assert_eq!(stage.requests(2), [1]);
    let holds =
        NodeCondition { hold_kinds: vec![RequestKind::EndQuorumEpoch], ..NodeCondition::default() };
    stage.condition(2, holds.clone());
    stage.send(1, 2, Channel::Quorum, 2);
    stage.act(1, |effects| effects.request(NodeId(2), Channel::Quorum, end_of_epoch(3)));
    stage.send(1, 2, Channel::Quorum, 4);
    stage.send(1, 2, Channel::Controller, 5);
    stage.run_until_us(40_000);
    assert_eq!(stage.requests(2), [2, 5], "what came before, and what comes on another connection");
    let kinds = vec![RequestKind::Vote, RequestKind::EndQuorumEpoch];
    stage.condition(2, NodeCondition { hold_kinds: kinds, duplicate_one_in: 1, ..holds });
    stage.run_until_us(60_000);
    assert_eq!(stage.requests(2), Vec::<i32>::new(), "another fault lets nothing go");
    stage.condition(2, NodeCondition::default());
    stage.run_until_us(80_000);
    assert_eq!(stage.requests(2), [3, 4], "in order");
}

#[test]
fn answers_to_a_kind_are_dropped_whoever_asked() {
    let mut stage = connected();
    stage.echo();
    let lost = Event::ConnectionLost { to: NodeId(2), channel: Channel::Quorum };
    // (which answers are lost, what the asker is told)
    let table = [(RequestKind::EndQuorumEpoch, false), (RequestKind::BeginQuorumEpoch, true)];
    for (number, (kind, is_lost)) in (1..).zip(table) {
        let condition = NodeCondition { drop_kinds: vec![(kind, 1)], ..NodeCondition::default() };
        stage.condition(2, condition);
        stage.send(1, 2, Channel::Quorum, number);
        stage.run_until_us(number as u64 * 100_000);
        assert_eq!(stage.events(1).contains(&lost), is_lost, "{kind:?}");
    }
}

#[test]
fn what_a_dead_process_sent_arrives_after_what_its_next_one_did() {
    let mut stage = connected();
    stage.stall(1, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(20_000);
    stage.crash_node(1, CrashKind::Crash);
    stage.start(1);
    stage.run_until_us(100_000);
    assert_eq!(stage.seen(2), [], "neither the request nor the reset passes");
    stage.send(1, 2, Channel::Quorum, 2);
    stage.run_until_us(200_000);
    assert_eq!(stage.requests(2), [2], "a new connection takes another path");
    stage.seen(1);
    stage.stall(1, false);
    stage.run_until_us(300_000);
    let events = stage.events(2);
    let [Event::Request { message, .. }, Event::ConnectionClosed { .. }] = &events[..] else {
        panic!("the old request, then the reset: {events:?}");
    };
    assert_eq!(message.correlation_id.0, 1);
    assert_eq!(stage.seen(1), [], "nobody hears the answer");
}

#[test]
fn what_a_machine_had_not_sent_is_gone_with_its_power() {
    let mut stage = connected();
    stage.stall(1, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(20_000);
    stage.crash_node(1, CrashKind::PowerLoss);
    stage.start(1);
    stage.run_until_us(100_000);
    stage.stall(1, false);
    stage.run_until_us(200_000);
    assert_eq!(stage.requests(2), Vec::<i32>::new(), "nobody sends it again");
}

#[test]
fn a_connection_without_a_path_is_given_up_at_last() {
    let mut stage = connected();
    stage.stall(2, true);
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(900_000);
    assert_eq!(stage.seen(1), [], "the opener still hopes");
    stage.run_until_us(1_100_000);
    assert_eq!(stage.events(1), [LOST], "after the stall timeout");
    stage.stall(2, false);
    stage.run_until_us(1_200_000);
    assert_eq!(stage.requests(2), Vec::<i32>::new(), "what was given up does not arrive");
}

#[test]
fn dropped_responses_take_their_connection_with_them() {
    let mut stage = Stage::new();
    stage.echo();
    stage.condition(2, NodeCondition { drop_one_in: 1, ..NodeCondition::default() });
    stage.send(4, 2, Channel::Client, 1);
    stage.run_until_us(50_000);
    let lost = Event::ConnectionLost { to: NodeId(2), channel: Channel::Client };
    assert_eq!(stage.events(4), [lost], "the client sees a reset");
    let events = stage.events(2);
    assert!(
        matches!(events[..], [Event::Request { .. }, Event::ConnectionClosed { .. }]),
        "{events:?}"
    );
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(60_000);
    assert!(
        matches!(stage.events(1)[..], [Event::Response { .. }]),
        "only responses to clients are dropped"
    );
}

#[test]
fn duplicated_responses_arrive_twice() {
    let mut stage = connected();
    stage.condition(2, NodeCondition { duplicate_one_in: 1, ..NodeCondition::default() });
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(100_000);
    let events = stage.events(1);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0], events[1], "the same response");
}

#[test]
fn both_sides_can_close() {
    let mut stage = connected();
    stage.send(1, 2, Channel::Quorum, 1);
    stage.run_until_us(20_000);
    let connection = first_connection(&stage.events(2));
    stage.seen(1);
    stage.act(2, move |effects| effects.push(Effect::Close { connection }));
    stage.act(2, move |effects| effects.reply(connection, answer(9)));
    stage.run_until_us(30_000);
    assert_eq!(stage.events(1), [LOST], "closed by the acceptor; a late reply goes nowhere");
    stage.engine.reset_connections(0);
    stage.send(1, 2, Channel::Quorum, 2);
    stage.run_until_us(40_000);
    stage.seen(1);
    stage.engine.reset_connections(1);
    stage.run_until_us(50_000);
    assert_eq!(stage.events(1), [LOST], "reset from in between");
}

#[test]
fn bandwidth_spaces_messages_and_a_full_queue_resets() {
    let narrow = NetworkPlan { bandwidth_bytes_per_second: 12_800, ..NETWORK };
    let mut stage = Stage::with(&narrow, &DISK, &[]);
    (0..5).for_each(|number| stage.send(1, 2, Channel::Quorum, number));
    stage.run_until_us(1_000_000);
    let at: Vec<u64> = stage.seen(2).iter().map(|seen| seen.at_us).collect();
    assert_eq!(at.len(), 5, "all arrive");
    assert!(
        at.windows(2).all(|pair| pair[1] - pair[0] >= 9_800),
        "128 bytes take 10 ms each: {at:?}"
    );

    let short = NetworkPlan { queue_bytes_max: 300, ..narrow };
    let mut stage = Stage::with(&short, &DISK, &[]);
    (0..9).for_each(|number| stage.send(1, 2, Channel::Quorum, number));
    stage.run_until_us(1_000_000);
    assert_eq!(stage.events(1), [LOST], "the queue is full");
    assert!(stage.requests(2).len() < 5, "what did not fit is lost");
}

#[test]
fn latencies_of_one_link_do_not_depend_on_another() {
    let arrivals = |noise: bool| {
        let mut stage = Stage::new();
        for number in 0..30 {
            if noise {
                stage.send(3, 2, Channel::Quorum, 1_000 + number);
                stage.send(4, 2, Channel::Client, 1_000 + number);
            }
            stage.send(1, 2, Channel::Quorum, number);
            stage.run_until_us(u64::from(number as u32 + 1) * 1_000);
        }
        let mine = |seen: &crate::world::engine::tests::Seen| {
            matches!(&seen.event, Event::Request { from: NodeId(1), .. })
        };
        stage.seen(2).into_iter().filter(mine).map(|seen| seen.at_us).collect::<Vec<_>>()
    };
    assert_eq!(arrivals(true), arrivals(false), "keyed by the link and the ordinal alone");
}
