//! In which state classic groups are, by the coordinator whose word counts.

use std::collections::BTreeMap;

use harrow_broker_model::note::ClassicGroupState;
use harrow_broker_model::types::NodeId;

/// What is known of a group's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It was loaded, or spoke the other protocol before: it is stable or empty.
    Settled,
    /// Its coordinator has said so.
    Said(ClassicGroupState),
}

impl Known {
    fn has_members(self) -> bool {
        match self {
            Self::Said(
                ClassicGroupState::PreparingRebalance
                | ClassicGroupState::CompletingRebalance
                | ClassicGroupState::Stable,
            ) => true,
            Self::Settled | Self::Said(ClassicGroupState::Empty | ClassicGroupState::Dead) => false,
        }
    }
}

#[derive(Debug)]
struct Group {
    node: NodeId,
    known: Known,
    /// Since which event it has had members without a break.
    occupied_since: Option<u64>,
}

/// Classic groups.
#[derive(Debug, Default)]
pub(super) struct ClassicStates {
    groups: BTreeMap<String, Group>,
}

impl ClassicStates {
    /// A process starts: it coordinates nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.groups.retain(|_, group| group.node != node);
    }

    /// What was known of these groups does not count any more.
    pub(super) fn forget(&mut self, is_one: impl Fn(&str) -> bool) {
        self.groups.retain(|group, _| !is_one(group));
    }

    /// A coordinator knows these groups from now on.
    pub(super) fn on_loaded(&mut self, node: NodeId, groups: &[(String, i32)]) {
        for (group, _) in groups {
            self.settle(node, group);
        }
    }

    fn settle(&mut self, node: NodeId, group: &str) {
        let known = Group { node, known: Known::Settled, occupied_since: None };
        self.groups.insert(group.to_owned(), known);
    }

    /// A coordinator says in which state a group is.
    pub(super) fn on_state(
        &mut self,
        (node, event): (NodeId, u64),
        group: &str,
        state: ClassicGroupState,
    ) {
        if state == ClassicGroupState::Dead {
            self.groups.remove(group);
            return;
        }
        let known = Known::Said(state);
        let before = self.groups.get(group).filter(|before| before.node == node);
        let before = before.and_then(|before| before.occupied_since);
        let occupied_since = known.has_members().then_some(before.unwrap_or(event));
        self.groups.insert(group.to_owned(), Group { node, known, occupied_since });
    }

    /// A group speaks another protocol. What it says of itself as a classic one may come before.
    pub(super) fn on_protocol(&mut self, node: NodeId, group: &str, classic: bool) {
        if !classic {
            self.groups.remove(group);
        } else if !self.groups.contains_key(group) {
            self.settle(node, group);
        }
    }

    /// What a node says of a group, if its word counts.
    pub(super) fn of(&self, node: NodeId, group: &str) -> Option<Known> {
        self.groups.get(group).filter(|known| known.node == node).map(|known| known.known)
    }

    /// Since which event a group has had members, as the node says whose word counts; none if it has none, or it is not
    /// known.
    pub(super) fn occupied_since(&self, node: NodeId, group: &str) -> Option<u64> {
        self.groups.get(group).filter(|known| known.node == node)?.occupied_since
    }
}
