//! What each section may ask for by itself, and no run can keep together: a group that has no room for its members, or
//! whose members never come together; pipelines that feed themselves; records that no leader takes; an administrator
//! who aborts what may still be open. A run of such a scenario breaks a promise, and nothing is wrong with the model.

use std::collections::BTreeSet;

use harrow_broker_model::config::{GroupProtocol, MigrationPolicy};
use harrow_broker_model::topic_pattern::TopicPattern;
use harrow_sim::plan::{AlterableSetting, ProcessingGuarantee, Target};

use super::limits::Contradiction;
use super::scenario::{
    ClusterScenario, FaultAction, LoadKind, LoadScenario, MemberScenario, PipelineScenario,
    TargetPattern, TopicScenario,
};
use super::section::Section;
use super::settings::Settings;
use super::value::{Chance, Numbers};
use crate::planner::defaults::fresh_producer;

/// What a record alone in its batch takes beside its value, at the most: 61 bytes are the batch's, 8 the key's.
const ALONE_BYTES: i64 = 61 + 21;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Together {
    topics: Vec<Topic>,
    members: Vec<Members>,
    pipes: Vec<Pipe>,
    /// Topics that a load sends to, all if there are none, and the size of its largest value.
    senders: Vec<(Vec<String>, i64)>,
    /// The longest `transaction.timeout.ms` of a load.
    transaction_ms: Option<i64>,
    /// How often coordinators look at what takes too long, at the most.
    looks_ms: i64,
    /// The shortest and the longest session that any coordinator grants a classic member.
    session_ms: (i64, i64),
}

#[derive(Debug)]
struct Topic {
    name: String,
    /// `max.message.bytes`, at its least.
    message_bytes: i64,
}

/// A load of members of a group.
#[derive(Debug)]
struct Members {
    group: String,
    can_be_classic: bool,
    can_be_consumers: bool,
    /// Whether every seed has one of them.
    always: bool,
    most: i64,
    start_ms: Numbers,
}

/// Where a pipeline reads and where it writes.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
}

/// These topics, and all that pipelines make of what is in them.
pub(super) fn fed_by<'a>(outputs: &'a [String], pipes: &'a [Pipe]) -> BTreeSet<&'a str> {
    let mut fed: BTreeSet<&str> = outputs.iter().map(String::as_str).collect();
    loop {
        let known = fed.len();
        for Pipe { inputs, outputs } in pipes {
            if inputs.iter().any(|input| fed.contains(input.as_str())) {
                fed.extend(outputs.iter().map(String::as_str));
            }
        }
        if fed.len() == known {
            return fed;
        }
    }
}

impl Together {
    pub(super) fn of(cluster: &Settings) -> Self {
        let looks = cluster.get("transaction.abort.timed.out.transaction.cleanup.interval.ms");
        let session_ms = (
            cluster.get("group.min.session.timeout.ms").greatest(),
            cluster.get("group.max.session.timeout.ms").least(),
        );
        Self { looks_ms: looks.greatest(), session_ms, ..Self::default() }
    }

    pub(super) fn topic(&mut self, topic: &TopicScenario) {
        let message_bytes = topic.max_message_bytes.least();
        self.topics.push(Topic { name: topic.name.clone(), message_bytes });
    }

    /// A load, with what is wrong with it.
    pub(super) fn load(&mut self, section: &Section<'_>, load: &LoadScenario) {
        if load.count.greatest() == 0 {
            return;
        }
        match &load.kind {
            LoadKind::Producer { .. } => self.sends(section, &load.topics, &load.settings),
            LoadKind::Transaction { .. } => {
                self.sends(section, &load.topics, &load.settings);
                self.in_transactions(&load.settings);
            }
            LoadKind::Consumer { member, pipeline, .. } => {
                self.members.extend(member.as_ref().map(|member| Members::of(load, member)));
                if let Some(member) = member {
                    self.session(section, member);
                }
                if let Some(pipeline) = pipeline {
                    self.pipeline(section, (load, member.as_ref()), pipeline);
                }
            }
            LoadKind::ShareConsumer { .. } => {}
        }
    }

    /// A coordinator refuses a classic member for good whose session is not within its bounds. Source:
    /// `GroupMetadataManager.classicGroupJoin`.
    fn session(&self, section: &Section<'_>, member: &MemberScenario) {
        if !member.protocol.options().contains(&GroupProtocol::Classic) {
            return;
        }
        let (least, greatest) = self.session_ms;
        let session = member.settings.get("session.timeout.ms");
        let mut ends = [session.least(), session.greatest()].into_iter();
        if let Some(ms) = ends.find(|ms| *ms < least || *ms > greatest) {
            let message = format!(
                "`session.timeout.ms` may be {ms}, and coordinators may take sessions of {least} to {greatest} ms alone"
            );
            let help = "change it, or `group.min.session.timeout.ms` and `group.max.session.timeout.ms` of `[cluster]`";
            section.problem(&section.place_of("session.timeout.ms"), message, help);
        }
    }

