//! A consumer as a member of a group. Source: Kafka's `AbstractCoordinator`, `ConsumerCoordinator` for the classic
//! protocol, `AbstractMembershipManager`, `ConsumerMembershipManager` for the consumer protocol, at 4.1; KIP-62,
//! KIP-345, KIP-394, KIP-429, KIP-848.
//!
//! | file | what lives there |
//! |---|---|
//! | `membership` | where a member stands |
//! | `join` | joining, and what becomes of the answers |
//! | `assignment` | what a generation gives, and what it takes |
//! | `heartbeat` | staying a member, and leaving |
//! | `commit` | commits |
//! | `committed` | where to go on |
//! | `pattern`, `close` | subscriptions by a pattern, and the end of a consumer |
//! | `reconciler` | where a member stands in the consumer protocol |
//! | `reconcile`, `consumer_heartbeat` | how it comes to what it shall have, and what it says of that |
//! | `transactional` | what a transaction commits for the group, and what an application does that had to abort one |
//! | `assignor` | how the group's leader shares partitions out |
//!
//! Joining happens inside polls, heartbeats at any time. The application's rebalance listener is what it does between
//! two polls: one that is about to lose partitions ends with `Outcome::Revoking`, so that the application can commit;
//! the next one goes on with the rebalance, and ends with `Outcome::Joined`.

mod assignment;
mod assignor;
mod close;
mod closing;
mod commit;
mod committed;
mod consumer_heartbeat;
mod heartbeat;
mod join;
mod membership;
mod pattern;
mod reconcile;
#[cfg(test)]
mod reconcile_tests;
mod reconciler;
#[cfg(test)]
mod tests;
mod transactional;

pub(super) use closing::Closing;
pub(super) use membership::Membership;
