//! Applications inside the simulation: whose code somebody else has written, and which speaks to brokers by bytes.
//!
//! An [`Application`] does no input or output: it is told what happened and says, by its [`Context`], what is to be
//! done. Its process has a node of its own, which crashes, pauses and is cut off like any other; a new process is a new
//! application, which knows nothing. Its connections go over the simulated network to the brokers' edge, where bytes
//! become requests as they do for `harrow serve`. Time and chance come from the context alone, so that one seed is one
//! run.
//!
//! What it did for whoever uses it, the application states: a record was sent, was acknowledged, was read, was
//! processed. That is its history, which is held against the cluster's true state. Values of records are compared by
//! their bytes: within a topic, each must be sent by one send only, as with Jepsen.
//!
//! | file | what it holds |
//! |---|---|
//! | `context` | what an application may do, and what it states |
//! | `facts` | the words in which it states what it has read |
//! | `host` | what is kept between two calls: connections, timers, chance |
//! | `registry` | which code stands behind which name |
//! | `runtime` | applications that are futures |

mod context;
mod facts;
mod host;
mod registry;
pub mod runtime;

pub use context::Context;
pub use facts::ReadFact;
pub use harrow_broker_model::types::OperationId;
pub(crate) use host::Host;
pub use host::{BROKER_PORT, Socket, Timer, broker_host};
pub use registry::{Applications, Environment};

/// A program that runs as a process of the simulation.
///
/// No method may read a clock, draw by chance, use threads, or touch files and sockets: all of that is in the context.
/// A panic ends the run, with the application's node and the message in its report.
pub trait Application {
    /// The process has started: nothing was told before.
    fn on_start(&mut self, context: &mut Context<'_>);

    /// A connection is open.
    fn on_connected(&mut self, socket: Socket, context: &mut Context<'_>) {
        let _ = (socket, context);
    }

    /// Bytes arrived, in the order in which they were sent. A piece of a stream need not be an answer of Kafka.
    fn on_bytes(&mut self, socket: Socket, bytes: &[u8], context: &mut Context<'_>);

    /// A connection could not be opened, or is gone, with all that was under way on it. It is not told of one that the
    /// application has closed itself.
    fn on_closed(&mut self, socket: Socket, context: &mut Context<'_>);

    /// A timer has run off.
    fn on_timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        let _ = (timer, context);
    }

    /// What it has still to do, in words, and how much of it: none if it is done. After the heal a run waits for that,
    /// as long as it becomes less, before everything is read and judged. One that is done sends no further records.
    fn unfinished(&self) -> Option<(String, u64)>;
}
