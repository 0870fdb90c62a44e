//! What all coordinators have in common: a state machine for each partition of an internal topic that this broker
//! leads, made of the records in that partition.
//!
//! The obligations, and what goes wrong without them:
//! - nothing is served before the whole log is read (`COORDINATOR_LOAD_IN_PROGRESS`): else an old state is told as new;
//! - what is written counts for later writes at once, but is told to clients only when it is committed: else an answer
//!   can be lost with its leader (known bug G12);
//! - whoever does not lead any more forgets everything and says `NOT_COORDINATOR`: else two coordinators answer for one
//!   group (known bug G14).
//!
//! So there are two copies of the state: what all records give, and what the committed ones give. Both follow from the
//! log alone. An append that fails changes neither, which is what Kafka's snapshots and reverts achieve.
//!
//! Source: Kafka's `CoordinatorRuntime`, `CoordinatorLoaderImpl`. Not covered: batches that linger
//! (`group.coordinator.append.linger.ms`): each operation's records are a batch of their own.

mod context;
mod place;
mod record;

use std::collections::BTreeMap;

use crate::log::Log;
use crate::node::Deadline;
use crate::proto::ErrorCode;
use crate::types::{LeaderEpoch, Time};

pub(crate) use context::{Context, Replicated};
pub(crate) use place::CoordinatorKind;
pub use place::partition_for;
pub(crate) use record::{CoordinatorRecord, batch_in_transaction, batch_of};

/// The coordinators of one kind on this broker, by partition of their topic. `S` is what records make, `W` what waits
/// for a record to be committed.
#[derive(Debug)]
pub(crate) struct Runtime<S, W> {
    contexts: BTreeMap<i32, Context<S, W>>,
}

impl<S, W> Default for Runtime<S, W> {
    fn default() -> Self {
        Self { contexts: BTreeMap::new() }
    }
}

impl<S: Replicated, W> Runtime<S, W> {
    /// This broker leads the partition in this epoch: its log is to be loaded, which is done at `loaded_at`. Who leads
    /// already goes on. Source: `CoordinatorRuntime.scheduleLoadOperation`.
    pub(crate) fn elected(&mut self, partition: i32, epoch: LeaderEpoch, loaded_at: Time) {
        match self.contexts.get_mut(&partition) {
            Some(context) => context.elected_again(epoch),
            None => {
                self.contexts.insert(partition, Context::loading(epoch, loaded_at));
            }
        }
    }

    /// This broker does not lead the partition any more: whoever waits gets nothing from here. Source:
    /// `CoordinatorRuntime.scheduleUnloadOperation`.
    pub(crate) fn resigned(&mut self, partition: i32, epoch: LeaderEpoch) -> Vec<W> {
        let known = self.contexts.get(&partition).map(Context::epoch);
        if known.is_none_or(|known| known >= epoch) {
            return Vec::new();
        }
        self.contexts.remove(&partition).map_or_else(Vec::new, Context::into_waiting)
    }

    /// The first partition whose load is done now.
    pub(crate) fn to_load(&self, now: Time) -> Option<i32> {
        let due = |context: &Context<S, W>| context.loaded_at().is_some_and(|at| at <= now);
        self.contexts.iter().find(|(_, context)| due(context)).map(|(partition, _)| *partition)
    }

    /// The load is done: the state is what the log says.
    pub(crate) fn load(&mut self, partition: i32, log: &Log) {
        if let Some(context) = self.contexts.get_mut(&partition) {
            context.load(log);
        }
    }

    /// The coordinator of a partition, if it serves. Source: `CoordinatorRuntime.withActiveContextOrThrow`.
    pub(crate) fn active(&mut self, partition: i32) -> Result<&mut Context<S, W>, ErrorCode> {
        let context = self.contexts.get_mut(&partition).ok_or(ErrorCode::NotCoordinator)?;
        if context.loaded_at().is_some() {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        Ok(context)
    }

    /// Whether there is a coordinator of a partition, be it loading.
    pub(crate) fn is_known(&self, partition: i32) -> bool {
        self.contexts.contains_key(&partition)
    }

    /// Whether something holds of what is written anywhere.
    pub(crate) fn any(&self, holds: impl Fn(&S) -> bool) -> bool {
        self.contexts.values().any(|context| holds(context.written()))
    }

    /// The partitions whose coordinators serve.
    pub(crate) fn serving(&self) -> impl Iterator<Item = i32> {
        let serve = |(_, context): &(&i32, &Context<S, W>)| context.loaded_at().is_none();
        self.contexts.iter().filter(serve).map(|(partition, _)| *partition)
    }

    /// Whether any log is being loaded.
    pub(crate) fn is_loading(&self) -> bool {
        self.contexts.values().any(|context| context.loaded_at().is_some())
    }

    /// Those who have waited too long, everywhere.
    pub(crate) fn expired(&mut self, now: Time) -> Vec<W> {
        if self.contexts.is_empty() {
            return Vec::new();
        }
        self.contexts.values_mut().flat_map(|context| context.expired(now)).collect()
    }

    /// How many wait for a record.
    pub(crate) fn waiting(&self) -> usize {
        self.contexts.values().map(Context::waiting).sum()
    }

    /// When a load is done, or somebody has waited too long.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.contexts.values().map(Context::deadline).fold(None, Deadline::earlier)
    }
}

#[cfg(test)]
mod tests;
