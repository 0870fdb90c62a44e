//! Kinds of faults: their names, which of them last, and what they are while they do.

use harrow_broker_model::config::ClusterConfig;
use harrow_broker_model::node::{Channel, Node};
use harrow_broker_model::types::{LogDirectory, NodeId};

use super::condition::Condition;
use super::draw::{Draws, Purpose};
use super::engine::Engine;
use super::network::Held;
use crate::plan::{Action, Step, Target};

/// A bounce is over after this long.
pub(super) const BOUNCE_MS: u64 = 10;

/// A fault that lasts.
pub(super) struct Lasting<'a> {
    /// Whom it is aimed at.
    pub(super) target: &'a Target,
    /// How long it lasts.
    pub(super) for_ms: u64,
    becomes: Becomes,
}

/// What a fault that lasts becomes at a node by its index.
enum Becomes {
    /// The same wherever it is.
    Condition(Box<dyn Fn(usize) -> Condition>),
    /// The connections that the node has pass nothing.
    Stall,
    /// Requests on one kind of the connections that the node has accepted are held back.
    Hold,
}

impl Lasting<'_> {
    /// What it is at a node by its index.
    pub(super) fn condition<N: Node>(
        &self,
        engine: &mut Engine<N>,
        draws: Draws,
        step: &Step,
        node: usize,
    ) -> Result<Condition, String> {
        match &self.becomes {
            Becomes::Condition(make) => Ok(make(node)),
            Becomes::Stall => Ok(Condition::Stall(node, engine.connections_of(node))),
            Becomes::Hold => {
                let channels = engine.accepted_channels(node);
                let like = |channel: &Channel| {
                    draws.word(Purpose::Hold, u64::from(step.id), 0, channel.key())
                };
                let chosen = channels.into_iter().max_by_key(like);
                let chosen = chosen.ok_or("nobody is connected to the node")?;
                Ok(Condition::Hold(node, Held::Channel(chosen)))
            }
        }
    }
}

/// Whether a node has the log directory that is to fail; the error says why not.
pub(super) fn has_directory(
    cluster: &ClusterConfig,
    action: &Action,
    node: NodeId,
) -> Result<(), String> {
    let Action::FailLogDirectory { directory, .. } = action else { return Ok(()) };
    if !cluster.brokers.contains(&node) {
        Err("only brokers have several log directories".to_owned())
    } else if *directory >= cluster.log_dirs {
        Err(format!("brokers have no log directory {directory}"))
    } else {
        Ok(())
    }
}

/// A fault that lasts; `None` of one that does not.
pub(super) fn lasting(action: &Action) -> Option<Lasting<'_>> {
    let of = |make: fn(usize) -> Condition| Becomes::Condition(Box::new(make));
    let (target, for_ms, becomes) = match action {
        Action::Pause { target, for_ms } => (target, for_ms, of(Condition::Pause)),
        Action::StallDisk { target, for_ms } => (target, for_ms, of(Condition::StallDisk)),
        Action::FullDisk { target, for_ms } => (target, for_ms, of(Condition::FullDisk)),
        Action::LyingSync { target, for_ms } => (target, for_ms, of(Condition::LyingSync)),
        Action::HoldMetadata { target, for_ms } => (target, for_ms, of(Condition::HoldMetadata)),
        Action::StallMetadataPublishing { target, for_ms } => {
            (target, for_ms, of(Condition::StallPublishing))
        }
        Action::FailLogDirectory { target, directory, replaced, for_ms } => {
            let failed = (LogDirectory(*directory), *replaced);
            (target, for_ms, with(failed, Condition::FailLogDirectory))
        }
        Action::StallConnections { target, for_ms } => (target, for_ms, Becomes::Stall),
        Action::HoldRequests { target, api: Some(api), for_ms } => {
            (target, for_ms, with(Held::Kind(*api), Condition::Hold))
        }
        Action::HoldRequests { target, api: None, for_ms } => (target, for_ms, Becomes::Hold),
        Action::Delay { target, for_ms, extra_us } => {
            (target, for_ms, with(*extra_us, Condition::Delay))
        }
        Action::SlowDisk { target, for_ms, extra_us } => {
            (target, for_ms, with(*extra_us, Condition::SlowDisk))
        }
        Action::DropResponses { target, api, for_ms, one_in } => {
            (target, for_ms, with((*one_in, *api), Condition::Drop))
        }
        Action::DuplicateResponses { target, for_ms, one_in } => {
            (target, for_ms, with(*one_in, Condition::Duplicate))
        }
        Action::LimitBandwidth { target, for_ms, bytes_per_second } => {
            (target, for_ms, with(*bytes_per_second, Condition::Bandwidth))
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
        | Action::AlterConfig { .. }
        | Action::ElectPreferred { .. }
        | Action::DeleteTopic { .. }
        | Action::CreateTopic { .. }
        | Action::JoinBroker { .. }
        | Action::DecommissionBroker { .. }
        | Action::AddVoter { .. }
        | Action::RemoveVoter { .. }
        | Action::DeleteGroup { .. }
        | Action::ResetOffsets { .. }
        | Action::AbortHanging { .. }
        | Action::FailDisk { .. }
        | Action::BitRot { .. }
        | Action::StepClock { .. }
        | Action::DriftClock { .. } => return None,
    };
    Some(Lasting { target, for_ms: *for_ms, becomes })
}

/// A condition of a node that is so strong.
fn with<T: Copy + 'static>(strength: T, make: fn(usize, T) -> Condition) -> Becomes {
    Becomes::Condition(Box::new(move |node| make(node, strength)))
}

/// The name of what a fault that lasts does, and to which requests if to some alone.
pub(super) fn lasting_name(action: &Action) -> String {
    if let Action::HoldRequests { api: Some(api), .. }
    | Action::DropResponses { api: Some(api), .. } = action
    {
        return format!("{} of {}", kind(action), api.name());
    }
    kind(action).to_owned()
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
        Action::AlterConfig { .. } => "alter-config",
        Action::ElectPreferred { .. } => "elect-preferred",
        Action::DeleteTopic { .. } => "delete-topic",
        Action::CreateTopic { .. } => "create-topic",
        Action::JoinBroker { .. } => "join-broker",
        Action::DecommissionBroker { .. } => "decommission-broker",
        Action::AddVoter { .. } => "add-voter",
        Action::RemoveVoter { .. } => "remove-voter",
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
        Action::FailLogDirectory { .. } => "fail-log-directory",
        Action::FullDisk { .. } => "full-disk",
        Action::LyingSync { .. } => "lying-sync",
        Action::BitRot { .. } => "bit-rot",
        Action::StepClock { .. } => "step-clock",
        Action::DriftClock { .. } => "drift-clock",
    }
}
