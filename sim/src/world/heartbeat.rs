//! The engine alone, for benches: nodes that do nothing but send each other heartbeats over real connections, with
//! clocks, keyed latencies and digest as in any run.

use std::time::Duration;

use harrow_broker_model::message::{BeginQuorumEpochRequest, Message, QuorumRequest, RequestBody};
use harrow_broker_model::node::{Channel, Deadline, Effects, Event, Node};
use harrow_broker_model::note::Note;
use harrow_broker_model::types::{CorrelationId, LeaderEpoch, NodeId, Now, Time};
use madsim::runtime::Runtime;

use super::engine::{Boot, DirectorTimer, Engine, Member, Moment, NodeHost, Setup, Step};
use crate::plan::{DiskPlan, NetworkPlan};
use crate::testing;

const INTERVAL: Duration = Duration::from_millis(100);
const NETWORK: NetworkPlan = NetworkPlan {
    latency_us: (1_000, 10_000),
    client_latency_us: (1_000, 10_000),
    stall_timeout_ms: 10_000,
    connect_timeout_ms: 10_000,
    ..testing::NETWORK
};
const DISK: DiskPlan = DiskPlan { sync_us: (100, 100), write_back_ms: 1_000, capacity_bytes: 0 };

/// Sends a heartbeat to its neighbour every 100 ms.
struct Heartbeat {
    id: NodeId,
    neighbour: NodeId,
    next: Time,
}

impl Node for Heartbeat {
    fn handle(&mut self, now: Now, _event: Event, effects: &mut Effects) {
        if now.time >= self.next {
            self.next = now.time + INTERVAL;
            let beat = BeginQuorumEpochRequest { epoch: LeaderEpoch(1), leader: self.id };
            let body = RequestBody::Quorum(QuorumRequest::BeginQuorumEpoch(beat));
            let message = Message { correlation_id: CorrelationId(1), body };
            effects.request(self.neighbour, Channel::Quorum, message);
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.next, why: "heartbeat" })
    }
}

struct Ring {
    nodes: i32,
}

impl NodeHost<Heartbeat> for Ring {
    fn boot(&mut self, boot: Boot<'_>) -> Heartbeat {
        let neighbour = NodeId(boot.node.0 % self.nodes + 1);
        Heartbeat { id: boot.node, neighbour, next: boot.now.time + INTERVAL }
    }

    fn started(&mut self, _moment: Moment) {}

    fn ended(&mut self, _moment: Moment, _lossy: bool) {}

    fn noted(&mut self, _moment: Moment, _note: &Note) {}
}

/// Lets so many nodes send heartbeats for so long in simulated time; how many arrived.
pub fn simulate(nodes: u32, simulated: Duration) -> u64 {
    let runtime = Runtime::with_seed_and_config(7, madsim::Config::default());
    runtime.block_on(async move { drive(nodes, simulated) })
}

fn drive(nodes: u32, simulated: Duration) -> u64 {
    let ids = 1..=i32::try_from(nodes).expect("few nodes");
    let members: Vec<Member> = ids.map(|id| Member { id: NodeId(id), client: false }).collect();
    let setup = Setup {
        seed: 7,
        members: &members,
        network: &NETWORK,
        disk: &DISK,
        clocks: &[],
        record_trace: false,
    };
    let mut engine = Engine::new(&setup);
    let mut ring = Ring { nodes: members.len() as i32 };
    for node in 0..members.len() {
        engine.start_at(node, 0);
    }
    engine.set_timer(simulated.as_nanos() as u64, DirectorTimer::Heal);
    while engine.step(&mut ring) != Step::DirectorTimer(DirectorTimer::Heal) {}
    engine.messages()
}
