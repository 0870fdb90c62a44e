//! A map by partition.

use std::marker::PhantomData;

use crate::types::{TopicId, TopicPartition};

/// More topics than a cluster has: a key beyond is a mistake, and would take memory for all that lie before it.
const TOPICS_MAX: usize = 1 << 24;
/// More partitions than a topic has, likewise.
const PARTITIONS_MAX: usize = 1 << 20;

/// A key that is a place in a table: the number of a topic, and of a partition in it.
pub trait Place: Copy {
    /// The place; none if a number is negative, so that nothing is there.
    fn place(self) -> Option<(usize, usize)>;
    /// The key of a place.
    fn at(topic: usize, partition: usize) -> Self;
}

impl Place for TopicPartition {
    #[inline]
    fn place(self) -> Option<(usize, usize)> {
        Some((self.topic.0 as usize, usize::try_from(self.partition).ok()?))
    }

    #[inline]
    fn at(topic: usize, partition: usize) -> Self {
        Self { topic: TopicId(topic as u32), partition: partition as i32 }
    }
}

/// A map by partition, in the order of topic and partition. Only what the cluster knows may be inserted: it takes
/// memory for each partition of a topic up to the last one inserted. Anything may be looked up.
#[derive(Clone)]
pub struct PartitionMap<K, V> {
    topics: Vec<Vec<Option<V>>>,
    len: usize,
    keys: PhantomData<K>,
}

impl<K, V> Default for PartitionMap<K, V> {
    fn default() -> Self {
        Self { topics: Vec::new(), len: 0, keys: PhantomData }
    }
}

impl<K: Place, V> PartitionMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        let (topic, partition) = key.place()?;
        self.topics.get(topic)?.get(partition)?.as_ref()
    }

    /// The value of a key, to be changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (topic, partition) = key.place()?;
        self.topics.get_mut(topic)?.get_mut(partition)?.as_mut()
    }

    /// Whether a key has a value.
    #[inline]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Gives a key a value; the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.slot(key).replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    /// The value of a key, which is this one if it had none.
    pub fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        if !self.contains_key(&key) {
            self.insert(key, value());
        }
        self.get_mut(&key).expect("it was inserted if it was not there")
    }

    /// Takes a key's value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (topic, partition) = key.place()?;
        let before = self.topics.get_mut(topic)?.get_mut(partition)?.take();
        self.len -= usize::from(before.is_some());
        before
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.topics.clear();
        self.len = 0;
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.topics.iter().enumerate().flat_map(|(topic, partitions)| row(topic, partitions))
    }

    /// The entries of one topic, in order.
    pub fn of_topic(&self, topic: TopicId) -> impl Iterator<Item = (K, &V)> {
        let topic = topic.0 as usize;
        row(topic, self.topics.get(topic).map_or(&[][..], Vec::as_slice))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.topics.iter().flatten().flatten()
    }

    /// All values, to be changed, in the order of their keys.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.topics.iter_mut().flatten().flatten()
    }

    /// The place for a key's value, made if there is none.
    fn slot(&mut self, key: K) -> &mut Option<V> {
        let (topic, partition) = key.place().expect("a partition that is known is not negative");
        assert!(topic < TOPICS_MAX, "topic {topic} is beyond {TOPICS_MAX}");
        assert!(partition < PARTITIONS_MAX, "partition {partition} is beyond {PARTITIONS_MAX}");
        if self.topics.len() <= topic {
            self.topics.resize_with(topic + 1, Vec::new);
        }
        let partitions = &mut self.topics[topic];
        if partitions.len() <= partition {
            partitions.resize_with(partition + 1, || None);
        }
        &mut partitions[partition]
    }
}

fn row<K: Place, V>(topic: usize, partitions: &[Option<V>]) -> impl Iterator<Item = (K, &V)> {
    let filled = partitions.iter().enumerate();
    filled.filter_map(move |(partition, value)| Some((K::at(topic, partition), value.as_ref()?)))
}

/// The value of a key that is there.
impl<K: Place + std::fmt::Debug, V> std::ops::Index<&K> for PartitionMap<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        self.get(key).unwrap_or_else(|| panic!("nothing is known of {key:?}"))
    }
}

/// By entries: where one was taken out, its place is left.
impl<K: Place + PartialEq, V: PartialEq> PartialEq for PartitionMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Place, V> FromIterator<(K, V)> for PartitionMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Place + std::fmt::Debug, V: std::fmt::Debug> std::fmt::Debug for PartitionMap<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = TopicPartition> {
        (0..5_u32, -1..6_i32)
            .prop_map(|(topic, partition)| TopicPartition { topic: TopicId(topic), partition })
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_map(steps in prop::collection::vec((key(), 0..3_u8, 0..9_u8), 0..60)) {
            let (mut map, mut model) = (PartitionMap::default(), BTreeMap::new());
            for (key, step, value) in steps {
                match step {
                    0 if key.partition >= 0 => {
                        prop_assert_eq!(map.insert(key, value), model.insert(key, value));
                    }
                    1 if key.partition >= 0 => {
                        let (a, b) = (map.get_or_insert_with(key, || value), model.entry(key));
                        prop_assert_eq!(a, b.or_insert(value));
                    }
                    _ => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                }
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert!(map.iter().eq(model.iter().map(|(key, value)| (*key, value))));
                prop_assert!(map.values().eq(model.values()));
            }
            let first = TopicPartition { topic: TopicId(2), partition: 0 };
            let last = TopicPartition { topic: TopicId(2), partition: i32::MAX };
            let of_topic = model.range(first..=last).map(|(key, value)| (*key, value));
            prop_assert!(map.of_topic(TopicId(2)).eq(of_topic));
            prop_assert_eq!(model.into_iter().collect::<PartitionMap<_, _>>(), map);
        }
    }

    #[test]
    #[should_panic(expected = "partition 2147483647 is beyond")]
    fn a_key_that_no_cluster_has_takes_no_memory() {
        let key = TopicPartition { topic: TopicId(0), partition: i32::MAX };
        PartitionMap::default().insert(key, 0_u8);
    }

    #[test]
    fn what_nobody_inserted_is_not_there() {
        let map: PartitionMap<TopicPartition, u8> = PartitionMap::default();
        for (topic, partition) in [(0, 0), (7, -1), (u32::MAX, i32::MAX)] {
            let key = TopicPartition { topic: TopicId(topic), partition };
            assert_eq!(map.get(&key), None);
        }
    }
}
