//! The quorum's rules: boot, votes, replication, elections, and safety under random faults.

mod boot;
mod commits;
mod faults;
mod linger;
mod pre_vote;
mod snapshots;
mod voters;
mod votes;
