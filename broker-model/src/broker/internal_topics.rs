//! The topics whose records coordinators keep their state in.

use crate::coordinator::runtime::CoordinatorKind;
use crate::types::TopicId;

/// What the broker knows of internal topics.
#[derive(Debug, Default)]
pub(super) struct InternalTopics {
    /// By kind, as soon as the metadata has them.
    pub(super) ids: [Option<TopicId>; CoordinatorKind::ALL.len()],
    /// Those whose creation was asked for and not answered.
    pub(super) creating: Vec<CoordinatorKind>,
}

impl InternalTopics {
    /// What is coordinated by the records of this topic.
    pub(super) fn kind_of(&self, topic: TopicId) -> Option<CoordinatorKind> {
        let at = self.ids.iter().position(|id| *id == Some(topic))?;
        CoordinatorKind::ALL.get(at).copied()
    }

    /// The topic of a kind.
    pub(super) fn id_of(&self, kind: CoordinatorKind) -> Option<TopicId> {
        self.ids[kind as usize]
    }

    /// A topic is gone.
    pub(super) fn forget(&mut self, topic: TopicId) {
        for id in &mut self.ids {
            id.take_if(|id| *id == topic);
        }
    }

    /// The controller answered a creation, or will not.
    pub(super) fn answered(&mut self, kind: CoordinatorKind) {
        self.creating.retain(|other| *other != kind);
    }
}
