//! What is legal: a pure function of the configuration and of the faults that were actually injected.
//!
//! | file | what it says |
//! |---|---|
//! | `promised` | what clients and topics asked for |
//! | `terms` | that, with what was done to the cluster |
//! | `hold` | that, as if more had been promised |
//! | `reason` | why something is legal, in words |
//! | `damage`, `dropped` | what was done to stored data; what unclean elections dropped |
//! | `membership` | whether a group's offsets may have expired |
//! | `recreated` | what is carried from a topic to another one of its name |
//! | `anomaly`, `internal` | why what clients saw, or what broke inside, is legal |
//!
//! An anomaly is excused only for a reason that is printed. Switched-on defects are no reason: they are what a run is
//! meant to expose.

mod anomaly;
mod causes;
mod damage;
mod dropped;
mod hold;
mod internal;
mod leaders;
mod membership;
mod processing;
mod promised;
mod reason;
mod recreated;
mod terms;

pub use anomaly::excuse;
pub use damage::{CorruptLog, Corrupted, Damage, DamageKind, MetadataDamage};
pub use dropped::Dropped;
pub use hold::{Hold, PROMISES, Promise};
pub use internal::excuse_violation;
pub(crate) use internal::is_of_groups;
pub use leaders::LeaderChange;
pub(crate) use promised::OFFSETS_RETENTION_NS;
pub use promised::{Isolation, PartitionTerms, ProducerTerms, Reset};
pub use reason::Reason;
pub use terms::{MovedByHand, Terms};
pub(crate) use terms::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
