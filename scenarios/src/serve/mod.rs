//! `harrow serve`: the cluster on real sockets and a real clock, with faults on request and a verdict at the end.
//!
//! | file | what it does |
//! |---|---|
//! | `server` | the driver: cluster, sockets, time, on one thread |
//! | `connection` | one client's connection: frames in, answers out |
//! | `asking` | requests on their way to a broker and back |
//! | `rules` | scripted faults of requests |
//! | `script`, `scripting` | the scenario's faults in real time |
//! | `control`, `controlling` | HTTP on a thread of its own; what can be asked there |
//! | `moving`, `expiring` | leadership that goes elsewhere; members that are taken for dead |
//! | `recorder` | the history of what clients asked and were told |
//! | `judging` | final reads, and the verdict |
//! | `clock`, `leaders`, `options`, `server_event` | time; who leads; what a server is started with and tells |

mod asking;
mod clock;
mod connection;
mod control;
mod controlling;
mod expiring;
mod judging;
mod leaders;
mod moving;
mod options;
mod recorder;
mod rules;
mod script;
mod scripting;
mod server;
mod server_event;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;

use harrow_reports::history_report::HistoryReport;
use thiserror::Error;

pub use options::{PARTITIONS, ServeOptions, TOPIC_NAMES, TopicRequest};
pub use rules::RuleRequest;
pub use script::{FaultScript, FaultState, ScriptedFault};
use server::Server;
pub use server_event::{Ready, ServerEvent};

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
/// anything. `tell` is told where everything is, and what happens.
pub fn serve(
    options: ServeOptions,
    stop: &Arc<AtomicBool>,
    tell: impl Fn(&ServerEvent) -> io::Result<()>,
) -> Result<Option<HistoryReport>, ServeError> {
    let (port, control_port) = (options.port, options.control_port);
    let control_address = SocketAddr::new(options.listen, control_port);
    let mut server = Server::bind(options).map_err(|source| ServeError::Ports { port, source })?;
    let (sender, commands) = channel();
    let control = control::listen(control_address, &sender, server.waker()?)
        .map_err(|reason| ServeError::Control { port: control_port, reason })?;
    server.run(&commands, stop, control.port, &tell)?;
    let verdict = server.last_verdict();
    control.finish();
    Ok(verdict)
}
