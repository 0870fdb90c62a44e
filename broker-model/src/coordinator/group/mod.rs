//! Consumer groups: who is a member, who consumes what, and how far each group has come.
//!
//! | file | what lives there |
//! |---|---|
//! | `coordinator` | what clients ask of groups, and what becomes of it |
//! | `state` | what the records of `__consumer_offsets` give: committed offsets and stored groups |
//! | `records`, `bytes` | those records, as Kafka writes them |
//! | `offsets`, `expiration` | commits and fetches of offsets, and their end |
//! | `classic` | the classic protocol |
//! | `modern` | the consumer protocol (KIP-848) |
//! | `waiter` | what happens once a record is committed |

mod bytes;
mod classic;
mod coordinator;
#[cfg(test)]
mod door_tests;
mod expiration;
mod modern;
#[cfg(test)]
mod modern_tests;
mod offsets;
mod records;
mod state;
#[cfg(test)]
mod tests;
mod waiter;

pub(crate) use coordinator::{GroupCoordinator, GroupRules, Todo};
pub(crate) use state::GroupChange;
