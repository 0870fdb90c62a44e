//! What things are called in the trace.

use std::collections::BTreeMap;

use harrow_broker_model::node::Effect;
use harrow_broker_model::note::{ControllerNote, MetadataChange, Note};
use harrow_broker_model::types::{TopicId, TopicPartition};

/// Topic names by id, as far as any node has learned them.
#[derive(Debug, Default)]
pub(in crate::world::engine) struct Names(BTreeMap<TopicId, String>);

impl Names {
    /// Learns from what a node has stated.
    pub(in crate::world::engine) fn learn(&mut self, effect: &Effect) {
        if let Effect::Note(Note::Controller(ControllerNote::MetadataApplied { change, .. })) =
            effect
            && let MetadataChange::TopicCreated { topic, name, .. } = change.as_ref()
        {
            self.0.entry(*topic).or_insert_with(|| name.clone());
        }
    }

    /// A partition as people write it: `orders-0`.
    pub(super) fn place(&self, partition: TopicPartition) -> String {
        match self.0.get(&partition.topic) {
            Some(name) => format!("{name}-{}", partition.partition),
            None if partition == TopicPartition::METADATA => "metadata log".to_owned(),
            None => format!("topic {}, partition {}", partition.topic, partition.partition),
        }
    }
}
