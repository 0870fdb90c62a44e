//! What stands above a shrunk scenario, as comments: who reads nothing else knows what breaks, by which rule, where
//! and when.

use harrow_broker_model::config::ConsumerConfig;
use harrow_broker_model::defect::{Defect, Defects};
use harrow_broker_model::types::NodeId;
use harrow_reports::explain::explain;
use harrow_reports::render::finding_text;
use harrow_reports::verdict::Finding;
use harrow_sim::plan::{ClientPlan, PipelinePlan, Plan, TopicPlan};

use crate::shrink::Frequency;

/// What there is to say.
pub(super) struct Heading<'a> {
    /// What it was shrunk from.
    pub(super) title: &'a str,
    /// The smallest plan.
    pub(super) plan: &'a Plan,
    /// The command that shows it by the scenario, if that was seen to fail.
    pub(super) command: Option<&'a str>,
    /// What breaks in its run.
    pub(super) finding: &'a Finding,
    /// How often it does.
    pub(super) fails: Frequency,
    /// The seed with which the scenario fails; none if it was not seen to.
    pub(super) seed: Option<u64>,
    /// Whether that seed gives the very plan.
    pub(super) exact: bool,
    /// Why no run can be made of the scenario, if none can.
    pub(super) refused: Option<&'a str>,
    /// The nearest plan that passes.
    pub(super) passes: Option<&'a str>,
    /// Of several bugs and weaknesses that were on, those that it takes; none if there was one alone.
    pub(super) takes: &'a [Defect],
}

impl Heading<'_> {
    /// The lines, without the sign of a comment; an empty one parts two paragraphs.
    pub(super) fn comments(&self) -> Vec<String> {
        let finding = self.finding;
        let mut lines = vec![
            format!("Shrunk from {}.", self.title),
            format!(
                "{} breaks {}: {}",
                finding.anomaly,
                finding.guarantee,
                meaning(&finding.anomaly)
            ),
            format!("{} is promised: {}", finding.guarantee, meaning(&finding.guarantee)),
            format!("Fingerprint {}: {}.", finding.fingerprint.id, finding.fingerprint.text),
        ];
        let own = "its own runtime seed (how long each message takes)";
        let often = format!("fails under {}", self.fails.text(own));
        if let Some(command) = self.command {
            lines.push(if self.exact {
                format!("It {often}; under its own:")
            } else {
                format!("The plan {often}; this scenario fails, too:")
            });
            lines.push(command.to_owned());
        } else {
            lines.push(format!("The plan {often}."));
            lines.push(match self.refused {
                Some(why) => format!(
                    "No run can be made of this scenario ({why}), but of the plan beside it:"
                ),
                None => "This scenario cannot say all of it, and was not seen to fail:".to_owned(),
            });
            lines.push("harrow replay plan.json".to_owned());
        }
        lines.extend(self.rules());
        let takes = takes_text(self.plan, self.takes);
        lines.extend(takes.map(|takes| format!("{}{}.", takes[..1].to_uppercase(), &takes[1..])));
        lines.extend(self.passes.map(|passes| format!("Smallest change found: {passes}.")));
        lines.push(String::new());
        lines.extend(self.cluster());
        lines.push(String::new());
        lines.push(self.story_of());
        lines.extend(
            finding_text(finding).lines().map(|line| format!("  {line}").trim_end().to_owned()),
        );
        lines
    }

    /// What each bug or weakness is that was switched on by name, and what it may lead to.
    fn rules(&self) -> Vec<String> {
        let told =
            |name: &str| explain(name).map(|it| format!("{} Such as: {}", it.meaning, it.example));
        let defects = own_defects(self.plan);
        defects
            .iter()
            .filter_map(|it| Some(format!("Switched on, {it}: {}", told(it.name())?)))
            .collect()
    }

    /// What a scenario leaves to defaults, as far as a failure hangs on it.
    fn cluster(&self) -> Vec<String> {
        let cluster = &self.plan.cluster;
        let nodes = format!(
            "Brokers: {}; controllers: {}; replica.lag.time.max.ms={}, broker.session.timeout.ms={}.",
            listed(&cluster.brokers),
            listed(&cluster.controllers),
            cluster.replica_lag_time_max_ms,
            cluster.broker_session_timeout_ms,
        );
        let topics = self.plan.topics.iter().map(topic);
        let clients = self.plan.clients.iter().map(client);
        std::iter::once(nodes).chain(topics).chain(clients).collect()
    }

    fn story_of(&self) -> String {
        if let Some(seed) = self.seed.filter(|_| self.exact) {
            format!("What happened with --seed {seed} when it was shrunk:")
        } else if self.seed.is_none() {
            "What happened in the plan when it was shrunk:".to_owned()
        } else {
            "The plan beside it says more than a scenario can. What happened in it when it was shrunk:".to_owned()
        }
    }
}

