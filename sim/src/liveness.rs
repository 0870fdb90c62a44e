//! What must come true after the heal, goal by goal, each within its own time.
//!
//! | id | goal | what counts as progress |
//! |---|---|---|
//! | | `node-down` | another process of the core runs |
//! | L1 | `no-quorum-leader` | another live node knows the leader |
//! | L2 | `broker-fenced`, `metadata-behind` | another live broker is unfenced, has applied more |
//! | | `topic-missing` | another topic exists |
//! | L3 | `partition-leaderless` | another partition is led |
//! | L4 | `isr-not-full` | another replica is in its ISR, or one that is not has copied more |
//! | L5 | `high-watermark-stuck` | fewer offsets are missing or above a high watermark |
//! | L6 | `transaction-open` | fewer transactions are open |
//! | L7 | `operation-open` | another operation of a load is begun or ended, or a pipeline has got further |
//! | L9 | `consumer-lag` | consumers lag fewer records behind |
//! | L11 | `fresh-client-fails` | the fresh producer has one partition more |
//! | L11 | `producer-stuck` | another partition has taken a record of another producer of a load |
//! | | `share-lag` | share groups have fewer records to be done with |
//! | L12 | `resources-held` | less is held |
//!
//! Goals are judged in the order of [`GOALS`]: the first that is not met is pending, and it is named. Its time is
//! counted from the last progress of the whole run, and only the best state so far counts, so that a cluster that goes
//! back and forth for ever makes none.
//!
//! Absent: L8 and L10 (groups that settle, reassignments that end) have no goals of their own: what waits for them is
//! pending by others, such as a consumer that lags or an ISR that is not whole. L13, the variant in which a minority
//! stays dead for good, is the plan's [`CorePlan`](crate::plan::CorePlan): all goals then hold for the rest.
//!
//! Not verified: that a goal once met stays met. What cannot be met by any rule is told apart by the director.
//!
//! Sources: `TigerBeetle`'s liveness mode; Kafka's `RaftEventSimulationTest`; KIP-966; timeouts as configured.

use crate::plan::{ClientPlan, PipelinePlan, Plan};

/// Something that must come true after the heal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// Every process of the core runs.
    Processes,
    /// L1: all live controllers and brokers know one live leader of the quorum.
    QuorumLeader,
    /// L2: all live brokers are unfenced.
    BrokersUnfenced,
    /// L2: all live brokers have applied the committed metadata.
    Metadata,
    /// The plan's topics exist.
    Topics,
    /// L3: each partition that has an electable replica is led, and its leader acts.
    Leaders,
    /// L4: the ISR is all live replicas, and the ELR is empty.
    Isr,
    /// L7: every operation of every load was begun and is resolved.
    Operations,
    /// L5: all live replicas end where the leader does, and so do their high watermarks.
    HighWatermark,
    /// L11: a fresh producer's acks=all record is acknowledged by every partition.
    FreshProducer,
    /// L11, of clients that lived through the faults: one more record of each producer of a load is acknowledged by
    /// every partition that it writes to.
    LoadProducers,
    /// No transaction is open any longer than its timeout: the last stable offset goes on.
    Transactions,
    /// L9 and the other half of L11: live consumers and a fresh one have read to the committed end.
    ConsumerLag,
    /// Share groups are done with all that is committed.
    ShareLag,
    /// L12: nothing is held for anybody any more.
    Resources,
}

/// A goal, as the judge knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoalEntry {
    /// Which.
    pub goal: Goal,
    /// Name of the anomaly when it is not met, in kebab case.
    pub name: &'static str,
    /// What converges.
    pub converges: &'static str,
    /// Where it is from.
    pub source: &'static str,
}

const fn entry(
    goal: Goal,
    name: &'static str,
    converges: &'static str,
    source: &'static str,
) -> GoalEntry {
    GoalEntry { goal, name, converges, source }
}

