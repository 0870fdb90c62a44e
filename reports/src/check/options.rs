//! What the checks are told besides the history.

use std::collections::BTreeMap;

use super::anomaly::Rules;

/// What the checks are told besides the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Rules to apply.
    pub rules: Rules,
    /// What is known of logs, by position of the partition; a log that is not named starts at 0 and keeps everything.
    pub logs: BTreeMap<u32, LogFacts>,
    /// Whether groups follow the consumer protocol of KIP-848, in which each member has an epoch of its own.
    pub member_epochs: bool,
    /// Whether a consumer that assigns a partition which it has already goes on where it stood, as in Java; with
    /// librdkafka it goes on where its group is, or where it says.
    pub assign_keeps_position: bool,
    /// So many steps are spent on the search for a shortest cycle in each component of transactions; a tangle that is
    /// not resolved by then is still reported, with the cycle at which its discovery ended.
    pub cycle_steps_max: u64,
}

/// What is known of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogFacts {
    /// Where retention or `DeleteRecords` has legally moved its start.
    pub log_start_offset: i64,
    /// Whether `cleanup.policy` is `compact`: only the last record of a key must stay.
    pub compacted: bool,
}

/// Why a log need not have a record any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// It is below the log start offset.
    Retention,
    /// A later record of its key is there.
    Compaction,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rules: Rules::ALL,
            logs: BTreeMap::new(),
            member_epochs: false,
            assign_keeps_position: true,
            cycle_steps_max: 1_000_000,
        }
    }
}

impl Options {
    pub(crate) fn log_start_offset(&self, partition: u32) -> i64 {
        self.logs.get(&partition).map_or(0, |facts| facts.log_start_offset)
    }

    pub(crate) fn compacted(&self, partition: u32) -> bool {
        self.logs.get(&partition).is_some_and(|facts| facts.compacted)
    }

    pub(crate) fn any_compacted(&self) -> bool {
        self.logs.values().any(|facts| facts.compacted)
    }
}
