//! The consumer protocol: the coordinator shares partitions out itself, and each member comes to its share on its own.
//! Source: KIP-848; Kafka's `ConsumerGroup`, `ConsumerGroupMember`, `CurrentAssignmentBuilder`,
//! `TargetAssignmentBuilder`, `GroupMetadataManager`; rules 2.9.
//!
//! A group has an epoch, which grows with every change of its members and what they subscribe to. For each epoch there
//! is a target, what every member shall have. A member has an epoch of its own: it gives up what it must while it is in
//! the old one, goes to the target's epoch, and gets what others have given up, piece by piece. Nobody waits for
//! anybody, and no partition is given to a member before the one before has said that it is done with it. Without the
//! last two read the same records, and the slower one commits over the other.
//!
//! All state follows from records, as in Kafka: a heartbeat gives records, and these change the group once they are
//! written. Timers are this process's alone.
//!
//! | file | what lives there |
//! |---|---|
//! | `member` | a member |
//! | `group` | a group, and who holds what |
//! | `reconcile` | how a member comes to its target |
//! | `assign` | the assignors of the server |
//! | `records` | records of `__consumer_offsets` |
//! | `change` | what becomes of a heartbeat: records and an answer |
//! | `heartbeat`, `timers`, `session` | the same in the coordinator, with sessions and patience |
//! | `regex`, `resolution` | regular expressions that members subscribe by, and when they are matched |
//! | `migration` | groups that change the protocol while they have members |
//! | `classic_member` | members that speak the classic protocol |
//! | `answers` | answers in Kafka's structs |
//! | `describe` | what administrators are told |
//! | `topics` | topics as the metadata has them |
//!
//! Racks of those who speak this protocol are kept and told; no assignor of Kafka 4 goes by them. Not covered: that a
//! group goes to its next epoch when replicas of its topics come to other racks; racks of members that speak the
//! classic protocol.

pub(super) mod answers;
pub(super) mod assign;
pub(super) mod change;
mod classic_member;
mod describe;
pub(super) mod group;
pub(super) mod heartbeat;
pub(super) mod member;
pub(super) mod migration;
pub(super) mod reconcile;
pub(super) mod records;
mod regex;
mod resolution;
mod self_check;
pub(super) mod session;
pub(super) mod timers;
pub(super) mod topics;
