//! Directs a run: starts the nodes, creates the topics, drives the load, fires the faults, heals, waits until
//! everything has converged, lets a fresh client and those of the loads send to every partition, and reads everything
//! once more.
//!
//! Loads begin at their planned time, but not before all topics exist. Clients are left alone by the faults of brokers;
//! a client that is itself the target leaves its open operations with unknown outcome and comes back as a new process.

mod administration;
mod applications;
mod asked_voter;
mod conditions;
mod converge;
mod cuts;
mod deletion;
mod faults;
mod fresh;
mod heal;
mod inspect;
mod pending;
mod probe;
mod progress;
mod recoverable;
mod recreation;
mod resume;
mod running_application;
mod suits;
mod targets;
mod tasks;
#[cfg(test)]
pub(super) mod tests;
mod voters;

use harrow_broker_model::config::topic_name;
use harrow_broker_model::controller::Controller;
use harrow_broker_model::node::{Node, Operation, Outcome};
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::{NodeId, OperationId};

use self::asked_voter::AskedVoter;
use self::probe::{FreshClients, Resumed, Resuming};
use self::progress::{Pending, Progress};
use self::running_application::{ProcessedInput, RunningApplication};
use super::condition::{Active, Condition};
use super::draw::Draws;
use super::engine::{Boot, DirectorTimer, Engine, Member, Moment, Report, Setup, Step};
use super::load::Load;
use super::observe::Observation;
use super::recorder::Recorder;
use crate::plan::{ClientPlan, Plan};
use crate::run::{End, InjectedFault, Run, RunOptions, RunStats};

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
/// How often convergence is looked at.
const CHECK_MS: u64 = 100;
/// How often it is looked at before the heal whether an answer is overdue.
const LOOK_MS: u64 = 1_000;
/// How long a process that halted by itself is down.
const HALTED_DOWN_MS: u64 = 1_000;
/// Pause before a topic's creation is tried again.
const CREATE_AGAIN_MS: u64 = 100;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Faults and load.
    Faults,
    /// After the heal.
    Converging,
    /// The fresh producer sends, and so do all producers.
    Producing,
    /// The final reader reads, and so do all consumers.
    Reading,
}

/// A rolling restart under way.
#[derive(Debug, Clone, Copy)]
struct Rolling {
    step: usize,
    broker: usize,
    down_ms: u64,
    gap_ms: u64,
}

/// One run.
pub(crate) struct Director<'p, N, F> {
    plan: &'p Plan,
    options: RunOptions,
    engine: Engine<N>,
    host: Observation<F>,
    recorder: Recorder,
    draws: Draws,
    loads: Vec<Load>,
    /// Load by node index.
    load_of: Vec<Option<usize>>,
    applications: Vec<RunningApplication>,
    /// How far applications have processed the input of groups.
    processed: ProcessedInput,
    /// Process numbers given out.
    processes: u32,
    topics_created: usize,
    /// What is known of topics, as the history was told last.
    topics_known: u64,
    /// Deletions of topics that have not ended.
    deleting: Vec<OperationId>,
    creating: Option<OperationId>,
    /// What administrators do with groups and transactions, by the step that asked for it.
    tasks: Vec<(OperationId, u32)>,
    active: Vec<Active>,
    rolling: Option<Rolling>,
    /// How long each node is down after its next asked halt or disk failure.
    down_ms: Vec<u64>,
    /// Nodes whose logs are to rot by their next crash, with the steps that say so.
    rotting: Vec<(usize, u32)>,
    faults: Vec<InjectedFault>,
    injected: u64,
    healed: bool,
    phase: Phase,
    /// Nodes that the heal left outside the core, and those that have left the cluster.
    outside: Vec<NodeId>,
    /// Brokers that have left the cluster for good.
    gone: Vec<NodeId>,
    /// Brokers that are about to.
    leaving: Vec<NodeId>,
    /// Changes of the voters of the quorum that were asked for.
    asked_voters: Vec<AskedVoter>,
    progress: Progress,
    /// What was overdue when it was looked at last.
    overdue: Option<Pending>,
    /// Since when all goals are met but for what no rule can bring back.
    stranded_since: Option<u64>,
    fresh: FreshClients,
    /// What producers of loads have sent since the heal.
    resumed: Vec<Resumed>,
    resuming: Resuming,
}