    fn in_transactions(&mut self, settings: &Settings) {
        let timeout = Some(settings.get("transaction.timeout.ms").greatest());
        self.transaction_ms = self.transaction_ms.max(timeout);
    }

    fn pipeline(
        &mut self,
        section: &Section<'_>,
        (load, member): (&LoadScenario, Option<&MemberScenario>),
        pipeline: &PipelineScenario,
    ) {
        self.sends(section, &pipeline.outputs, &pipeline.settings);
        if pipeline.guarantee.options().contains(&ProcessingGuarantee::ExactlyOnce) {
            self.in_transactions(&pipeline.settings);
        }
        let inputs = self.inputs(load, member);
        self.pipes.push(Pipe { inputs: inputs.clone(), outputs: pipeline.outputs.clone() });
        let fed = fed_by(&pipeline.outputs, &self.pipes);
        if let Some(input) = inputs.iter().find(|input| fed.contains(input.as_str())) {
            let message = format!(
                "what is written there comes back to `{input}`, which it is made from: it is processed anew for ever, \
                 and the run never ends"
            );
            let help =
                "write to a topic from which nothing leads back; who has no `topics` reads all";
            section.problem(&section.place_of("outputs"), message, help);
        }
    }

    /// The topics of a load, by the names of their tables.
    fn inputs(&self, load: &LoadScenario, member: Option<&MemberScenario>) -> Vec<String> {
        let pattern = member.and_then(|member| member.pattern.as_deref());
        let pattern = pattern.and_then(|pattern| TopicPattern::parse(pattern).ok());
        let reads = |name: &String| match &pattern {
            Some(pattern) => pattern.matches(name),
            None => load.topics.is_empty() || load.topics.contains(name),
        };
        self.topics.iter().map(|topic| topic.name.clone()).filter(reads).collect()
    }

    /// A record that is larger than a batch may be is refused as often as it is sent.
    fn sends(&mut self, section: &Section<'_>, topics: &[String], settings: &Settings) {
        let value_bytes = settings.get("value_bytes").greatest();
        self.senders.push((topics.to_vec(), value_bytes));
        let needed = value_bytes + ALONE_BYTES;
        let is_small = |topic: &&Topic| {
            (topics.is_empty() || topics.contains(&topic.name)) && topic.message_bytes < needed
        };
        if let Some(Topic { name, message_bytes }) = self.topics.iter().find(is_small) {
            let message = format!(
                "a record with a value of {value_bytes} bytes takes {needed}, and `max.message.bytes` of `{name}` \
                 may be {message_bytes}: its leader takes none"
            );
            let help = "lower `value_bytes`, or raise `max.message.bytes`";
            section.problem(&section.place_of("value_bytes"), message, help);
        }
    }

    /// What is wrong with a fault, as far as it depends on loads.
    pub(super) fn fault(&self, section: &Section<'_>, action: &FaultAction) {
        if let FaultAction::AbortHanging { idle_ms, .. } = action {
            self.abort(section, idle_ms);
        }
        if let FaultAction::AlterConfig { target, setting, value } = action
            && setting.options().contains(&AlterableSetting::MaxMessageBytes)
        {
            let needed = target.options().iter().map(|target| self.needed_by(target)).max();
            let (needed, given) = (needed.unwrap_or(0), value.least());
            if given < needed {
                let message = format!(
                    "`max.message.bytes` may become {given}, and a record that is sent there takes {needed}: its \
                     leader takes none any more"
                );
                let help = format!("at least {needed}, or lower `value_bytes` of who sends there");
                section.problem(&section.place_of("value"), message, help);
            }
        }
    }

    /// The largest record that is sent to a target, at the end by a fresh producer at least.
    fn needed_by(&self, target: &TargetPattern) -> i64 {
        let topic = match target {
            TargetPattern::Plain(Target::LeaderOf(topic, _))
            | TargetPattern::Replica { topic: Some(topic), .. } => Some(topic),
            TargetPattern::Plain(_) | TargetPattern::Replica { topic: None, .. } => None,
        };
        let sends = |topics: &[String]| {
            topics.is_empty() || topic.is_none_or(|topic| topics.contains(topic))
        };
        let senders = self.senders.iter().filter(|(topics, _)| sends(topics));
        let fresh = i64::from(fresh_producer::VALUE_BYTES);
        senders.map(|(_, value_bytes)| *value_bytes).fold(fresh, i64::max) + ALONE_BYTES
    }

