//! A topic as the history knows it: all topics that had its name, one after the other.
//!
//! Clients know names. A topic that is deleted and created again under its name is another one, whose offsets begin
//! anew: its partitions are others in the history, and only the ids in brokers' answers tell which of them is meant.

use std::collections::BTreeMap;
use std::ops::Range;

use harrow_broker_model::types::{TopicId, TopicPartition};

use crate::history::incarnation_name;
use crate::plan::TopicPlan;
use crate::view::TopicView;

/// All topics of one name.
#[derive(Debug)]
pub(super) struct RecordedTopic {
    pub(super) name: String,
    /// First position of the first one's partitions.
    pub(super) first: u32,
    partitions: u32,
    /// Each one that there was, in order, with the first position of its partitions.
    known: Vec<(TopicId, u32)>,
    /// Whether the newest one is deleted.
    deleted: bool,
}

impl RecordedTopic {
    /// A topic that is to be created.
    pub(super) fn planned(topic: &TopicPlan, first: u32) -> Self {
        let (name, partitions) = (topic.name.clone(), topic.partitions);
        Self { name, first, partitions, known: Vec::new(), deleted: false }
    }

    /// Takes over what there is; the partitions of those that are new come last.
    pub(super) fn learn(&mut self, topics: &BTreeMap<TopicId, TopicView>, names: &mut Vec<String>) {
        for (id, topic) in topics.iter().filter(|(_, topic)| topic.name == self.name) {
            self.deleted = topic.deleted;
            if self.known.iter().any(|(known, _)| known == id) {
                continue;
            }
            let ordinal = self.known.len() + 1;
            let first = if ordinal == 1 { self.first } else { names.len() as u32 };
            if ordinal > 1 {
                let name = incarnation_name(&self.name, ordinal);
                names.extend((0..self.partitions).map(|index| format!("{name}-{index}")));
            }
            self.known.push((*id, first));
        }
    }

    /// First position of the newest one's partitions.
    pub(super) fn newest(&self) -> u32 {
        self.known.last().map_or(self.first, |(_, first)| *first)
    }

    /// Whether there was no other one, and this one is not deleted.
    pub(super) fn is_the_only_one(&self) -> bool {
        self.known.len() <= 1 && !self.deleted
    }

    /// First position of the partitions of the one with this id; if nobody says which it is, there must be only one.
    pub(super) fn first_of(&self, id: Option<TopicId>) -> Option<u32> {
        match id {
            Some(id) if !self.known.is_empty() => {
                let found = self.known.iter().find(|(known, _)| *known == id);
                found.map(|(_, first)| *first)
            }
            Some(_) | None => self.is_the_only_one().then_some(self.first),
        }
    }

    /// Positions of the newest one's partitions.
    pub(super) fn positions(&self) -> Range<u32> {
        self.newest()..self.newest() + self.partitions
    }

    /// What is at a position, if it is one of these.
    pub(super) fn place(&self, position: u32) -> Option<TopicPartition> {
        let mut known = self.known.iter();
        let here = |first: u32| (first..first + self.partitions).contains(&position);
        let (topic, first) = known.find(|(_, first)| here(*first))?;
        Some(TopicPartition { topic: *topic, partition: (position - first) as i32 })
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::retention::Retention;

    use super::*;

    fn view(deleted: bool) -> TopicView {
        TopicView {
            name: "orders".to_owned(),
            min_insync_replicas: 1,
            minimums: std::collections::BTreeSet::from([1]),
            minimum_changed: false,
            unclean_leader_election: false,
            retention: Retention::FOREVER,
            throttles: std::collections::BTreeSet::new(),
            deleted,
        }
    }

    fn planned() -> TopicPlan {
        TopicPlan { name: "orders".to_owned(), partitions: 2, ..crate::testing::topic(1, 1) }
    }

    /// Another topic stands before it in the history.
    #[test]
    fn the_second_topic_of_a_name_has_partitions_of_its_own() {
        let mut names = ["a-0", "orders-0", "orders-1"].map(str::to_owned).to_vec();
        let mut topic = RecordedTopic::planned(&planned(), 1);
        assert_eq!(topic.first_of(Some(TopicId(7))), Some(1), "nobody knows better yet");
        let mut topics = BTreeMap::from([(TopicId(7), view(false))]);
        topic.learn(&topics, &mut names);
        assert!(topic.is_the_only_one() && names.len() == 3);
        assert_eq!((topic.first_of(None), topic.newest()), (Some(1), 1));
        topics.insert(TopicId(7), view(true));
        topic.learn(&topics, &mut names);
        assert_eq!(topic.first_of(None), None, "it may have been tried with the next one");
        topics.insert(TopicId(9), view(false));
        for _ in 0..2 {
            topic.learn(&topics, &mut names);
        }
        assert_eq!(names[3..], ["orders@2-0", "orders@2-1"]);
        assert_eq!((topic.newest(), topic.positions()), (3, 3..5));
        let first = [7, 9, 8].map(|id| topic.first_of(Some(TopicId(id))));
        assert_eq!(first, [Some(1), Some(3), None]);
        let place = |topic, partition| Some(TopicPartition { topic, partition });
        assert_eq!(topic.place(2), place(TopicId(7), 1));
        assert_eq!(topic.place(3), place(TopicId(9), 0));
        assert_eq!(topic.place(0), None);
    }
}
