//! `harrow serve`: the cluster on real sockets and a real clock, with faults on request and a verdict at the end.
//!
//! | file | what it does |
//! |---|---|
//! | `server` | the driver: cluster, sockets, time, on one thread |
//! | `connection` | one client's connection: frames in, answers out |
//! | `asking` | requests on their way to a broker and back |
//! | `rules` | scripted faults of requests |
//! | `control`, `controlling` | HTTP on a thread of its own; what can be asked there |
//! | `recorder` | the history of what clients asked and were told |
//! | `judging` | final reads, and the verdict |
//! | `clock`, `options` | time; what a server is started with |

mod asking;
mod clock;
mod connection;
mod control;
mod controlling;
mod judging;
mod options;
mod recorder;
mod rules;
mod server;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use harrow_reports::history_report::HistoryReport;
use thiserror::Error;

pub use options::{ServeOptions, TopicRequest};
pub use rules::RuleRequest;
use server::Server;

/// Where everything can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The brokers' ports, in order of their ids.
    pub ports: Vec<u16>,
    /// The control port.
    pub control_port: u16,
}

/// Why nothing is served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A port cannot be had.
    #[error("the ports from {port} on cannot be listened on: {source}")]
    Ports {
        /// The first.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The control port cannot be had.
    #[error("the control port {port} cannot be listened on: {reason}")]
    Control {
        /// Which.
        port: u16,
        /// Why.
        reason: String,
    },
    /// The machine fails.
    #[error("the server ends: {0}")]
    Io(#[from] io::Error),
}

/// Serves until `stop` is raised or the control port says so; then gives the verdict over what clients did, if they did
/// anything. `ready` is told once where everything is.
pub fn serve(
    options: ServeOptions,
    stop: &Arc<AtomicBool>,
    ready: impl Fn(&Ready) -> io::Result<()>,
) -> Result<Option<HistoryReport>, ServeError> {
    let (port, control_port) = (options.port, options.control_port);
    let mut server = Server::bind(options).map_err(|source| ServeError::Ports { port, source })?;
    let (sender, commands) = channel();
    let control_port = control::listen(control_port, &sender, server.waker()?)
        .map_err(|reason| ServeError::Control { port: control_port, reason })?;
    server.run(&commands, stop, |server| ready(&Ready { ports: server.ports(), control_port }))?;
    Ok(server.last_verdict())
}
