//! The cluster's metadata: records of the metadata log, and the image that replaying them gives.

mod image;
mod record;

pub use image::{BrokerRegistration, MetadataImage};
pub use record::MetadataRecord;