impl<'p, N: Node, F: FnMut(Boot<'_>) -> N> Director<'p, N, F> {
    /// A run that has not begun.
    pub(crate) fn new(plan: &'p Plan, options: RunOptions, boot: F) -> Self {
        let draws = Draws::new(plan.seed);
        let members = members(plan);
        let mut engine = Engine::new(&Setup {
            seed: plan.seed,
            members: &members,
            network: &plan.network,
            disk: &plan.disk,
            clocks: &plan.clocks,
            record_trace: options.record_trace,
        });
        for (index, member) in members.iter().enumerate() {
            if let Some((file, bytes)) = Controller::formatted(&plan.cluster, member.id) {
                engine.format(index, file, bytes);
            }
        }
        let ways = (draws, plan.cluster.defects);
        let load = |(ordinal, client)| Load::new(client, ordinal, &plan.topics, ways);
        let loads: Vec<Load> = plan.clients.iter().enumerate().map(load).collect();
        let load_of = |member: &Member| loads.iter().position(|load| load.node == member.id);
        let processes = loads.len() as u32;
        Self {
            plan,
            host: Observation::new(plan, &options, boot),
            options,
            recorder: Recorder::new(&plan.topics),
            draws,
            load_of: members.iter().map(load_of).collect(),
            loads,
            applications: RunningApplication::all(plan, processes),
            processed: ProcessedInput::default(),
            processes: processes + plan.applications.len() as u32,
            topics_created: 0,
            topics_known: 0,
            deleting: Vec::new(),
            creating: None,
            tasks: Vec::new(),
            active: Vec::new(),
            rolling: None,
            down_ms: vec![0; members.len()],
            rotting: Vec::new(),
            faults: Vec::new(),
            injected: 0,
            healed: false,
            phase: Phase::Faults,
            outside: Vec::new(),
            gone: Vec::new(),
            leaving: Vec::new(),
            asked_voters: Vec::new(),
            progress: Progress::none(0),
            overdue: None,
            stranded_since: None,
            resumed: Resumed::all(plan),
            resuming: Resuming::default(),
            fresh: FreshClients::new(
                plan.topics.iter().map(|topic| topic.partitions as usize).sum(),
            ),
            engine,
        }
    }

    /// Runs to the end.
    pub(crate) fn direct(&mut self) -> End {
        self.begin_run();
        loop {
            if let Some(end) = self.advance() {
                return end;
            }
        }
    }

    /// What is known about the run, which ended like this.
    pub(crate) fn finish(mut self, end: End) -> Run {
        let mut stats = RunStats {
            simulated_ms: self.engine.now() / MS,
            events: self.engine.events(),
            messages: self.engine.messages(),
            faults: self.injected,
            ..RunStats::default()
        };
        self.recorder.count(&mut stats);
        if end == End::Quiesced {
            self.audit();
        }
        self.host.tally.add("records-acked", self.recorder.records_acked());
        self.host.tally.add("segment-rolled", self.engine.segments_rolled());
        self.learn_topics();
        let truth = |(name, partition)| self.host.truth(name, partition);
        // Without the watch nobody can be told that no rule was broken.
        let watch = self.options.watch;
        let places = self.recorder.places().filter(|_| watch);
        let partitions = places.map(truth).collect();
        let history = self.recorder.finish(end == End::Quiesced);
        Run {
            unmet: self.unmet(),
            partitions,
            biographies: self.host.take_biographies(&history),
            history,
            violations: self.host.take_violations(),
            faults: self.faults,
            reached: self.host.tally.counts(),
            topics: self.host.topics(),
            digest: self.engine.digest(),
            stats,
            trace: self.engine.take_trace(),
            timeline: self.host.take_timeline(),
            end,
        }
    }

    /// Compares every log that a node holds with what it stated of it: a note that is missing or false would blind all
    /// invariants.
    fn audit(&mut self) {
        let (at_ns, event) = (self.engine.now(), self.engine.events());
        for (node, process) in self.engine.idle() {
            let moment = Moment { at_ns, event, node };
            for log in process.logs() {
                self.host.audit(moment, log);
            }
            self.host.audit_strays(moment);
            if let Some(image) = process.metadata() {
                self.host.audit_metadata(moment, (image.end_offset, image.digest()));
            }
        }
    }

    /// The node that is being called.
    pub(crate) fn calling(&self) -> Option<NodeId> {
        self.engine.calling()
    }

    /// Everything that is to happen whatever happens is planned.
    pub(crate) fn begin_run(&mut self) {
        for (index, id) in self.engine.ids().to_vec().into_iter().enumerate() {
            let waits = self.application_at(index).is_some();
            if !waits && !self.is_fresh(id) && !self.joins_later(id) {
                self.engine.start_at(index, 0);
            }
        }
        for (position, step) in self.plan.steps.iter().enumerate() {
            self.engine.set_timer(step.at_ms * MS, DirectorTimer::Step(position));
        }
        self.engine.set_timer(self.plan.heal_at_ms * MS, DirectorTimer::Heal);
        self.engine.set_timer(0, DirectorTimer::CreateTopic(0));
        self.engine.set_timer(LOOK_MS * MS, DirectorTimer::Look);
    }

    fn on_timer(&mut self, timer: DirectorTimer) -> Option<End> {
        match timer {
            DirectorTimer::Step(position) => self.fire(position),
            DirectorTimer::StepEnd(position) => self.end_step(position),
            DirectorTimer::Roll { step, broker } => self.roll(step, broker),
            DirectorTimer::Leave(position) => self.leave(position),
            DirectorTimer::CreateTopic(position) => self.create_topic(position),
            DirectorTimer::Load(position) => self.on_load(position),
            DirectorTimer::Heal => self.on_heal(),
            DirectorTimer::Check => return self.check(),
            DirectorTimer::Look => return self.look(),
            DirectorTimer::Read => self.read_on(),
        }
        None
    }

    fn on_heal(&mut self) {
        self.heal();
        self.phase = Phase::Converging;
        self.progress = Progress::none(self.engine.now());
        self.engine.set_timer(self.engine.now() + CHECK_MS * MS, DirectorTimer::Check);
    }

    fn on_report(&mut self, report: Report) {
        match report {
            Report::Completed { node, operation, outcome } => {
                self.completed(node, operation, &outcome);
            }
            Report::Begun { node, begun } => self.begun(node, &begun),
            Report::Started { node } => self.started(node),
            Report::Halted { node, reason, asked } => self.halted(node, reason, asked),
        }
    }

    fn completed(&mut self, node: usize, operation: OperationId, outcome: &Outcome) {
        let now = self.engine.now();
        if let Some(position) = self.application_at(node) {
            return self.application_completed(position, operation, outcome);
        }
        if self.creating == Some(operation) {
            return self.topic_answered(outcome);
        }
        if self.task_answered(operation, outcome) {
            return;
        }
        if self.deleted(operation) {
            return;
        }
        self.learn_topics();
        self.tell_timeout(node, operation, outcome);
        self.tell_sent(node, operation);
        let recorded = self.recorder.complete(now, operation, outcome);
        if !recorded {
            return;
        }
        // Positions that come from a group need not go on from where they were.
        let joined = matches!(outcome, Outcome::Joined { .. } | Outcome::Lost { .. });
        if joined && let Some(position) = self.load_of[node] {
            self.host.consumer_assigned(self.loads[position].node);
        }
        if let Some(position) = self.load_of[node] {
            if self.asks_clients() && self.resumed_answered(position, operation, outcome) {
                return;
            }
            self.loads[position].answered(now, outcome);
            self.read_further(position);
            self.set_load_timer(position);
        } else {
            self.fresh_answered(self.engine.ids()[node], operation, outcome);
        }
    }

    /// Has the watch know that a consumer was not told an end offset.
    fn tell_timeout(&mut self, node: usize, operation: OperationId, outcome: &Outcome) {
        let (Outcome::Failed { error, .. } | Outcome::Unknown { error, .. }) = outcome else {
            return;
        };
        if *error == ErrorCode::RequestTimedOut
            && let Some(asked_ns) = self.recorder.question(operation)
        {
            let (at_ns, event) = (self.engine.now(), self.engine.events());
            let moment = Moment { at_ns, event, node: self.engine.ids()[node] };
            self.host.timed_out(moment, asked_ns);
        }
    }

    /// Has the watch know that a producer has told what became of a record.
    fn tell_sent(&mut self, node: usize, operation: OperationId) {
        if let Some(sent_ns) = self.recorder.send(operation) {
            let (at_ns, event) = (self.engine.now(), self.engine.events());
            let moment = Moment { at_ns, event, node: self.engine.ids()[node] };
            self.host.send_ended(moment, sent_ns);
        }
    }

    fn started(&mut self, node: usize) {
        let id = self.engine.ids()[node];
        if let Some(rolling) = self.rolling
            && self.plan.cluster.brokers.get(rolling.broker) == Some(&id)
        {
            let next = DirectorTimer::Roll { step: rolling.step, broker: rolling.broker + 1 };
            self.engine.set_timer(self.engine.now() + rolling.gap_ms * MS, next);
        }
        if let Some(position) = self.load_of[node] {
            self.set_load_timer(position);
        }
        if id == self.plan.fresh_producer.node {
            self.send_missing();
        }
        if id == self.plan.final_reader.node {
            self.read_on();
        }
    }

    /// A process ended by itself: it starts again.
    fn halted(&mut self, node: usize, reason: &'static str, asked: bool) {
        let now = self.engine.now();
        let full_until = self.active.iter().find_map(|active| match &active.condition {
            Condition::FullDisk(at) if *at == node => Some(active.until_ns),
            Condition::Pause(_)
            | Condition::Cut(_)
            | Condition::Delay(..)
            | Condition::Drop(..)
            | Condition::Hold(..)
            | Condition::HoldMetadata(_)
            | Condition::StallPublishing(_)
            | Condition::Stall(..)
            | Condition::Duplicate(..)
            | Condition::Bandwidth(..)
            | Condition::SlowDisk(..)
            | Condition::StallDisk(_)
            | Condition::FullDisk(_)
            | Condition::FailLogDirectory(..)
            | Condition::LyingSync(_) => None,
        });
        let down_ms = match (asked, reason) {
            (true, _) | (false, "disk-failed") => self.down_ms[node],
            (false, _) => HALTED_DOWN_MS,
        };
        if !asked {
            self.host.tally.halted(reason);
        }
        let start = full_until.filter(|_| reason == "disk-full").unwrap_or(now + down_ms * MS);
        self.start_again(node, start);
        self.client_crashed(node);
    }

    /// If the node that fell is a client, nobody knows what becomes of what it had asked for.
    fn client_crashed(&mut self, node: usize) {
        let Some(position) = self.load_of[node] else {
            return self.application_crashed(node);
        };
        self.host.tally.mark("client-crash");
        self.recorder.crash(self.loads[position].process, self.engine.now());
        let process = self.new_process();
        self.loads[position].crashed(process);
        self.resumed_crashed(position);
    }

    fn new_process(&mut self) -> u32 {
        self.processes += 1;
        self.processes - 1
    }

    fn is_client(&self, node: NodeId) -> bool {
        !self.plan.cluster.brokers.contains(&node) && !self.plan.cluster.controllers.contains(&node)
    }

    fn create_topic(&mut self, position: usize) {
        if position >= self.plan.topics.len() {
            return self.start_loads();
        }
        self.creating = self.ask_for_topic(position);
        if self.creating.is_none() {
            let at_ns = self.engine.now() + CREATE_AGAIN_MS * MS;
            self.engine.set_timer(at_ns, DirectorTimer::CreateTopic(position));
        }
    }

    /// Has a topic of the plan created, if the admin client runs.
    fn ask_for_topic(&mut self, position: usize) -> Option<OperationId> {
        let topic = &self.plan.topics[position];
        let admin = self.place(self.plan.admin.node);
        if !self.engine.runs(admin) {
            return None;
        }
        let request = Operation::CreateTopic {
            topic: topic_name(&topic.name),
            partitions: topic.initial_partitions.unwrap_or(topic.partitions) as i32,
            replication_factor: topic.replication_factor as i16,
            min_insync_replicas: topic.min_insync_replicas as i32,
            unclean_leader_election: topic.unclean_leader_election,
            max_message_bytes: topic.max_message_bytes,
            flush_messages: topic.flush_messages,
            flush_ms: topic.flush_ms,
            retention: Box::new(topic.retention),
        };
        let operation = self.recorder.unrecorded();
        self.engine.invoke(admin, operation, request, &mut self.host);
        Some(operation)
    }

    fn topic_answered(&mut self, outcome: &Outcome) {
        self.creating = None;
        let now = self.engine.now();
        match outcome {
            Outcome::TopicCreated => {
                self.topics_created += 1;
                self.engine.set_timer(now, DirectorTimer::CreateTopic(self.topics_created));
            }
            Outcome::Failed { .. } | Outcome::Unknown { .. } => {
                self.engine.set_timer(
                    now + CREATE_AGAIN_MS * MS,
                    DirectorTimer::CreateTopic(self.topics_created),
                );
            }
            Outcome::Sent { .. }
            | Outcome::Transacted { .. }
            | Outcome::Assigned
            | Outcome::Subscribed
            | Outcome::Unsubscribed
            | Outcome::Called
            | Outcome::WokenUp
            | Outcome::NoPosition { .. }
            | Outcome::Rewound { .. }
            | Outcome::Revoking { .. }
            | Outcome::Lost { .. }
            | Outcome::Joined { .. }
            | Outcome::Committed { .. }
            | Outcome::Polled { .. }
            | Outcome::EndOffset { .. }
            | Outcome::Administered { .. }
            | Outcome::RecordsDeleted { .. } => {
                panic!("the admin client answered the creation of a topic with {outcome:?}");
            }
        }
    }

    fn start_loads(&mut self) {
        for position in 0..self.loads.len() {
            self.set_load_timer(position);
        }
        self.start_applications();
    }

    /// Asks to be told when a load has something to do.
    fn set_load_timer(&mut self, position: usize) {
        if self.topics_created < self.plan.topics.len() || self.loads[position].timer_set {
            return;
        }
        if let Some(at_ns) = self.loads[position].wants() {
            self.loads[position].timer_set = true;
            self.engine.set_timer(at_ns, DirectorTimer::Load(position));
        }
    }

    fn on_load(&mut self, position: usize) {
        self.loads[position].timer_set = false;
        let node = self.place(self.loads[position].node);
        if !self.engine.runs(node) {
            return;
        }
        self.learn_topics();
        let now = self.engine.now();
        if let Some(request) = self.loads[position].next(now) {
            let moves = matches!(
                request,
                Operation::Assign { .. }
                    | Operation::Resume { .. }
                    | Operation::Subscribe { .. }
                    | Operation::Rewind
                    | Operation::Call(_)
            );
            if moves {
                self.host.consumer_assigned(self.loads[position].node);
            }
            let load = &self.loads[position];
            let who = (load.process, load.group());
            let operation = self.recorder.invoke(who, now, &request);
            self.recorder.processes(operation, load.processed());
            self.engine.invoke(node, operation, request, &mut self.host);
        }
        self.set_load_timer(position);
    }
}

/// All nodes of a plan: brokers, controllers, admin, clients, fresh producer, final reader.
fn members(plan: &Plan) -> Vec<Member> {
    let servers = plan.cluster.brokers.iter().chain(&plan.cluster.controllers);
    let clients = plan.clients.iter().map(|client| match client {
        ClientPlan::Producer { config, .. } => config.node,
        ClientPlan::Consumer { config, .. } => config.node,
    });
    let clients = std::iter::once(plan.admin.node)
        .chain(clients)
        .chain([plan.fresh_producer.node, plan.final_reader.node]);
    let servers = servers.map(|id| Member { id: *id, client: false });
    let clients = clients.chain(plan.applications.iter().map(|application| application.node));
    servers.chain(clients.map(|id| Member { id, client: true })).collect()
}