/// Which bugs and weaknesses a plan takes, if there were several; or that nobody has found out.
pub(super) fn takes_text(plan: &Plan, takes: &[Defect]) -> Option<String> {
    let on = plan.cluster.defects.iter().count();
    let names: Vec<&str> = takes.iter().map(|defect| defect.name()).collect();
    match names[..] {
        [] if on < 2 => None,
        [] => Some(format!(
            "which of the {on} bugs and weaknesses that are on it takes was not found out"
        )),
        _ => Some(format!("of all that was on it takes {}", names.join(" and "))),
    }
}

/// The bugs and weaknesses of a plan that no version brings along.
pub(super) fn own_defects(plan: &Plan) -> Defects {
    let version = plan.cluster.kafka.map_or(Defects::NONE, Defects::of_version);
    plan.cluster.defects.iter().filter(|defect| !version.has(*defect)).collect()
}

/// What a name means; nothing if nobody explains it.
fn meaning(name: &str) -> &'static str {
    explain(name).map_or("", |entry| entry.meaning)
}

fn listed(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("node {node}")).collect();
    names.join(", ")
}

fn topic(topic: &TopicPlan) -> String {
    let TopicPlan { name, partitions, replication_factor, min_insync_replicas, .. } = topic;
    format!(
        "Topic {name}: partitions={partitions}, replication.factor={replication_factor}, \
         min.insync.replicas={min_insync_replicas}."
    )
}

fn client(client: &ClientPlan) -> String {
    match client {
        ClientPlan::Producer { config, operations, start_ms, transactions, .. } => {
            let times =
                if *operations == 1 { "once".to_owned() } else { format!("{operations} times") };
            let does = match transactions {
                Some(_) => format!("A transactional producer writes a transaction {times}"),
                None => format!("A producer sends {times}"),
            };
            let acks = match config.acks.wire() {
                -1 => "all".to_owned(),
                acks => acks.to_string(),
            };
            format!("{does} from {start_ms} ms on, with acks={acks}.")
        }
        ClientPlan::Consumer { config, pipeline, .. } => {
            let reads = reads_as(config);
            match pipeline {
                Some(PipelinePlan { outputs, producer, .. }) => {
                    let how =
                        if producer.transactional_id.is_some() { " in transactions" } else { "" };
                    format!(
                        "{reads}, and writes what it makes of it to {}{how}.",
                        outputs.join(", ")
                    )
                }
                None => format!("{reads}."),
            }
        }
    }
}

/// As what a consumer reads.
fn reads_as(config: &ConsumerConfig) -> String {
    if let Some(worker) = &config.worker {
        return format!(
            "A consumer works on records as a member of the share group {}",
            worker.group
        );
    }
    let Some(member) = &config.group else { return "A consumer reads".to_owned() };
    let what = member
        .instance
        .as_ref()
        .map_or("a member".to_owned(), |instance| format!("the static member {instance}"));
    let protocol = if member.protocol.is_classic() { "" } else { " by group.protocol=consumer" };
    format!("A consumer reads as {what} of {}{protocol}", member.group)
}
