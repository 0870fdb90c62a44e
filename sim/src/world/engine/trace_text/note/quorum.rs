//! Facts of the controller quorum.

use harrow_broker_model::note::{QuorumNote, QuorumRole};

use crate::world::engine::trace_text::parts::also;

pub(super) fn trace_text(note: &QuorumNote) -> String {
    match note {
        QuorumNote::StateChanged { epoch, role, leader, voted } => format!(
            "quorum: transitioned to {} in epoch {epoch}{}{}",
            role_name(*role),
            also(", leader is node ", *leader),
            also(", voted for node ", *voted)
        ),
        QuorumNote::StatePersisted { epoch, voted } => {
            let vote = also(", vote for node ", *voted);
            format!("quorum: flushed quorum state: epoch {epoch}{vote}")
        }
        QuorumNote::LogSynced { end } => format!("quorum: flushed log up to {end}"),
        QuorumNote::VoteGranted { epoch, candidate } => {
            format!("quorum: granted vote to node {candidate} in epoch {epoch}")
        }
        QuorumNote::SnapshotWritten { snapshot, fetched, .. } => {
            let what = if *fetched { "fetched" } else { "created" };
            format!("quorum: {what} snapshot {snapshot}")
        }
        QuorumNote::SnapshotLoaded { snapshot, .. } => {
            format!("quorum: loaded snapshot {snapshot}")
        }
        QuorumNote::DirectoryFound { directory } => format!("quorum: on disk {directory}"),
        QuorumNote::VotersInEffect { offset, voters } => {
            let ids: Vec<String> = voters.ids().map(|id| id.to_string()).collect();
            format!("quorum: voters are {} as written at {offset}", ids.join(", "))
        }
        QuorumNote::HighWatermarkMoved { to, as_leader, .. } => {
            let role = if *as_leader { "leader" } else { "follower" };
            format!("quorum: updated high watermark to {to} as {role}")
        }
    }
}

fn role_name(role: QuorumRole) -> &'static str {
    match role {
        QuorumRole::Unattached => "unattached",
        QuorumRole::Follower => "follower",
        QuorumRole::Prospective => "prospective",
        QuorumRole::Candidate => "candidate",
        QuorumRole::Leader => "leader",
        QuorumRole::Resigned => "resigned",
    }
}
