//! The workload on madsim's own tasks, timers and `Endpoint`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use madsim::net::Endpoint;
use madsim::runtime::{Handle, Runtime};
use madsim::time::sleep;

use crate::workload::{HEARTBEAT, LATENCY};

const TAG: u64 = 1;

pub(crate) fn simulate(nodes: u32, simulated: Duration) -> u64 {
    let worker = std::thread::spawn(move || run(nodes, simulated));
    worker.join().expect("the simulation does not panic")
}

fn run(nodes: u32, simulated: Duration) -> u64 {
    let mut config = madsim::Config::default();
    config.net.send_latency = LATENCY.0..LATENCY.1;
    let runtime = Runtime::with_seed_and_config(7, config);
    let arrived = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&arrived);
    runtime.block_on(async move {
        for index in 0..nodes {
            spawn_node(index, nodes, Arc::clone(&counter));
        }
        sleep(simulated).await;
    });
    arrived.load(Ordering::Relaxed)
}

fn spawn_node(index: u32, nodes: u32, counter: Arc<AtomicU64>) {
    let address = address_of(index);
    let node = Handle::current().create_node().ip(address.ip()).build();
    let peer = address_of((index + 1) % nodes);
    node.spawn(async move {
        let endpoint = Arc::new(Endpoint::bind(address).await.expect("a free address"));
        let receiver = Arc::clone(&endpoint);
        madsim::task::spawn(async move {
            let mut buffer = [0_u8; 8];
            while receiver.recv_from(TAG, &mut buffer).await.is_ok() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        loop {
            sleep(HEARTBEAT.saturating_sub(Duration::from_millis(1))).await;
            endpoint.send_to(peer, TAG, &[0_u8; 8]).await.expect("the network is up");
        }
    });
}

fn address_of(index: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(index + 1).expect("few nodes")], 1))
}
