//! Fetch sessions: who fetches the same partitions again and again names only what changed. Source: KIP-227.
//!
//! Without sessions each fetch names every partition and each answer tells of every partition, although most have no
//! news: the cost of an idle partition is that of a busy one. With a session both sides remember. A request names the
//! partitions whose wishes changed, and those to forget; a response names the partitions with records, an error, a
//! divergence, or bounds other than were told before.
//!
//! What both sides remember must be the same, or a partition is never asked for again and nobody notices. So each
//! request carries the session's epoch, which grows by one a request: a request that is not the next one is refused,
//! and so is one whose session was evicted. The asker then names everything again, in a new session. A lost answer
//! leaves the asker in doubt whether its request counted: it too begins anew.
//!
//! | file | Kafka's class | what it is |
//! |---|---|---|
//! | `metadata` | `FetchMetadata` | session id and epoch, and which follows which |
//! | `handler` | `FetchSessionHandler` | the asker's side |
//! | `session` | `FetchSession`, `CachedPartition` | the answerer's memory of one asker |
//! | `cache` | `FetchSessionCacheShard`, `FetchManager` | all of them, and who is evicted |
//!
//! Not covered: topic ids in place of names, preferred read replicas, quotas, several shards of the cache.

pub(crate) mod cache;
pub(crate) mod handler;
mod metadata;
pub(crate) mod session;
#[cfg(test)]
mod tests;

pub use metadata::{FetchMetadata, SessionError};
