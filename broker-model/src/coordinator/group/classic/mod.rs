//! The classic protocol: members join, the leader among them assigns, all synchronise. Source: Kafka's
//! `ClassicGroup`, `ClassicGroupState`, `GroupMetadataManager`; rules 2.9.
//!
//! | file | what lives there |
//! |---|---|
//! | `group` | a group: its members, its state, its generation |
//! | `member` | a member |
//! | `join`, `rebalance` | the join phase: who is let in, and when it ends |
//! | `sync` | the sync phase: the leader's assignment is stored before anybody gets it |
//! | `leave` | heartbeats, leaving, and being thrown out |
//! | `answers` | answers in Kafka's structs |
//! | `describe` | what administrators are told |

pub(super) mod answers;
mod describe;
pub(super) mod group;
mod join;
mod leave;
pub(super) mod member;
mod rebalance;
pub(super) mod sync;
