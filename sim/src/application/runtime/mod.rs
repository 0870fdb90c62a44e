//! Asynchronous applications: futures on an executor of one thread; time, network and chance are the simulation's.
//!
//! [`AsyncApplication`] is an [`Application`](super::Application) whose process runs a future to its end. Within it the
//! functions here stand for what a runtime such as Tokio gives: [`sleep`], [`connect`], [`spawn`], [`now`]. Tasks are
//! polled in the order in which they were woken. What is stated is stated by [`with_context`].
//!
//! | file | what it holds |
//! |---|---|
//! | `process` | the application: its tasks, and what happens to it |
//! | `current` | the process whose tasks are being polled, and what it keeps |
//! | `tasks` | tasks, and who is to be polled next |
//! | `stream`, `sleep` | connections and pauses as futures |

mod current;
mod process;
mod sleep;
mod stream;
mod tasks;

pub use current::{now, random, set_left, spawn, with_context};
pub use process::AsyncApplication;
pub use sleep::{Elapsed, Sleep, sleep, timeout};
pub use stream::{Connect, Stream, connect};
pub use tasks::JoinHandle;
