//! What is legal: a pure function of the configuration and of the faults that were actually injected.
//!
//! | file | what it says |
//! |---|---|
//! | `promised` | what clients and topics asked for |
//! | `terms` | that, with what was done to the cluster |
//! | `damage`, `dropped` | what was done to stored data; what unclean elections dropped |
//! | `anomaly`, `internal` | why what clients saw, or what broke inside, is legal |
//!
//! An anomaly is excused only for a reason that is printed. Switched-on defects are no reason: they are what a run is
//! meant to expose.

mod anomaly;
mod damage;
mod dropped;
mod internal;
mod promised;
mod terms;

pub use anomaly::excuse;
pub use damage::{Corrupted, Damage, MetadataDamage, Spoiled};
pub use dropped::Dropped;
pub use internal::excuse_violation;
pub use promised::{Isolation, PartitionTerms, ProducerTerms};
pub use terms::Terms;
