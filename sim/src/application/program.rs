//! What an application must be able to do.

use super::context::Context;
use super::host::{Socket, Timer};

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
