//! The workload on turmoil's hosts and UDP sockets, 1 ms tick.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use turmoil::net::UdpSocket;

use crate::workload::{HEARTBEAT, LATENCY};

const PORT: u16 = 1000;

pub(crate) fn simulate(nodes: u32, simulated: Duration) -> u64 {
    let mut sim = turmoil::Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .simulation_duration(simulated + Duration::from_secs(1))
        .udp_capacity(1024)
        .rng_seed(7)
        .build();
    let arrived = Arc::new(AtomicU64::new(0));
    for index in 0..nodes {
        let counter = Arc::clone(&arrived);
        let peer = format!("node-{}", (index + 1) % nodes);
        sim.host(format!("node-{index}"), move || heartbeat(peer.clone(), Arc::clone(&counter)));
    }
    sim.client("clock", async move {
        tokio::time::sleep(simulated).await;
        Ok(())
    });
    sim.run().expect("the simulation ends");
    arrived.load(Ordering::Relaxed)
}

async fn heartbeat(peer: String, counter: Arc<AtomicU64>) -> turmoil::Result {
    let socket = Arc::new(UdpSocket::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT)).await?);
    let receiver = Arc::clone(&socket);
    tokio::spawn(async move {
        let mut buffer = [0_u8; 8];
        while receiver.recv_from(&mut buffer).await.is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        socket.send_to(&[0_u8; 8], (peer.as_str(), PORT)).await?;
    }
}
