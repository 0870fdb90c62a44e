//! Coordinators: state machines over the records of an internal topic's partition, on the broker that leads it.
//!
//! | folder | what lives there |
//! |---|---|
//! | `runtime` | loading and unloading, what is written and what is committed, who waits for which record |
//! | `group` | consumer groups over `__consumer_offsets` |

pub(crate) mod group;
pub(crate) mod runtime;
