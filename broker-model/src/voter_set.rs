//! The voters of the controller quorum, each with the directory that has its vote and its log.
//!
//! A controller whose disk was replaced has the id of before and knows nothing of its votes: it is another replica.
//! Without the directory it would vote twice, and count for what it has lost. Source: KIP-853, Kafka's `VoterSet`,
//! `ReplicaKey`. Not modelled: endpoints, and which versions a voter supports.

use serde::{Deserialize, Serialize};

use crate::types::{DirectoryId, NodeId};

/// A replica of the metadata log: a controller on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaKey {
    /// Who.
    pub id: NodeId,
    /// On which disk; [`DirectoryId::UNASSIGNED`] of voters that the configuration names.
    pub directory: DirectoryId,
}

/// Voters, by ascending id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct VoterSet(Vec<ReplicaKey>);

impl VoterSet {
    /// These voters.
    ///
    /// # Panics
    /// If an id is among them twice.
    pub fn new(voters: impl IntoIterator<Item = ReplicaKey>) -> Self {
        let mut voters: Vec<ReplicaKey> = voters.into_iter().collect();
        voters.sort_unstable();
        let twice = voters.windows(2).any(|pair| pair[0].id == pair[1].id);
        assert!(!twice, "a voter has two directories: {voters:?}");
        Self(voters)
    }

    /// All of them.
    pub fn keys(&self) -> &[ReplicaKey] {
        &self.0
    }

    /// Their ids.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().map(|voter| voter.id)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many are a majority.
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// The voter of an id.
    pub fn voter(&self, id: NodeId) -> Option<ReplicaKey> {
        self.0.iter().copied().find(|voter| voter.id == id)
    }

    /// Whether a replica is a voter; of voters that the configuration names the id alone counts.
    pub fn is_voter(&self, replica: ReplicaKey) -> bool {
        self.voter(replica.id).is_some_and(|voter| {
            voter.directory == DirectoryId::UNASSIGNED || voter.directory == replica.directory
        })
    }

    /// With one more; nothing if there is one of its id.
    pub fn with(&self, voter: ReplicaKey) -> Option<Self> {
        let fresh = self.voter(voter.id).is_none();
        fresh.then(|| Self::new(self.0.iter().copied().chain([voter])))
    }

    /// Without one of them; nothing if it is none, or the last.
    pub fn without(&self, voter: ReplicaKey) -> Option<Self> {
        let rest = self.0.iter().copied().filter(|other| *other != voter);
        let removes = self.0.contains(&voter) && self.0.len() > 1;
        removes.then(|| Self::new(rest))
    }

    /// Whether each majority of one has a voter of each majority of the other: at most one voter left, and one came.
    /// Source: `VoterSet.hasOverlappingMajority`.
    pub fn overlaps(&self, other: &Self) -> bool {
        let lacks = |a: &Self, b: &Self| a.0.iter().filter(|voter| !b.0.contains(voter)).count();
        lacks(self, other) <= 1 && lacks(other, self) <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: i32, directory: u64) -> ReplicaKey {
        ReplicaKey { id: NodeId(id), directory: DirectoryId(directory) }
    }

    fn set(voters: &[(i32, u64)]) -> VoterSet {
        VoterSet::new(voters.iter().map(|(id, directory)| key(*id, *directory)))
    }

    #[test]
    fn a_voter_is_an_id_on_a_disk() {
        let voters = set(&[(101, 500), (102, 600), (103, 0)]);
        let table = [
            ((101, 500), true, "the same disk"),
            ((101, 501), false, "another disk"),
            ((103, 700), true, "a voter that the configuration names"),
            ((104, 500), false, "another id"),
        ];
        for ((id, directory), expected, name) in table {
            assert_eq!(voters.is_voter(key(id, directory)), expected, "{name}");
        }
    }

    #[test]
    fn one_comes_or_goes_at_a_time() {
        let three = set(&[(101, 500), (102, 600), (103, 700)]);
        let four = three.with(key(104, 800)).expect("there is no such one");
        assert_eq!(four, set(&[(101, 500), (102, 600), (103, 700), (104, 800)]));
        assert_eq!(three.with(key(103, 701)), None, "an id is there once");
        assert_eq!(four.without(key(104, 800)), Some(three.clone()));
        assert_eq!(three.without(key(103, 701)), None, "that disk has no vote");
        assert_eq!(set(&[(101, 500)]).without(key(101, 500)), None, "one is left");
        assert_eq!((three.majority(), four.majority()), (2, 3));
    }

    #[test]
    fn sets_that_differ_by_one_voter_have_overlapping_majorities() {
        let three = set(&[(101, 500), (102, 600), (103, 700)]);
        let table = [
            (three.clone(), true, "the same"),
            (set(&[(101, 500), (102, 600)]), true, "one less"),
            (set(&[(101, 500), (102, 600), (103, 701)]), true, "one replaced"),
            (set(&[(101, 500)]), false, "two less"),
            (set(&[(101, 500), (104, 600), (105, 700)]), false, "two replaced"),
        ];
        for (other, expected, name) in table {
            assert_eq!(three.overlaps(&other), expected, "{name}");
            assert_eq!(other.overlaps(&three), expected, "{name}");
        }
    }
}
