//! Promises: a member that gets a partition goes on where its group has committed; only members of the present
//! generation commit, and no further than they have come; in one generation a partition has one owner. Sources: KIP-62,
//! KIP-848 (`NoDoubleClientAssignment`); Kafka's `verifiable_consumer.py`; Redpanda's `rw_subscribe`. Jepsen leaves all
//! of it open.
//!
//! | file | what it holds |
//! |---|---|
//! | `progress` | lost-commit, resume-skip, commit-beyond-position |
//! | `last_owners` | who had a partition before |
//! | `lives` | whether a group was born again |
//! | `fetched` | lost-commit, by what a coordinator tells of committed offsets |
//! | `generations` | zombie-commit |
//! | `ownership` | double-ownership |
//!
//! Commits of unknown outcome, and those that overlap a join, may count or not: both are accepted. What a transaction
//! has consumed it commits. A member that gets a partition again, which nobody else had in between, may go on where it
//! stood itself, as with cooperative rebalancing. Where a consumer starts when its group has committed nothing depends
//! on `auto.offset.reset`, which the policy weighs. A commit may lie behind holes that transactions and compaction
//! leave. A process that does not say as which member it acts is the one that its last join made it. Not verified: that
//! commits survive of which nobody begins again; who is a leader; where a partition goes on that was
//! rebalanced inside a poll.

mod commits;
mod fetched;
mod generations;
mod holes;
mod last_owners;
mod lives;
mod moves;
mod ownership;
mod progress;

use harrow_sim::history::{NEVER, What};

use super::found::Found;
use super::index::Index;
pub(super) use holes::UnusedOffsets;
pub(super) use moves::{failed_to_move, rebalanced};
pub(super) use ownership::Owners;
pub(super) use progress::Groups;

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let grouped = index
        .history
        .details()
        .iter()
        .any(|detail| matches!(detail.what, What::Member { .. } | What::Committed { .. }));
    if !grouped {
        return;
    }
    ownership::check(index, found);
    let mut groups = Groups::new(UnusedOffsets::of(index));
    for operation in index.begun().iter().copied() {
        groups.take(index, found, operation);
    }
    groups.settle(index, found, NEVER);
}
