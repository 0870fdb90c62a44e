//! The cluster's metadata: records of the metadata log, and the image that replaying them gives.

mod directories;
mod fetched_log;
mod fetching_snapshot;
mod image;
mod record;
mod snapshot;

pub use directories::Directories;
pub(crate) use fetched_log::{CommittedGone, FetchedLog};
pub(crate) use fetching_snapshot::{FetchingSnapshot, Part};
pub use image::{BrokerRegistration, MetadataImage};
pub use record::MetadataRecord;
pub(crate) use snapshot::{decode_snapshot, encode_snapshot, push_settings};

/// What a topic may be called: it names a folder, too. Source: Kafka's `Topic.validate`.
pub fn is_topic_name(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    letters && (1..=249).contains(&name.len()) && name != "." && name != ".."
}
