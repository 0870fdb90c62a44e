//! Coordinators: state machines over the records of an internal topic's partition, on the broker that leads it.
//!
//! | folder | what lives there |
//! |---|---|
//! | `runtime` | loading and unloading, what is written and what is committed, who waits for which record |
//! | `group` | consumer groups over `__consumer_offsets` |
//! | `transaction` | transactions over `__transaction_state` |
//! | `share` | share-partitions over `__share_group_state` |

pub(crate) mod group;
pub(crate) mod runtime;
pub(crate) mod share;
pub(crate) mod transaction;
