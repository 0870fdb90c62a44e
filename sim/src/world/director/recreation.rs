//! An administrator deletes a topic and creates it again, while clients go on that know the first one. What is deleted
//! is named by its id, so that a request that is made twice does not delete the topic that comes after it.

use harrow_broker_model::admin_message::AdminRequest;
use harrow_broker_model::node::Node;
use harrow_broker_model::proto::{DeleteTopicState, DeleteTopicsRequest, topic_uuid};
use harrow_broker_model::types::{NodeId, OperationId};

use super::Director;
use super::administration::partition_of;
use crate::plan::Target;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Who led a partition of it, and what is asked in words; or why it is not.
    pub(super) fn delete_topic(&mut self, target: &Target) -> Result<(NodeId, String), String> {
        let (topic, index) = partition_of(target)?;
        let view = self.host.view();
        let id = view.topic_id(topic).ok_or("the topic is not there")?;
        let node = view.leader_of(topic, index).unwrap_or(self.plan.admin.node);
        let state = DeleteTopicState::default().with_name(None).with_topic_id(topic_uuid(id));
        let request = DeleteTopicsRequest::default().with_topics(vec![state]);
        self.ask(AdminRequest::DeleteTopics(request))?;
        Ok((node, format!("topic {topic} is deleted")))
    }

    /// The admin client, and what is asked in words; or why it is not.
    pub(super) fn create_topic_again(
        &mut self,
        target: &Target,
    ) -> Result<(NodeId, String), String> {
        let (topic, _) = partition_of(target)?;
        let known = |position: &usize| self.plan.topics[*position].name == topic;
        let position = (0..self.topics_created).find(known).ok_or("there was no such topic yet")?;
        if self.host.view().topic_id(topic).is_some() {
            return Err("the topic is there".to_owned());
        }
        self.ask_for_topic(position).ok_or("the admin client does not run")?;
        Ok((self.plan.admin.node, format!("topic {topic} is created again")))
    }

    /// Topics that were there and are not.
    pub(super) fn missing_topics(&self) -> impl Iterator<Item = usize> + '_ {
        let is_missing = |position: &usize| {
            self.host.view().topic_id(&self.plan.topics[*position].name).is_none()
        };
        (0..self.topics_created).filter(is_missing)
    }

    /// After the heal: topics are there again that no step has created after their deletion.
    pub(super) fn create_missing(&mut self) {
        for position in self.missing_topics().collect::<Vec<_>>() {
            // Whoever is not asked now is asked at the next look.
            let _ = self.ask_for_topic(position);
        }
    }

    /// Whether the operation is one that deletes a topic; then it is over.
    pub(super) fn deleted(&mut self, operation: OperationId) -> bool {
        let before = self.deleting.len();
        self.deleting.retain(|open| *open != operation);
        self.deleting.len() < before
    }

    /// The history tells a topic that was created again from the one before it.
    pub(super) fn learn_topics(&mut self) {
        let registry = self.host.view().registry();
        if self.topics_known != registry.topics_revision() {
            self.topics_known = registry.topics_revision();
            self.recorder.learn(registry.topics());
        }
    }
}
