//! The workload on Harrow's driver.

use std::time::Duration;

pub(crate) fn simulate(nodes: u32, simulated: Duration) -> u64 {
    let worker = std::thread::spawn(move || harrow_sim::heartbeat::simulate(nodes, simulated));
    worker.join().expect("the simulation does not panic")
}