    /// What is no older than a transaction may become has a producer that may still end it, and a coordinator that has
    /// not decided it. Source: `TransactionsCommand`, which is told the longest timeout (`--max-transaction-timeout`).
    fn abort(&self, section: &Section<'_>, idle_ms: &Numbers) {
        let Some(timeout_ms) = self.transaction_ms else { return };
        let (needed, given) = (timeout_ms + self.looks_ms, idle_ms.least());
        if given < needed {
            let message = format!(
                "what has been idle for {given} ms may still be open for its producer: `transaction.timeout.ms` may be \
                 {timeout_ms}, and coordinators look at it every {} ms",
                self.looks_ms
            );
            let help = format!("at least {needed}, or a shorter `transaction.timeout.ms`");
            section.problem(&section.place_of("idle_ms"), message, help);
        }
    }

    /// What cannot be of groups in a cluster.
    pub(super) fn of_groups(&self, cluster: &ClusterScenario) -> Vec<Contradiction> {
        let groups: BTreeSet<&str> = self.members.iter().map(|it| it.group.as_str()).collect();
        let each = groups.into_iter().flat_map(|group| {
            let loads: Vec<&Members> = self.members.iter().filter(|it| it.group == group).collect();
            [
                no_room(group, &loads, cluster),
                no_room_for_classic(group, &loads, cluster),
                never_together(group, &loads, cluster),
            ]
        });
        each.flatten().collect()
    }
}

impl Members {
    fn of(load: &LoadScenario, member: &MemberScenario) -> Self {
        let can_be = |protocol| member.protocol.options().contains(&protocol);
        let Chance { numerator, denominator } = load.chance;
        Self {
            group: member.group.clone(),
            can_be_classic: can_be(GroupProtocol::Classic),
            can_be_consumers: can_be(GroupProtocol::Consumer),
            always: numerator == denominator && load.count.least() > 0,
            most: load.count.greatest(),
            start_ms: load.settings.get("start_ms"),
        }
    }
}

/// A group of the new protocol counts all its members, also those that speak the classic one.
fn no_room(group: &str, loads: &[&Members], cluster: &ClusterScenario) -> Option<Contradiction> {
    let members = loads.iter().map(|load| load.most).sum();
    let can_be = loads.iter().any(|load| load.can_be_consumers);
    can_be.then(|| too_many(group, members, "group.consumer.max.size", cluster)).flatten()
}

/// A classic group stays one as long as nobody in it speaks the new protocol. Otherwise who finds no room in it is let
/// in once it is of the new one, which has room by its own measure.
fn no_room_for_classic(
    group: &str,
    loads: &[&Members],
    cluster: &ClusterScenario,
) -> Option<Contradiction> {
    let members = loads.iter().filter(|load| load.can_be_classic).map(|load| load.most).sum();
    let can_be = !loads.iter().any(|load| load.always && !load.can_be_classic);
    can_be.then(|| too_many(group, members, "group.max.size", cluster)).flatten()
}

fn too_many(
    group: &str,
    members: i64,
    setting: &'static str,
    cluster: &ClusterScenario,
) -> Option<Contradiction> {
    let room = cluster.settings.get(setting).least();
    (room < members).then(|| Contradiction {
        at: ("cluster", setting),
        message: format!(
            "group `{group}` may have {members} members, and `{setting}` may be {room}: who is one too many asks again \
             for ever"
        ),
        help: format!("set it to at least {members}, or lower `count` of the loads of that group"),
    })
}

/// A classic group with members lets in nobody of the new protocol unless it may be upgraded. Who speaks the classic
/// protocol is let into a group of the new one, whatever the policy says. Source: `ConsumerGroupMigrationPolicy`,
/// `GroupMetadataManager.validateOnlineUpgrade`.
fn never_together(
    group: &str,
    loads: &[&Members],
    cluster: &ClusterScenario,
) -> Option<Contradiction> {
    let kept = |policy: &&MigrationPolicy| {
        matches!(policy, MigrationPolicy::Disabled | MigrationPolicy::Downgrade)
    };
    cluster.migration.options().iter().find(kept)?;
    let comes_first = |classic: usize, other: usize| {
        let (classic, consumers) = (loads[classic], loads[other]);
        let later = classic.start_ms.least() > consumers.start_ms.greatest();
        classic.can_be_classic && consumers.can_be_consumers && !(later && consumers.always)
    };
    let mut pairs = (0..loads.len()).flat_map(|one| (0..loads.len()).map(move |two| (one, two)));
    pairs.find(|(one, two)| one != two && comes_first(*one, *two))?;
    Some(Contradiction {
        at: ("cluster", "group.consumer.migration.policy"),
        message: format!(
            "members of group `{group}` may speak both protocols, and a classic group that has members is not \
             upgraded: who speaks the new protocol asks again for ever"
        ),
        help: "set it to `upgrade` or `bidirectional`, or give the group one `group.protocol`; or let the classic \
               members begin when the others are there (`start_ms`)"
            .to_owned(),
    })
}