/// Every goal, in the order in which they are judged.
#[rustfmt::skip]
pub const GOALS: [GoalEntry; 15] = [
    entry(Goal::Processes, "node-down", "every process of the core runs", "Harrow"),
    entry(Goal::QuorumLeader, "no-quorum-leader",
        "all live controllers and brokers know one live quorum leader", "L1; KIP-595"),
    entry(Goal::BrokersUnfenced, "broker-fenced", "all live brokers are unfenced", "L2; KIP-631"),
    entry(Goal::Metadata, "metadata-behind",
        "all live brokers have applied the committed metadata", "L2; KIP-595"),
    entry(Goal::Topics, "topic-missing",
        "the topics exist, with all their partitions and without throttles", "KIP-4, KIP-73"),
    entry(Goal::Leaders, "partition-leaderless",
        "each partition with an electable replica is led", "L3; KIP-966"),
    entry(Goal::Isr, "isr-not-full",
        "the ISR is all live replicas, the ELR is empty", "L4; KIP-497, KIP-966"),
    entry(Goal::Operations, "operation-open",
        "every client operation is resolved", "L7; delivery.timeout.ms"),
    entry(Goal::HighWatermark, "high-watermark-stuck",
        "log ends and high watermarks of all live replicas are the leader's log end", "L5; KIP-101"),
    entry(Goal::FreshProducer, "fresh-client-fails",
        "a fresh producer's record is acknowledged by every partition", "L11"),
    entry(Goal::LoadProducers, "producer-stuck",
        "one more record of each producer is acknowledged by every partition", "L11; KIP-360"),
    entry(Goal::Transactions, "transaction-open",
        "every transaction ends, by its producer or by its timeout", "KIP-98, KIP-664"),
    entry(Goal::ConsumerLag, "consumer-lag",
        "all live consumers and a fresh one read to the committed end", "L9, L11"),
    entry(Goal::ShareLag, "share-lag",
        "share groups accept, reject or give up every committed record", "KIP-932"),
    entry(Goal::Resources, "resources-held",
        "no request waits, none is in flight, no proposal is open", "L12"),
];

impl Goal {
    /// Its entry.
    pub fn entry(self) -> &'static GoalEntry {
        &GOALS[self as usize]
    }

    /// Name of the anomaly when it is not met.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// How long it may take without progress, in milliseconds: what the plan's timeouts need, each goal after those
    /// that it builds on, and the plan's own allowance for what timeouts do not tell, such as bytes to be moved.
    pub fn bound_ms(self, plan: &Plan) -> u64 {
        self.timeouts_ms(plan) + plan.converge_within_ms
    }

    /// What the plan's timeouts need.
    fn timeouts_ms(self, plan: &Plan) -> u64 {
        let c = &plan.cluster;
        match self {
            // A process that halted by itself is started again soon.
            Self::Processes => 1_000,
            // The election may have to be held twice.
            Self::QuorumLeader => {
                2 * (c.quorum_fetch_timeout_ms
                    + c.quorum_election_timeout_ms
                    + c.quorum_election_backoff_max_ms)
            }
            // A request that went to a dead controller is given up first; then it registers, and is unfenced.
            Self::BrokersUnfenced => {
                Self::QuorumLeader.timeouts_ms(plan)
                    + c.request_timeout_ms
                    + 2 * c.quorum_append_linger_ms
                    + c.broker_session_timeout_ms
                    + c.broker_heartbeat_interval_ms
            }
            Self::Metadata => {
                Self::BrokersUnfenced.timeouts_ms(plan) + 2 * c.quorum_fetch_wait_max_ms
            }
            Self::Topics => {
                let request_ms = plan.admin.request_timeout_ms;
                Self::Metadata.timeouts_ms(plan) + request_ms + connecting_ms(plan, request_ms)
            }
            Self::Leaders => Self::Topics.timeouts_ms(plan) + 1_000,
            // A follower that is not alive any more is shrunk away only after the lag.
            Self::Isr => {
                Self::Leaders.timeouts_ms(plan)
                    + 2 * c.replica_lag_time_max_ms
                    + c.replica_fetch_backoff_ms
                    + c.replica_fetch_wait_max_ms
            }
            Self::Operations => Self::Isr.timeouts_ms(plan) + slowest_operation_ms(plan),
            Self::HighWatermark => Self::Isr.timeouts_ms(plan) + 2 * c.replica_fetch_wait_max_ms,
            Self::FreshProducer => {
                Self::HighWatermark.timeouts_ms(plan) + plan.fresh_producer.delivery_timeout_ms
            }
            // What is in flight is given up first, then one more record may wait for as long.
            Self::LoadProducers => {
                Self::FreshProducer.timeouts_ms(plan) + 2 * slowest_operation_ms(plan)
            }
            // Its coordinator looks at it from time to time, and then has its markers written.
            Self::Transactions => {
                Self::LoadProducers.timeouts_ms(plan)
                    + longest_transaction_ms(plan)
                    + c.transaction_cleanup_interval_ms
                    + 2 * c.request_timeout_ms
            }
            Self::ConsumerLag => Self::LoadProducers.timeouts_ms(plan) + slowest_fetch_ms(plan),
            // A lock may have to expire for each delivery of one record.
            Self::ShareLag => {
                let share = c.coordinators.share_groups;
                let delivery_ms = longest_job_ms(plan).map_or(0, |job_ms| share.lock_ms + job_ms);
                let deliveries_ms = delivery_ms * u64::from(share.delivery_count_limit);
                Self::ConsumerLag.timeouts_ms(plan) + deliveries_ms
            }
            Self::Resources => Self::ShareLag.timeouts_ms(plan) + c.request_timeout_ms,
        }
    }
}

