//! Kinds of faults: their names, which of them last, and what they are while they do.

use harrow_broker_model::node::{Channel, Node};

use super::condition::Condition;
use super::draw::{Draws, Purpose};
use super::engine::Engine;
use crate::plan::{Action, Step, Target};

/// A bounce is over after this long.
pub(super) const BOUNCE_MS: u64 = 10;

/// What a fault that lasts is, at a node by its index.
pub(super) fn lasting_condition<N: Node>(
    engine: &mut Engine<N>,
    draws: Draws,
    step: &Step,
    node: usize,
) -> Result<Condition, String> {
    Ok(match &step.action {
        Action::Pause { .. } => Condition::Pause(node),
        Action::Delay { extra_us, .. } => Condition::Delay(node, *extra_us),
        Action::DropResponses { one_in, .. } => Condition::Drop(node, *one_in),
        Action::DuplicateResponses { one_in, .. } => Condition::Duplicate(node, *one_in),
        Action::LimitBandwidth { bytes_per_second, .. } => {
            Condition::Bandwidth(node, *bytes_per_second)
        }
        Action::SlowDisk { extra_us, .. } => Condition::SlowDisk(node, *extra_us),
        Action::StallDisk { .. } => Condition::StallDisk(node),
        Action::FullDisk { .. } => Condition::FullDisk(node),
        Action::LyingSync { .. } => Condition::LyingSync(node),
        Action::HoldMetadata { .. } => Condition::HoldMetadata(node),
        Action::StallMetadataPublishing { .. } => Condition::StallPublishing(node),
        Action::StallConnections { .. } => Condition::Stall(node, engine.connections_of(node)),
        Action::HoldRequests { .. } => {
            let channels = engine.accepted_channels(node);
            let like = |channel: &Channel| {
                draws.word(Purpose::Hold, u64::from(step.id), 0, *channel as u64)
            };
            let chosen = channels.into_iter().max_by_key(like);
            Condition::Hold(node, chosen.ok_or("nobody is connected to the node")?)
        }
        Action::Crash { .. }
        | Action::PowerLoss { .. }
        | Action::Bounce { .. }
        | Action::Stop { .. }
        | Action::WipeDisk { .. }
        | Action::WholeClusterOutage { .. }
        | Action::RollingRestart { .. }
        | Action::Partition { .. }
        | Action::ResetConnections { .. }
        | Action::DeleteRecords { .. }
        | Action::Reassign { .. }
        | Action::CancelReassignment { .. }
        | Action::AddPartitions { .. }
        | Action::DeleteTopic { .. }
        | Action::CreateTopic { .. }
        | Action::JoinBroker { .. }
        | Action::DecommissionBroker { .. }
        | Action::DeleteGroup { .. }
        | Action::ResetOffsets { .. }
        | Action::AbortHanging { .. }
        | Action::FailDisk { .. }
        | Action::BitRot { .. }
        | Action::StepClock { .. }
        | Action::DriftClock { .. } => unreachable!("{:?} does not last", step.action),
    })
}

/// Whom a fault that lasts is aimed at, and how long it does.
pub(super) fn lasting_target(action: &Action) -> Option<(&Target, u64)> {
    match action {
        Action::Pause { target, for_ms }
        | Action::Delay { target, for_ms, .. }
        | Action::DropResponses { target, for_ms, .. }
        | Action::HoldRequests { target, for_ms }
        | Action::HoldMetadata { target, for_ms }
        | Action::StallMetadataPublishing { target, for_ms }
        | Action::StallConnections { target, for_ms }
        | Action::DuplicateResponses { target, for_ms, .. }
        | Action::LimitBandwidth { target, for_ms, .. }
        | Action::SlowDisk { target, for_ms, .. }
        | Action::StallDisk { target, for_ms }
        | Action::FullDisk { target, for_ms }
        | Action::LyingSync { target, for_ms } => Some((target, *for_ms)),
        Action::Crash { .. }
        | Action::PowerLoss { .. }
        | Action::Bounce { .. }
        | Action::Stop { .. }
        | Action::WipeDisk { .. }
        | Action::WholeClusterOutage { .. }
        | Action::RollingRestart { .. }
        | Action::Partition { .. }
        | Action::ResetConnections { .. }
        | Action::DeleteRecords { .. }
        | Action::Reassign { .. }
        | Action::CancelReassignment { .. }
        | Action::AddPartitions { .. }
        | Action::DeleteTopic { .. }
        | Action::CreateTopic { .. }
        | Action::JoinBroker { .. }
        | Action::DecommissionBroker { .. }
        | Action::DeleteGroup { .. }
        | Action::ResetOffsets { .. }
        | Action::AbortHanging { .. }
        | Action::FailDisk { .. }
        | Action::BitRot { .. }
        | Action::StepClock { .. }
        | Action::DriftClock { .. } => None,
    }
}

/// The kind of an action, as plans write it.
pub(super) fn kind(action: &Action) -> &'static str {
    match action {
        Action::Crash { .. } => "crash",
        Action::PowerLoss { .. } => "power-loss",
        Action::Bounce { .. } => "bounce",
        Action::Stop { .. } => "stop",
        Action::Pause { .. } => "pause",
        Action::WipeDisk { .. } => "wipe-disk",
        Action::WholeClusterOutage { .. } => "whole-cluster-outage",
        Action::RollingRestart { .. } => "rolling-restart",
        Action::Partition { .. } => "partition",
        Action::ResetConnections { .. } => "reset-connections",
        Action::DeleteRecords { .. } => "delete-records",
        Action::Reassign { .. } => "reassign",
        Action::CancelReassignment { .. } => "cancel-reassignment",
        Action::AddPartitions { .. } => "add-partitions",
        Action::DeleteTopic { .. } => "delete-topic",
        Action::CreateTopic { .. } => "create-topic",
        Action::JoinBroker { .. } => "join-broker",
        Action::DecommissionBroker { .. } => "decommission-broker",
        Action::DeleteGroup { .. } => "delete-group",
        Action::ResetOffsets { .. } => "reset-offsets",
        Action::AbortHanging { .. } => "abort-hanging",
        Action::Delay { .. } => "delay",
        Action::DropResponses { .. } => "drop-responses",
        Action::HoldRequests { .. } => "hold-requests",
        Action::HoldMetadata { .. } => "hold-metadata",
        Action::StallMetadataPublishing { .. } => "stall-metadata-publishing",
        Action::StallConnections { .. } => "stall-connections",
        Action::DuplicateResponses { .. } => "duplicate-responses",
        Action::LimitBandwidth { .. } => "limit-bandwidth",
        Action::SlowDisk { .. } => "slow-disk",
        Action::StallDisk { .. } => "stall-disk",
        Action::FailDisk { .. } => "fail-disk",
        Action::FullDisk { .. } => "full-disk",
        Action::LyingSync { .. } => "lying-sync",
        Action::BitRot { .. } => "bit-rot",
        Action::StepClock { .. } => "step-clock",
        Action::DriftClock { .. } => "drift-clock",
    }
}
