//! Which topics there were of each name: one that is deleted and created again is another one, and its partitions are
//! others in the history.

use std::collections::BTreeMap;

use harrow_broker_model::metadata::MetadataImage;
use harrow_broker_model::proto::told_topic;
use harrow_broker_model::types::TopicId;
use harrow_sim::history::incarnation_name;

/// All topics by name, each in order of its creation.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: BTreeMap<String, Vec<TopicId>>,
    newest: TopicId,
}

impl Topics {
    /// Takes over what a broker knows.
    pub(super) fn learn(&mut self, image: &MetadataImage) {
        if image.last_topic <= self.newest {
            return;
        }
        for (id, topic) in image.topics.iter().filter(|(id, _)| **id > self.newest) {
            self.known.entry(topic.name.clone()).or_default().push(*id);
        }
        self.newest = image.last_topic;
    }

    /// The name in the history of the topic that an answer tells of, or of the newest one if it tells no id.
    pub(super) fn recorded(&self, name: &str, id: u128) -> String {
        let known = self.known.get(name).map_or(&[][..], Vec::as_slice);
        let told = told_topic(id).and_then(|id| known.iter().position(|known| *known == id));
        incarnation_name(name, told.map_or(known.len(), |at| at + 1))
    }

    /// The name in the history of the topic of an id, if it is known.
    pub(super) fn of_id(&self, id: u128) -> Option<String> {
        let topic = told_topic(id)?;
        let known = self.known.iter().find(|(_, known)| known.contains(&topic));
        known.map(|(name, _)| self.recorded(name, id))
    }

    /// Whether the topic of a name in the history is the one that is there now.
    pub(super) fn is_there(&self, asked: &str, recorded: &str, image: &MetadataImage) -> bool {
        let id = image.topic_ids.get(asked);
        id.is_some_and(|id| self.recorded(asked, u128::from(id.0)) == recorded)
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::metadata::MetadataRecord;
    use harrow_broker_model::types::Offset;

    use super::*;

    fn topic(name: &str) -> harrow_broker_model::config::TopicConfig {
        harrow_broker_model::testing::topic(name, 1)
    }

    #[test]
    fn a_topic_that_was_created_again_has_a_name_of_its_own() {
        let (mut topics, mut image) = (Topics::default(), MetadataImage::default());
        assert_eq!(topics.recorded("orders", 0), "orders", "nobody knows more");
        let created = |id| MetadataRecord::Topic { topic: TopicId(id), config: topic("orders") };
        let steps = [created(1), MetadataRecord::RemoveTopic { topic: TopicId(1) }, created(2)];
        for (record, offset) in steps.iter().zip(0..) {
            image.apply(Offset(offset), record);
            topics.learn(&image);
        }
        let table = [(0, "orders@2"), (1, "orders"), (2, "orders@2"), (9, "orders@2")];
        for (id, name) in table {
            assert_eq!(topics.recorded("orders", id), name, "id {id}");
        }
        assert!(topics.is_there("orders", "orders@2", &image));
        assert!(!topics.is_there("orders", "orders", &image));
    }
}
