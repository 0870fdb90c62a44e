//! Who acts for which group: its members, as far as their requests tell. A client has one connection to its group's
//! coordinator, so that a request which names no member is that of the one who joined on its connection.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{PartitionIndex, ProcessKey};

/// As which member of a group somebody acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Membership {
    /// The group.
    pub(super) group: String,
    /// The generation, or the member's epoch; -1 outside of any.
    pub(super) generation: i64,
}

/// Who asks something for a group, as the request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// On which connection.
    pub(super) connection: u64,
    /// For which group.
    pub(super) group: String,
    /// Its member id; empty if it names none.
    pub(super) member: String,
    /// Its generation or epoch.
    pub(super) generation: i64,
}

impl Caller {
    /// One that names its group and its member id, and a generation or epoch.
    pub(super) fn of(connection: u64, (group, member): (&str, &str), generation: i32) -> Self {
        let (group, member) = (group.to_owned(), member.to_owned());
        Self { connection, group, member, generation: generation.into() }
    }

    /// The same as the history has it.
    pub(super) fn membership(&self) -> Membership {
        Membership { group: self.group.clone(), generation: self.generation.max(-1) }
    }
}

/// The members of all groups.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Who has joined on a connection, with its generation.
    joined: BTreeMap<(u64, String), (ProcessKey, i64)>,
    /// When somebody on a connection last gave up what it had, to join again.
    joining: BTreeMap<u64, u64>,
    /// `group.instance.id` by group and member id. The next process of an instance takes its place (KIP-345).
    instances: BTreeMap<(String, String), String>,
    /// What members of the consumer protocol were given last, with their epoch.
    given: BTreeMap<ProcessKey, (i64, Vec<PartitionIndex>)>,
    classic: BTreeSet<String>,
    consumer: BTreeSet<String>,
}

impl Members {
    /// Somebody asks to join a group of the classic protocol.
    pub(super) fn joins(&mut self, at_ns: u64, connection: u64) {
        self.joining.insert(connection, at_ns);
    }

    /// Since when it has been joining.
    pub(super) fn joining_since(&mut self, connection: u64) -> Option<u64> {
        self.joining.remove(&connection)
    }

    /// A member has an instance id.
    pub(super) fn is_instance(&mut self, group: &str, member: &str, instance: Option<&str>) {
        if let Some(instance) = instance {
            self.instances.insert((group.to_owned(), member.to_owned()), instance.to_owned());
        }
    }

    /// A member has joined.
    pub(super) fn joined(&mut self, caller: &Caller, classic: bool) {
        let key = self.key(caller);
        let by = (caller.connection, caller.group.clone());
        self.joined.insert(by, (key, caller.generation));
        let of_kind = if classic { &mut self.classic } else { &mut self.consumer };
        of_kind.insert(caller.group.clone());
    }

    /// What a member of the consumer protocol has: what it is given now, if anything is said, else what it had. Nothing
    /// if it knows that already.
    pub(super) fn given(
        &mut self,
        caller: &Caller,
        now: Option<Vec<PartitionIndex>>,
    ) -> Option<Vec<PartitionIndex>> {
        let key = self.key(caller);
        let known = self.given.get(&key);
        let has = now.or_else(|| known.map(|(_, had)| had.clone())).unwrap_or_default();
        let next = (caller.generation, has.clone());
        if known == Some(&next) {
            return None;
        }
        self.given.insert(key, next);
        Some(has)
    }

    /// Which process somebody is.
    pub(super) fn key(&self, caller: &Caller) -> ProcessKey {
        let Caller { connection, group, member, .. } = caller;
        if member.is_empty() {
            return ProcessKey::Outside(*connection);
        }
        let place = (group.clone(), member.clone());
        let instance = self.instances.get(&place);
        let member = instance.map_or_else(|| place.1, |instance| format!("instance {instance}"));
        ProcessKey::Member(place.0, member)
    }

    /// Who has joined a group on a connection.
    pub(super) fn on(&self, connection: u64, group: &str) -> Option<&(ProcessKey, i64)> {
        self.joined.get(&(connection, group.to_owned()))
    }

    /// A connection is gone.
    pub(super) fn closed(&mut self, connection: u64) {
        self.joining.remove(&connection);
        let gone = (connection, String::new())..(connection + 1, String::new());
        let gone: Vec<(u64, String)> =
            self.joined.range(gone).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.joined.remove(&key);
        }
    }

    /// Whether any group's members have epochs of their own (KIP-848).
    pub(super) fn have_epochs(&self) -> bool {
        !self.consumer.is_empty()
    }

    /// Groups whose members share a generation.
    pub(super) fn classic(&self) -> impl Iterator<Item = &String> {
        self.classic.difference(&self.consumer)
    }
}
