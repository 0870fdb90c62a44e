//! Consumer groups: who is a member, who consumes what, and how far each group has come.
//!
//! | file | what lives there |
//! |---|---|
//! | `coordinator` | what clients ask of groups, and what becomes of it |
//! | `state` | what the records of `__consumer_offsets` give: committed offsets and stored groups |
//! | `records`, `bytes` | those records, as Kafka writes them |
//! | `offsets`, `expiration` | commits and fetches of offsets, and their end |
//! | `heard` | on which connections members are heard of |
//! | `administration`, `deletion` | what administrators are told, and what they delete |
//! | `transactional` | offsets that a transaction commits |
//! | `classic` | the classic protocol |
//! | `conversion` | groups that change from one to the other |
//! | `modern` | the consumer protocol (KIP-848) |
//! | `waiter` | what happens once a record is committed |

mod administration;
#[cfg(test)]
mod administration_tests;
mod bytes;
mod classic;
mod conversion;
mod coordinator;
mod deletion;
#[cfg(test)]
mod door_tests;
mod expiration;
mod heard;
#[cfg(test)]
mod migration_tests;
mod modern;
#[cfg(test)]
mod modern_tests;
mod offsets;
mod pending_deletion;
mod records;
#[cfg(test)]
mod regex_tests;
mod state;
#[cfg(test)]
mod tests;
mod topic_deletion;
mod transactional;
mod waiter;

pub(crate) use coordinator::{GroupCoordinator, GroupRules, Todo, TransactionalWriter};
pub(crate) use state::GroupChange;
pub(crate) use waiter::Waiter;
