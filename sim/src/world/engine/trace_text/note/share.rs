//! Facts of share groups.

use harrow_broker_model::note::{LockEnd, ShareNote};

use crate::world::engine::trace_text::names::Names;

pub(super) fn trace_text(names: &Names, note: &ShareNote) -> String {
    let place = |group: &str, partition| format!("{} of group {group}", names.place(partition));
    match note {
        ShareNote::Loaded { group, partition, start_offset, .. } => {
            format!("{}: loaded, start offset {start_offset}", place(group, *partition))
        }
        ShareNote::Acquired { group, partition, member, first, last, delivery_count, .. } => {
            let place = place(group, *partition);
            format!("{place}: {member} acquired {first} to {last}, delivery {delivery_count}")
        }
        ShareNote::AcknowledgementTaken { group, partition, first, last, what, .. } => {
            let what = format!("{what:?}").to_lowercase();
            format!("{}: {what} of {first} to {last} taken", place(group, *partition))
        }
        ShareNote::AcknowledgementAnswered {
            group, partition, first, last, what, stored, ..
        } => {
            let what = format!("{what:?}").to_lowercase();
            let how = if *stored { "stored" } else { "not stored" };
            format!("{}: {what} of {first} to {last} {how}", place(group, *partition))
        }
        ShareNote::LockEnded { group, partition, member, first, last, why, archived, .. } => {
            let why = match why {
                LockEnd::Expired => "expired",
                LockEnd::SessionClosed => "ended with the session",
            };
            let then = if *archived { ", archived" } else { "" };
            let place = place(group, *partition);
            format!("{place}: lock of {member} on {first} to {last} {why}{then}")
        }
        ShareNote::StartOffsetMoved { group, partition, to, .. } => {
            format!("{}: start offset moved to {to}", place(group, *partition))
        }
        ShareNote::SessionOpened { group, member, session } => {
            format!("group {group}: {member} opened share session {session}")
        }
        ShareNote::SessionClosed { group, member, session, .. } => {
            format!("group {group}: share session {session} of {member} closed")
        }
        ShareNote::StateRead { group, partition, leader_epoch, .. } => {
            format!("{}: read by the leader of epoch {leader_epoch}", place(group, *partition))
        }
        ShareNote::StateWritten { group, partition, leader_epoch, .. } => {
            format!("{}: written by the leader of epoch {leader_epoch}", place(group, *partition))
        }
        ShareNote::StateAppended { group, partition, leader_epoch, at, .. } => {
            let place = place(group, *partition);
            format!(
                "{place}: what the leader of epoch {leader_epoch} writes is appended, up to {at}"
            )
        }
        ShareNote::Fenced { group, partition, leader_epoch } => {
            format!("{}: the leader of epoch {leader_epoch} is fenced", place(group, *partition))
        }
    }
}