/// How long the slowest operation of a load may be open, and the pause before it.
fn slowest_operation_ms(plan: &Plan) -> u64 {
    let longest = |client: &ClientPlan| match client {
        ClientPlan::Producer { config, interval_us, transactions, .. } => {
            let patience = if transactions.is_some() { 2 } else { 1 };
            patience * config.delivery_timeout_ms + interval_us.1 / 1_000
        }
        ClientPlan::Consumer { config, interval_us, poll_timeout_ms, pipeline, .. } => {
            let poll_ms = u64::from(*poll_timeout_ms);
            let request_ms = config.request_timeout_ms;
            let answer_ms = poll_ms.max(2 * request_ms) + connecting_ms(plan, request_ms);
            let sends = |pipeline: &PipelinePlan| 2 * pipeline.producer.delivery_timeout_ms;
            let processes_ms = pipeline.as_ref().map_or(0, sends);
            answer_ms + interval_us.1 / 1_000 + rebalance_ms(config) + processes_ms
        }
    };
    plan.clients.iter().map(longest).max().unwrap_or(0)
}

/// How much longer than for an answer a client may wait for a connection to a node that is not there.
fn connecting_ms(plan: &Plan, request_timeout_ms: u64) -> u64 {
    let network = &plan.network;
    let setup_ms = network.connect_timeout_ms.min(network.stall_timeout_ms);
    setup_ms.saturating_sub(request_timeout_ms)
}

/// How long a member's group may take to be whole again: sessions of those who are gone end, then those who are there
/// join, and commit what they must.
fn rebalance_ms(config: &harrow_broker_model::config::ConsumerConfig) -> u64 {
    config.group.as_ref().map_or(0, |group| {
        let join_ms = group.max_poll_interval_ms + 5_000;
        group.session_timeout_ms + 2 * join_ms + group.api_timeout_ms
    })
}

/// How long a transaction may take.
fn longest_transaction_ms(plan: &Plan) -> u64 {
    let transactional = plan.clients.iter().filter(|client| client.is_transactional());
    let timeouts = transactional.map(|client| match client {
        ClientPlan::Producer { config, .. } => config.transaction_timeout_ms,
        ClientPlan::Consumer { pipeline, .. } => {
            pipeline.as_ref().map_or(0, |pipeline| pipeline.producer.transaction_timeout_ms)
        }
    });
    timeouts.max().unwrap_or(0)
}

/// How long a worker of a share group may work on what it was given at once, if there is any.
fn longest_job_ms(plan: &Plan) -> Option<u64> {
    let workers = plan.clients.iter().filter_map(|client| match client {
        ClientPlan::Consumer { config, .. } => config.worker.as_ref(),
        ClientPlan::Producer { .. } => None,
    });
    workers.map(|worker| worker.processing_ms.1 + worker.stall_ms).max()
}

/// How long a consumer may wait for an answer to learn that it must ask elsewhere.
fn slowest_fetch_ms(plan: &Plan) -> u64 {
    let configs = plan.clients.iter().filter_map(|client| match client {
        ClientPlan::Consumer { config, .. } => Some(config),
        ClientPlan::Producer { .. } => None,
    });
    let longest = |config: &harrow_broker_model::config::ConsumerConfig| {
        let fetch_ms = config.metadata_max_age_ms + config.fetch_wait_max_ms;
        let request_ms = config.request_timeout_ms;
        2 * request_ms + connecting_ms(plan, request_ms) + fetch_ms + rebalance_ms(config)
    };
    configs.chain([&plan.final_reader]).map(longest).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_goal_is_its_own_entry() {
        for (index, entry) in GOALS.iter().enumerate() {
            assert_eq!(entry.goal as usize, index, "{}: order of the table", entry.name);
            assert_eq!(entry.goal.entry(), entry, "{}", entry.name);
        }
    }
}
