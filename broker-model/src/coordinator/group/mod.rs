//! Consumer groups: who is a member, who consumes what, and how far each group has come.
//!
//! | file | what lives there |
//! |---|---|
//! | `coordinator` | what clients ask of groups, and what becomes of it |
//! | `state` | what the records of `__consumer_offsets` give: committed offsets and stored groups |
//! | `records`, `bytes` | those records, as Kafka writes them |
//! | `offsets` | commits and fetches of offsets |

mod bytes;
mod coordinator;
mod offsets;
mod records;
mod state;
mod waiter;

pub(crate) use coordinator::{GroupCoordinator, Todo};
