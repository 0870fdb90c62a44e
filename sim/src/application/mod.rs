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
//! | `program` | what an application must be able to do |
//! | `context` | what an application may do, and what it states |
//! | `facts` | the words in which it states what it has read |
//! | `host` | what is kept between two calls: connections, timers, chance |
//! | `registry` | which code stands behind which name |
//! | `runtime` | applications that are futures |

mod context;
mod facts;
mod host;
mod program;
mod registry;
pub mod runtime;

pub use context::Context;
pub use facts::ReadFact;
pub use harrow_broker_model::types::OperationId;
pub(crate) use host::Host;
pub use host::{BROKER_PORT, Socket, Timer, broker_host};
pub use program::Application;
pub use registry::{Applications, Environment};
