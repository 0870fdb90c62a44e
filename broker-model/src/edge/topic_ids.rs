//! Topics by name or by id: clients of later versions name ids, the model names.
//!
//! An id that nobody knows becomes a name that no topic can have, and the answer to it becomes an id again: so nothing
//! need be remembered between a request and its answer.

use crate::metadata::MetadataImage;
use crate::proto::{StrBytes, TopicName, Uuid, topic_of_uuid, topic_uuid, uuid};

/// In front of an id that nobody knows. No topic's name has a slash.
const UNKNOWN: &str = "unknown/";

/// The name of the topic with an id; one that no topic has if the id is not known.
pub(super) fn name_of(image: &MetadataImage, id: u128) -> TopicName {
    let known = topic_of_uuid(id).and_then(|topic| image.topics.get(&topic));
    let name = known.map_or_else(|| format!("{UNKNOWN}{id:032x}"), |topic| topic.name.clone());
    TopicName(StrBytes::from_string(name))
}

/// Whether a name stands for an id that nobody knows.
pub(super) fn is_unknown(name: &str) -> bool {
    name.starts_with(UNKNOWN)
}

/// The id of a name, as the wire has it; zero if there is no such topic.
pub(super) fn id_of(image: &MetadataImage, name: &str) -> Uuid {
    if let Some(topic) = image.topic_ids.get(name) {
        return topic_uuid(*topic);
    }
    let unknown = name.strip_prefix(UNKNOWN).and_then(|id| u128::from_str_radix(id, 16).ok());
    uuid(unknown.unwrap_or(0))
}
