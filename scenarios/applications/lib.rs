//! Tokio by Harrow: what an asynchronous client asks its runtime for is done by the simulation.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use harrow::application::runtime;
use tokio::simulation::{Connection, Pending, Simulation, Task};

/// Registers it; more than once is the same as once.
pub fn register() {
    tokio::simulation::register(Inside);
}

struct Inside;

struct Wire(runtime::Stream);

#[derive(Debug)]
struct Spawned(runtime::JoinHandle<()>);

impl Task for Spawned {
    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Connection for Wire {
    fn poll_read(&mut self, context: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(context, to)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
}

impl Simulation for Inside {
    fn sleep(&self, duration: Duration) -> Pending<()> {
        Box::pin(runtime::sleep(duration))
    }

    fn connect(&self, address: &str) -> Pending<io::Result<Box<dyn Connection>>> {
        let connect = runtime::connect(address);
        Box::pin(async move { Ok(Box::new(Wire(connect.await?)) as Box<dyn Connection>) })
    }

    fn spawn(&self, task: Pending<()>) -> Box<dyn Task> {
        Box::new(Spawned(runtime::spawn(task)))
    }
}
