//! What things are called in the trace.

use std::collections::BTreeMap;

use harrow_broker_model::node::Effect;
use harrow_broker_model::note::{ControllerNote, MetadataChange, Note};
use harrow_broker_model::types::{TopicId, TopicPartition};

use crate::history::{asked_name, incarnation_name};

/// Topic names by id, as far as any node has learned them.
#[derive(Debug, Default)]
pub(in crate::world::engine) struct Names(BTreeMap<TopicId, String>);

impl Names {
    /// Learns from what a node has stated.
    pub(in crate::world::engine) fn learn(&mut self, effect: &Effect) {
        if let Effect::Note(Note::Controller(ControllerNote::MetadataApplied { change, .. })) =
            effect
            && let MetadataChange::TopicCreated { topic, name, .. } = change.as_ref()
            && !self.0.contains_key(topic)
        {
            // Topics are created in the order of their ids, and each is learned before the next.
            let before = self.0.values().filter(|known| asked_name(known) == name.as_str()).count();
            self.0.insert(*topic, incarnation_name(name, before + 1));
        }
    }

    /// A partition as people write it: `orders-0`, or `orders@2-0` if its topic is the second of its name.
    pub(super) fn place(&self, partition: TopicPartition) -> String {
        match self.0.get(&partition.topic) {
            Some(name) => format!("{name}-{}", partition.partition),
            None if partition == TopicPartition::METADATA => "metadata log".to_owned(),
            None => format!("topic {}, partition {}", partition.topic, partition.partition),
        }
    }
}
