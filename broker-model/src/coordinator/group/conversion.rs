//! What becomes of a group in the coordinator's memory once the records of its change are written. Source: KIP-848;
//! `GroupMetadataManager.convertToConsumerGroup`, `convertToClassicGroup`, `maybeDeleteEmptyConsumerGroup`.
//!
//! Records alone make a group of the consumer protocol; classic groups are kept beside them. So a group that changes
//! its protocol is forgotten or remembered here, and only when the change is in the log: what could not be written has
//! changed nothing.

use super::classic::group::ClassicGroup;

/// A change that is to be written.
#[derive(Debug)]
pub(crate) enum Conversion {
    /// A classic group is one of the consumer protocol from now on.
    Upgraded,
    /// A group of the consumer protocol is this classic one from now on, which begins to rebalance if it must.
    Downgraded { group: Box<ClassicGroup>, rebalances: bool },
    /// A classic group that nobody knew is there from now on; it is none if it cannot be written.
    Began,
    /// A group is no more.
    Deleted,
}
