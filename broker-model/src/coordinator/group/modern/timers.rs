//! Sessions of members, and how long they may take to give partitions up. Source: Kafka's
//! `GroupMetadataManager.scheduleConsumerGroupSessionTimeout`, `scheduleConsumerGroupRebalanceTimeout`, `onLoaded`.

use super::change::Patience;
use super::migration::Removal;
use super::session::Timers;
use super::topics::Topics;
use crate::config::ms;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::state::GroupState;
use crate::coordinator::group::waiter::Waiter;
use crate::metadata::MetadataImage;
use crate::note::GroupNote;
use crate::types::Now;

/// A member whose end could not be written is looked at again after so long. Source: `CoordinatorRuntime`'s timers.
const RETRY_MS: u64 = 500;

/// What a member that speaks the classic protocol has done, or was told. Source:
/// `GroupMetadataManager.scheduleConsumerGroupJoinTimeoutIfAbsent`, `scheduleConsumerGroupSyncTimeout`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    /// It has joined, and must ask for its assignment.
    Joined { session_ms: u64, rebalance_ms: u64 },
    /// It has asked for it.
    Synced { session_ms: u64 },
    /// It is alive.
    Heard { session_ms: u64 },
    /// It was told to join again, if not before.
    ToRejoin { rebalance_ms: u64 },
}

impl GroupCoordinator {
    /// A member that speaks the classic protocol was heard of.
    pub(super) fn keep_classic(
        &mut self,
        now: Now,
        partition: i32,
        (group, member): (&str, &str),
        kept: Kept,
    ) {
        let after = |milliseconds: u64| now.time + ms(milliseconds);
        let key = (partition, group.to_owned(), member.to_owned());
        let session = after(self.config.consumer_groups.session_timeout_ms);
        let timers = self.members.entry(key).or_insert(Timers::of_session(session));
        match kept {
            Kept::Joined { session_ms, rebalance_ms } => {
                timers.session = after(session_ms);
                (timers.join, timers.sync) = (None, Some(after(rebalance_ms)));
            }
            Kept::Synced { session_ms } => {
                (timers.session, timers.sync) = (after(session_ms), None);
            }
            Kept::Heard { session_ms } => timers.session = after(session_ms),
            Kept::ToRejoin { rebalance_ms } => {
                timers.join.get_or_insert(after(rebalance_ms));
            }
        }
        self.changed = true;
    }

    /// A member was heard of.
    pub(super) fn keep_member(
        &mut self,
        now: Now,
        partition: i32,
        (group, member): (&str, &str),
        patience: Patience,
    ) {
        let session = now.time + ms(self.config.consumer_groups.session_timeout_ms);
        let key = (partition, group.to_owned(), member.to_owned());
        let timers = self.members.entry(key).or_insert(Timers::of_session(session));
        timers.session = session;
        match patience {
            Patience::Same => {}
            Patience::None => timers.rebalance = None,
            Patience::Of(epoch, timeout) => {
                timers.rebalance = Some((now.time + ms(timeout), epoch));
            }
        }
        self.changed = true;
    }

    /// Whoever is loaded has a whole session to be heard of, and all its time to give partitions up.
    pub(in crate::coordinator::group) fn keep_loaded_members(&mut self, now: Now, partition: i32) {
        let Ok(context) = self.runtime.active(partition) else { return };
        let mut loaded = Vec::new();
        for (name, group) in context.written().consumer_groups() {
            for id in group.members().keys() {
                let unrevoked = group.is_unrevoked(id);
                let patience = unrevoked.map_or(Patience::None, |(epoch, timeout)| {
                    Patience::Of(epoch, timeout.max(0) as u64)
                });
                loaded.push((name.clone(), id.clone(), patience));
            }
        }
        for (group, member, patience) in loaded {
            self.keep_member(now, partition, (&group, &member), patience);
        }
    }

    /// A group is a classic one from now on, which looks after its members itself.
    pub(in crate::coordinator::group) fn forget_members_of(&mut self, partition: i32, name: &str) {
        self.members.retain(|(known, group, _), _| *known != partition || group != name);
        self.changed = true;
    }

    /// Another broker looks after the members of a partition's groups from now on.
    pub(in crate::coordinator::group) fn forget_members(&mut self, partition: i32) {
        self.members.retain(|(known, _, _), _| *known != partition);
        self.changed = true;
    }

    /// Throws out the first member that is late, if there is one: what becomes of it must be written before the next.
    pub(crate) fn expire_member(&mut self, now: Now, image: &MetadataImage) -> bool {
        let late = self.members.iter_mut().find(|(_, timers)| timers.at() <= now.time);
        let Some((key, timers)) = late else { return false };
        self.changed = true;
        let is_over = timers.is_over(now.time);
        let reason = timers.lateness(now.time);
        let patience = timers.rebalance.filter(|(at, _)| *at <= now.time);
        // Both are tried again, as long as they hold: what is to be written may not be.
        let again = now.time + ms(RETRY_MS);
        if is_over {
            timers.retry(now.time, again);
        } else {
            timers.rebalance = patience.map(|(_, epoch)| (again, epoch));
        }
        let key = key.clone();
        let (partition, group, member) = (key.0, key.1.as_str(), key.2.as_str());
        let Ok(context) = self.runtime.active(partition) else {
            self.members.remove(&key);
            return true;
        };
        match late_member(context.written(), (group, member)) {
            None => {
                self.members.remove(&key);
            }
            Some(epoch) if is_over || patience.is_some_and(|(_, in_epoch)| in_epoch == epoch) => {
                let Some(known) = context.written().consumer_group(group) else { return true };
                let (topics, config, defects) = (Topics(image), self.config, self.defects);
                let removal = Removal { name: group, group: known, topics, config, defects, now };
                let (records, conversion) = removal.of(&[member]);
                let waiter = Waiter::Nobody.converting((partition, group), conversion);
                let (group, member) = (group.to_owned(), member.to_owned());
                let member_epoch = epoch;
                let note = GroupNote::MemberThrownOut { group, member, member_epoch, reason };
                self.todo.push_back(Todo::Note(note));
                self.todo.push_back(Todo::Write(partition, records, waiter));
            }
            Some(_) => {
                if let Some(timers) = self.members.get_mut(&key) {
                    timers.rebalance = None;
                }
            }
        }
        true
    }
}

/// The epoch of a member, if it still is one.
fn late_member(state: &GroupState, (group, member): (&str, &str)) -> Option<i32> {
    Some(state.consumer_group(group)?.member(member)?.holding.epoch)
}
