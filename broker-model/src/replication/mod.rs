//! Rules of replication that partitions and the controller quorum share: each stands here once, as a pure function.
//!
//! A follower fetches from where its log ends and tells the epoch of what it has last. The leader finds out from these
//! two whether both logs are the same below ([`divergence`]); the follower cuts what is not ([`truncation_offset`])
//! and takes of an answer only what belongs behind its log in its epoch ([`appendable`]). Without the first two, two
//! replicas keep different records at one offset (KIP-101, KIP-279); without the last, records of a leader that is
//! deposed already come in behind a truncation (KAFKA-18723). Not covered: snapshots, tiered storage.

mod append;
mod divergence;
mod epoch;
mod min_isr;

pub(crate) use append::{Appendable, appendable};
pub(crate) use divergence::{divergence, is_in_range, truncation_offset};
pub(crate) use epoch::{check_leader_epoch, check_named_epoch};
pub(crate) use min_isr::effective_min_isr;
