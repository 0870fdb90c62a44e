//! Share groups on a broker (KIP-932): the share-partitions that it leads, the sessions of their workers, who waits for
//! records, and the share coordinators of its partitions of `__share_group_state`.
//!
//! | file | what lives there |
//! |---|---|
//! | `share_partition` | the state of each record in flight |
//! | `sessions` | share sessions and their epochs |
//! | `state` | what a broker keeps of all this |
//! | `fetch` | `ShareFetch` with its acknowledgements: taken, waited for, answered |
//! | `persist` | what share-partitions have stored at their coordinators, and what these answer |
//! | `coordinate` | the coordinators' side |

mod coordinate;
mod fetch;
mod persist;
mod sessions;
mod share_partition;
mod state;
#[cfg(test)]
mod tests;
mod tickets;

pub(in crate::broker) use state::{Shares, StateAsker};
