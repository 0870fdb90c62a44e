//! What a server tells who has started it.

use super::script::ScriptedFault;

/// Where everything can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The host by which clients reach them.
    pub host: String,
    /// The brokers' ports, in order of their ids.
    pub ports: Vec<u16>,
    /// The control port.
    pub control_port: u16,
}

/// What a server tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// All brokers serve. It is told once.
    Ready(Ready),
    /// A fault of the scenario has fired, or was held back.
    Fault(ScriptedFault),
}
