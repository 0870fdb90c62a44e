//! The engine without a model: trivial nodes that send one message to and fro, to measure what an event costs.

use harrow_broker_model::message::{BeginQuorumEpochRequest, Body, Message};
use harrow_broker_model::node::{Channel, Deadline, Effects, Event, Node};
use harrow_broker_model::note::Note;
use harrow_broker_model::types::{CorrelationId, LeaderEpoch, NodeId, Now, Time};
use madsim::Config;
use madsim::runtime::Runtime;

use super::engine::{Boot, Cast, Engine, Member, Moment, Setup, Step};
use crate::plan::{DiskPlan, NetworkPlan};

const NETWORK: NetworkPlan = NetworkPlan {
    latency_us: (100, 900),
    client_latency_us: (100, 900),
    slow_one_in: 100,
    slow_extra_us: (1_000, 9_000),
    bandwidth_bytes_per_second: 0,
    queue_bytes_max: 0,
    stall_timeout_ms: 1_000,
    connect_timeout_ms: 1_000,
};
const DISK: DiskPlan = DiskPlan { sync_us: (100, 100), write_back_ms: 1_000, capacity_bytes: 0 };

/// Sends a message on as soon as it is answered, and keeps a timer that always moves ahead.
struct Player {
    partner: NodeId,
    serves: bool,
    deadline: Time,
}

impl Node for Player {
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        self.deadline = Time(now.time.0 + 500_000_000);
        match event {
            Event::Booted if self.serves => effects.request(self.partner, Channel::Quorum, ball(0)),
            Event::Request { connection, message, .. } => effects.reply(connection, message),
            Event::Response { message, .. } => {
                let next = ball(message.correlation_id.0.wrapping_add(1));
                effects.request(self.partner, Channel::Quorum, next);
            }
            Event::Booted
            | Event::ConnectionLost { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::Invoked { .. }
            | Event::DeadlinePassed
            | Event::StopRequested => {}
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.deadline, why: "bench" })
    }
}

fn ball(number: i32) -> Message {
    let request = BeginQuorumEpochRequest { epoch: LeaderEpoch(number), leader: NodeId(1) };
    Message { correlation_id: CorrelationId(number), body: Body::BeginQuorumEpochRequest(request) }
}

struct Court;

impl Cast<Player> for Court {
    fn boot(&mut self, boot: Boot<'_>) -> Player {
        let serves = boot.node.0 % 2 == 0;
        let partner = NodeId(if serves { boot.node.0 + 1 } else { boot.node.0 - 1 });
        Player { partner, serves, deadline: Time::MAX }
    }

    fn started(&mut self, _moment: Moment) {}

    fn ended(&mut self, _moment: Moment, _lossy: bool) {}

    fn noted(&mut self, _moment: Moment, _note: &Note) {}
}

/// Lets `pairs` pairs of nodes play until they have handled `events` events together; gives the digest.
pub fn ping_pong(pairs: u32, events: u64) -> u64 {
    let members: Vec<Member> =
        (0..2 * pairs as i32).map(|id| Member { id: NodeId(id), client: false }).collect();
    Runtime::with_seed_and_config(1, Config::default()).block_on(async {
        let setup = Setup {
            seed: 1,
            members: &members,
            network: &NETWORK,
            disk: &DISK,
            clocks: &[],
            record_trace: false,
        };
        let mut engine = Engine::new(&setup);
        (0..members.len()).for_each(|node| engine.start_at(node, 0));
        while engine.events() < events {
            assert_ne!(engine.step(&mut Court), Step::Silence, "the ball is always under way");
            while engine.take_report().is_some() {}
        }
        engine.digest()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_ball_stays_in_play() {
        assert_eq!(super::ping_pong(3, 2_000), super::ping_pong(3, 2_000), "the same game twice");
    }
}
