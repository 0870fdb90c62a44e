//! A set in a sorted vector.

/// A set for few members, or for members that mostly grow: see [`SortedMap`](super::SortedMap).
#[derive(Debug, Clone, PartialEq)]
pub struct SortedSet<K> {
    members: Vec<K>,
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self { members: Vec::new() }
    }
}

impl<K: Ord + Copy> SortedSet<K> {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether it is among them.
    #[inline]
    pub fn contains(&self, member: &K) -> bool {
        self.members.binary_search(member).is_ok()
    }

    /// Adds one; whether it was not there.
    pub fn insert(&mut self, member: K) -> bool {
        if self.members.last().is_none_or(|last| *last < member) {
            self.members.push(member);
            return true;
        }
        let Err(at) = self.members.binary_search(&member) else { return false };
        self.members.insert(at, member);
        true
    }

    /// Takes one out; whether it was there.
    pub fn remove(&mut self, member: &K) -> bool {
        let Ok(at) = self.members.binary_search(member) else { return false };
        self.members.remove(at);
        true
    }

    /// The least.
    #[inline]
    pub fn first(&self) -> Option<&K> {
        self.members.first()
    }

    /// Takes the least out.
    pub fn pop_first(&mut self) -> Option<K> {
        (!self.members.is_empty()).then(|| self.members.remove(0))
    }

    /// Keeps only those that it says.
    pub fn retain(&mut self, keep: impl FnMut(&K) -> bool) {
        self.members.retain(keep);
    }

    /// Takes all out and keeps the room.
    pub fn clear(&mut self) {
        self.members.clear();
    }

    /// All, in order.
    #[inline]
    pub fn iter(&self) -> std::slice::Iter<'_, K> {
        self.members.iter()
    }
}

impl<'a, K> IntoIterator for &'a SortedSet<K> {
    type Item = &'a K;
    type IntoIter = std::slice::Iter<'a, K>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in prop::collection::vec((0..12_u8, 0..3_u8), 0..60)) {
            let (mut set, mut model) = (SortedSet::default(), BTreeSet::new());
            for (member, step) in steps {
                match step {
                    0 => prop_assert_eq!(set.insert(member), model.insert(member)),
                    1 => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                    _ => prop_assert_eq!(set.pop_first(), model.pop_first()),
                }
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(set.contains(&member), model.contains(&member));
                prop_assert_eq!(set.first(), model.first());
                prop_assert!(set.iter().eq(model.iter()));
            }
            set.retain(|member| *member > 3);
            model.retain(|member| *member > 3);
            prop_assert!(set.iter().eq(&model));
        }
    }
}
