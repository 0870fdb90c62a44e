//! The cluster's metadata: records of the metadata log, and the image that replaying them gives.

mod fetched_log;
mod image;
mod record;

pub(crate) use fetched_log::{CommittedGone, FetchedLog};
pub use image::{BrokerRegistration, MetadataImage};
pub use record::MetadataRecord;
