//! Ordered collections for what is looked up at each event. Their iteration is in the order of the keys, as that of
//! `BTreeMap`, so that runs repeat; a look-up costs a few instructions of few different places.
//!
//! | file | for what |
//! |---|---|
//! | `partition_map` | by partition: topics and partitions are numbered from 0, so that a look-up is two loads |
//! | `sorted_map` | by node, connection, turn: few entries, or new ones at the end, in a sorted vector |
//! | `sorted_set` | the same without values |

mod partition_map;
mod sorted_map;
mod sorted_set;

pub use partition_map::{PartitionMap, Place};
pub use sorted_map::SortedMap;
pub use sorted_set::SortedSet;
