//! Facts of leaders and followers.

use harrow_broker_model::note::{OutOfSyncReplica, ReplicationNote};
use harrow_broker_model::types::Offset;

use crate::world::engine::trace_text::names::Names;
use crate::world::engine::trace_text::parts::{nodes, somebody};

pub(super) fn trace_text(names: &Names, note: &ReplicationNote) -> String {
    match note {
        ReplicationNote::BecameLeader {
            partition,
            leader_epoch,
            epoch_start_offset,
            high_watermark,
            isr,
            ..
        } => format!(
            "{}: became leader in epoch {leader_epoch}, log end {epoch_start_offset}, high \
             watermark {high_watermark}, ISR {}",
            names.place(*partition),
            nodes(isr)
        ),
        ReplicationNote::BecameFollower { partition, leader_epoch, leader } => format!(
            "{}: became follower of {} in epoch {leader_epoch}",
            names.place(*partition),
            somebody(*leader)
        ),
        ReplicationNote::HeldUp { partition, follower, in_sync } => {
            let standing = if *in_sync { "in sync" } else { "not in sync" };
            format!("{}: throttled replica {follower}, {standing}", names.place(*partition))
        }
        ReplicationNote::MinimumChanged { partition, minimum } => {
            format!("{}: min.insync.replicas={minimum} from here on", names.place(*partition))
        }
        ReplicationNote::HighWatermarkMoved { partition, as_leader, from, to, .. } => {
            let role = if *as_leader { "leader" } else { "follower" };
            let place = names.place(*partition);
            format!("{place}: updated high watermark from {from} to {to} as {role}")
        }
        ReplicationNote::IsrProposed { .. }
        | ReplicationNote::IsrProposalRefused { .. }
        | ReplicationNote::IsrCommitted { .. } => isr(names, note),
        ReplicationNote::RequestFenced { partition, by, error } => {
            format!("{}: fenced request of node {by}: {error:?}", names.place(*partition))
        }
        ReplicationNote::FollowerHeard {
            partition,
            follower,
            current_leader_epoch,
            broker_epoch,
            fetch_offset,
            ..
        } => format!(
            "{}: follower {follower} fetches at {fetch_offset}, leader epoch \
             {current_leader_epoch}, broker epoch {broker_epoch}",
            names.place(*partition)
        ),
        ReplicationNote::DivergenceFound { partition, follower, epoch, end_offset } => format!(
            "{}: log of node {follower} diverges, epoch {epoch} ends at {end_offset} here",
            names.place(*partition)
        ),
    }
}

fn isr(names: &Names, note: &ReplicationNote) -> String {
    if let ReplicationNote::IsrProposed { partition, from, to, out_of_sync, .. } = note {
        let (place, from, to) = (names.place(*partition), nodes(from), nodes(to));
        let lags: String = out_of_sync.iter().map(out_of_sync_replica).collect();
        return format!("{place}: requested ISR change from {from} to {to}{lags}");
    }
    if let ReplicationNote::IsrProposalRefused { partition, error } = note {
        return format!("{}: ISR change rejected: {error:?}", names.place(*partition));
    }
    let ReplicationNote::IsrCommitted { partition, partition_epoch, isr, .. } = note else {
        unreachable!("not a note on an ISR: {note:?}");
    };
    let place = names.place(*partition);
    format!("{place}: updated ISR to {}, partition epoch {partition_epoch}", nodes(isr))
}

fn out_of_sync_replica(it: &OutOfSyncReplica) -> String {
    let OutOfSyncReplica { replica, log_end_offset, lag } = it;
    let lag = match lag {
        Some(lag) => format!("caught up {} ms ago", lag.as_millis()),
        None => "never caught up".to_owned(),
    };
    match *log_end_offset {
        Offset::NONE => format!(", node {replica} has not fetched, {lag}"),
        end => format!(", node {replica} ends at {end}, {lag}"),
    }
}
