//! Offsets that nobody needs any more. Source: KIP-211, `OffsetMetadataManager.cleanupExpiredOffsets`,
//! `ClassicGroup.offsetExpirationCondition`.
//!
//! Offsets live while somebody may come back for them: those of a group with members do not expire where these read;
//! those of a group that is empty do so long after its last member left; those of consumers that assign themselves so
//! long after the commit. Else a group that is only quiet starts from where `auto.offset.reset` says (known bug G10). A
//! group without members and offsets goes with the last of them.

use kafka_protocol::protocol::StrBytes;

use super::classic::group::{ClassicGroup, State};
use super::coordinator::{GroupCoordinator, Todo};
use super::modern::group::{ConsumerGroup, GroupPhase};
use super::modern::records::group_tombstones;
use super::records::{CommittedOffset, group_tombstone, offset_tombstone};
use super::state::GroupState;
use super::waiter::Waiter;
use crate::consumer_protocol::Place;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::GroupDefect;
use crate::note::GroupNote;
use crate::types::{Now, WallTime};

impl GroupCoordinator {
    /// Looks at all offsets, as it is done from time to time.
    pub(super) fn expire_offsets(&mut self, now: Now) {
        let keys: Vec<(i32, String)> = self.groups().map(|(key, _)| key.clone()).collect();
        for (partition, name) in keys {
            let Expired { records, places, empties, keeps } =
                self.expired_offsets(now, partition, &name);
            if keeps {
                self.todo.push_back(Todo::Note(GroupNote::OffsetsKept { group: name.clone() }));
            }
            if records.is_empty() {
                continue;
            }
            if empties {
                self.forget_group(partition, &name);
            }
            if !places.is_empty() {
                self.todo.push_back(Todo::Expired { group: name, places });
            }
            self.todo.push_back(Todo::Write(partition, records, Waiter::Nobody));
        }
        self.expire_consumer_groups(now);
    }

    /// The same in groups of the consumer protocol: by the age of the commit, where no member reads. Source:
    /// `ConsumerGroup.offsetExpirationCondition`.
    fn expire_consumer_groups(&mut self, now: Now) {
        let retention_ms = self.config.offsets_retention_ms;
        let is_over = |since: WallTime| {
            let age = now.wall.0.saturating_sub(since.0);
            age >= 0 && age as u64 >= retention_ms
        };
        for partition in self.runtime.serving().collect::<Vec<_>>() {
            let Ok(context) = self.runtime.active(partition) else { continue };
            let state = context.written();
            for (name, group) in state.consumer_groups() {
                let Expired { records, places, keeps, .. } =
                    expired_of(state, (name, group), is_over);
                if keeps {
                    self.todo.push_back(Todo::Note(GroupNote::OffsetsKept { group: name.clone() }));
                }
                if !places.is_empty() {
                    self.todo.push_back(Todo::Expired { group: name.clone(), places });
                }
                if !records.is_empty() {
                    self.todo.push_back(Todo::Write(partition, records, Waiter::Nobody));
                }
            }
        }
    }

    fn expired_offsets(&mut self, now: Now, partition: i32, name: &str) -> Expired {
        let (retention_ms, defects) = (self.config.offsets_retention_ms, self.defects);
        let active = defects.has(GroupDefect::ExpiresActiveGroups);
        let is_over = |since: WallTime| {
            let age = now.wall.0.saturating_sub(since.0);
            age >= 0 && age as u64 >= retention_ms
        };
        let Ok(context) = self.runtime.active(partition) else { return Expired::default() };
        let state = context.written();
        let Some(group) = self.groups.get(&(partition, name.to_owned())) else {
            return Expired::default();
        };
        let (mut records, mut places) = (Vec::new(), Vec::new());
        let (mut all, mut keeps) = (true, false);
        let unread = defects.has(GroupDefect::ExpiresWhileRebalancing)
            && group.state() == State::PreparingRebalance;
        let active = active || unread;
        for (place, committed) in state.offsets(name) {
            let since = if active { Some(committed.committed_at) } else { since(group, committed) };
            let is_read = !active && group.is_subscribed(&place.0);
            if since.is_some_and(is_over) && !is_read && !state.is_pending(name, place) {
                records.push(offset_tombstone(name, place));
                places.push((StrBytes::from_string(place.0.clone()), place.1));
            } else {
                all = false;
                let lives = group.state() != State::Empty && !state.is_pending(name, place);
                keeps |= lives && is_over(committed.committed_at);
            }
        }
        let empties = all && group.state() == State::Empty && !state.has_pending(name);
        if empties && (!records.is_empty() || group.has_metadata()) {
            records.push(group_tombstone(name));
        }
        Expired { records, places, empties, keeps }
    }
}

/// What is to become of a group's offsets.
#[derive(Debug, Default)]
struct Expired {
    /// Tombstones of what has expired, and of the group if it goes with it.
    records: Vec<CoordinatorRecord>,
    /// Where the group's offsets go.
    places: Vec<Place>,
    /// Whether the group goes.
    empties: bool,
    /// Whether some stay that are older than any may be that nobody needs, since the group lives.
    keeps: bool,
}

/// The same of a group of the consumer protocol.
fn expired_of(
    state: &GroupState,
    (name, group): (&str, &ConsumerGroup),
    is_over: impl Fn(WallTime) -> bool,
) -> Expired {
    let (mut records, mut places, mut all, mut keeps) = (Vec::new(), Vec::new(), true, false);
    for (place, committed) in state.offsets(name) {
        let is_read = group.is_subscribed(&place.0) || state.is_pending(name, place);
        let is_over = is_over(committed.committed_at);
        if is_over && !is_read {
            records.push(offset_tombstone(name, place));
            places.push((StrBytes::from_string(place.0.clone()), place.1));
        } else {
            all = false;
            keeps |= is_over && group.is_subscribed(&place.0);
        }
    }
    let empties = all && group.phase() == GroupPhase::Empty;
    if empties {
        records.extend(group_tombstones(name));
    }
    Expired { records, places, empties, keeps }
}

/// Since when an offset ages; nothing if it does not. Of members that do not speak as consumers nobody knows what they
/// read. Source: `ClassicGroup.offsetExpirationCondition`.
fn since(group: &ClassicGroup, committed: &CommittedOffset) -> Option<WallTime> {
    match (group.has_metadata(), group.state()) {
        (false, _) => Some(committed.committed_at),
        (true, State::Empty) => Some(group.state_since()),
        (true, State::Stable) if group.is_consumers() => Some(committed.committed_at),
        (true, State::Stable | State::PreparingRebalance | State::CompletingRebalance) => None,
    }
}
