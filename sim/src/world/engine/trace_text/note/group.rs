//! Facts of consumer groups.

use harrow_broker_model::note::{ClassicGroupState, Departure, GroupNote, Lateness};
use harrow_broker_model::types::TopicPartition;

use crate::world::engine::trace_text::names::Names;

pub(super) fn trace_text(names: &Names, note: &GroupNote) -> String {
    match note {
        GroupNote::PartitionAssigned { group, member, partition, member_epoch } => {
            let place = names.place(*partition);
            format!("group {group}: assigned {place} to member {member} in epoch {member_epoch}")
        }
        GroupNote::PartitionReleased { group, member, partition } => {
            format!("group {group}: member {member} released {}", names.place(*partition))
        }
        GroupNote::CoordinatorLoaded { partition, leader_epoch, groups } => {
            let place = names.place(*partition);
            let count = groups.len();
            format!("loaded {count} groups of {place} in epoch {leader_epoch}")
        }
        GroupNote::GenerationBegan { group, generation, members } => {
            format!("group {group}: stabilized generation {generation} with {members} members")
        }
        GroupNote::ClassicStateChanged { group, state, timeout_ms } => {
            format!("group {group}: {}", classic_state(*state, *timeout_ms))
        }
        GroupNote::WriteAnswered { partition, end, .. } => {
            format!("responded from {} up to offset {end}", names.place(*partition))
        }
        GroupNote::CommitFenced { group, generation } => {
            format!("group {group}: rejected offset commit of generation {generation}")
        }
        GroupNote::MemberHolds { group, member, .. } => {
            format!("group {group}: member {member} {}", holds(names, note))
        }
        GroupNote::TargetAssigned { group, group_epoch, members } => {
            format!("group {group}: target of epoch {group_epoch} for {members} members")
        }
        GroupNote::ProtocolChanged { group, classic } => {
            let protocol = if *classic { "classic" } else { "consumer" };
            format!("group {group}: converted to the {protocol} protocol")
        }
        GroupNote::CommitAccepted { group, member, generation, partitions } => {
            let places = places(names, partitions);
            format!("group {group}: took a commit of {places} by {member} in epoch {generation}")
        }
        GroupNote::MemberThrownOut { group, member, member_epoch, reason } => {
            let why = lateness(*reason);
            format!("group {group}: member {member} removed in epoch {member_epoch}: {why}")
        }
        GroupNote::GroupDeleted { group } => format!("group {group}: deleted"),
        GroupNote::OffsetsDeleted { group } => format!("group {group}: deleted some offsets"),
        GroupNote::OffsetsKept { group } => format!("group {group}: kept offsets past retention"),
        GroupNote::OffsetsExpired { group, partitions } => {
            format!("group {group}: let its offsets of {} expire", places(names, partitions))
        }
        GroupNote::OffsetsPending { group, producer_id, producer_epoch, partitions } => format!(
            "group {group}: took offsets of {} in the transaction of producer {producer_id} in epoch {producer_epoch}",
            places(names, partitions)
        ),
        GroupNote::MembershipLost { group, reason } => {
            format!("group {group}: no member any more: {}", departure(*reason))
        }
        GroupNote::ClassicMemberThrownOut { group, member, reason, waits } => {
            let waits = if *waits { ", while it waits for an answer" } else { "" };
            format!("group {group}: member {member} removed: {}{waits}", lateness(*reason))
        }
        GroupNote::JoinPhaseChanged { group, members, awaited, initial } => {
            let phase = if *initial { "the first members" } else { "members" };
            format!("group {group}: {phase} join: {members} there, {awaited} awaited")
        }
        GroupNote::MemberOwns { group, member, partitions } => {
            format!("group {group}: as member {member}, has {}", places(names, partitions))
        }
    }
}

/// What a member holds, and in which epoch.
fn holds(names: &Names, note: &GroupNote) -> String {
    let GroupNote::MemberHolds { member_epoch, partitions, revokes_within_ms, .. } = note else {
        return String::new();
    };
    let places = places(names, partitions);
    format!("in epoch {member_epoch} holds {places}{}", revokes_within(*revokes_within_ms))
}

fn lateness(reason: Lateness) -> &'static str {
    match reason {
        Lateness::Session => "session expired",
        Lateness::Rebalance => "rebalance timeout",
        Lateness::Join => "did not join again, or did not synchronize, in time",
    }
}

fn departure(reason: Departure) -> &'static str {
    match reason {
        Departure::PollInterval => "consumer poll timeout has expired",
        Departure::Unknown => "the coordinator does not know it",
        Departure::Epoch => "its generation or epoch is over",
        Departure::Instance => "another consumer has its group.instance.id",
    }
}

/// What is added where a member must give something up; nothing if it must not.
fn revokes_within(timeout_ms: u32) -> String {
    if timeout_ms == 0 {
        return String::new();
    }
    format!(", and must give some up within {timeout_ms} ms")
}

/// A state, and for how long a group waits in it.
fn classic_state(state: ClassicGroupState, timeout_ms: u64) -> String {
    let name = state_name(state);
    if timeout_ms == 0 {
        return name.to_owned();
    }
    format!("{name}, waiting {timeout_ms} ms for its members")
}

/// Kafka's name of it.
fn state_name(state: ClassicGroupState) -> &'static str {
    match state {
        ClassicGroupState::Empty => "Empty",
        ClassicGroupState::PreparingRebalance => "PreparingRebalance",
        ClassicGroupState::CompletingRebalance => "CompletingRebalance",
        ClassicGroupState::Stable => "Stable",
        ClassicGroupState::Dead => "Dead",
    }
}

fn places(names: &Names, partitions: &[TopicPartition]) -> String {
    let places: Vec<String> = partitions.iter().map(|it| names.place(*it).clone()).collect();
    if places.is_empty() { "nothing".to_owned() } else { places.join(" ") }
}
