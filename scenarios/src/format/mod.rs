//! Scenario files: TOML, read into a [`Scenario`], with every mistake told by file, line, text and what would be right.
//!
//! | section | what it says |
//! |---|---|
//! | `name`, `proves` | what it is called, and what a run that holds has shown |
//! | `[cluster]` | `brokers`, `controllers`, and settings by Kafka's names |
//! | `[[topic]]` | `name`, `count`, `partitions`, `replication_factor`, `min.insync.replicas`, ... |
//! | `[[load]]` | `kind` = `producer` or `consumer`, `count`, `topics`, and settings |
//! | `[[fault]]` | `kind`, `at_ms`, `count`, `chance`, `target`, and the kind's own fields; or `after` and `delay_ms` |
//! | `[network]`, `[disk]` | settings of all links and disks |
//! | `[[clock]]` | `nodes`, `chance`, `offset_ms`, `drift_ppm` |
//! | `[heal]` | `at_ms`, `converge_within_ms`; `core`: whether only a core is healed; `outside`: what the rest does |
//! | `[swarm]` | `fault_tables`, `steps_min`: each seed has a subset of the fault tables |
//! | `[expect]` | `loss_allowed`, `reach`; `reach_share`: in how many of a sweep's runs, such as `"1/2"` |
//!
//! A number may be a range `"100..500"` (both ends belong to it) or a list of either; a word or target may be a list.
//! The seed then chooses.

mod asked;
mod cluster;
mod excerpt;
mod faults;
mod json_place;
mod limits;
mod loads;
mod misfit;
mod place;
mod plan;
mod plan_fields;
mod problem;
mod promises;
mod promises_text;
mod reading;
mod reference;
mod scenario;
mod scenario_text;
mod section;
mod settings;
mod suits;
mod together;
mod tree;
mod value;

use harrow_sim::plan::OutsideState;
use harrow_sim::reach;

use crate::planner::defaults;

pub use excerpt::{NamedExcerpt, excerpt};
pub use faults::fault_kinds;
pub use misfit::misfit;
pub use plan::check_plan;
pub(crate) use plan::unknown_version;
pub use problem::{Mistake, ScenarioError, meant_by, nearest};
pub use promises::parse_promises;
pub use promises_text::print_promises;
pub use reference::{KeyReference, TableReference, tables};
pub use scenario::{
    ClockNodes, ClockScenario, ClusterScenario, CutScenario, ExpectScenario, FaultAction,
    FaultScenario, HealScenario, LoadKind, LoadScenario, MemberScenario, PipelineScenario,
    ReplicaRole, Scenario, SwarmScenario, TargetPattern, Targets, TopicScenario, When,
};
pub use scenario_text::print_scenario;
pub use settings::{Setting, Settings};
pub use value::{Chance, Choice, Numbers};

use limits::{Extremes, OFTEN_SLOW, RUN_MS};
use place::Place;
use problem::Sources;
pub(crate) use problem::name_help;
use reading::Reading;
use section::{Problems, Section};
use together::Together;
use tree::{Entry, Node, Table, Value};

/// Reads a scenario. `origin` is what messages call its text; `assignments` are `path=value`, laid over it in order.
pub fn parse(origin: &str, text: &str, assignments: &[String]) -> Result<Scenario, ScenarioError> {
    let mut sources = Sources::new(origin, text);
    let mut root =
        tree::parse(text).map_err(|problem| ScenarioError::new(vec![problem], &sources))?;
    for assignment in assignments {
        let laid = tree::set(&mut root, assignment, &mut sources);
        laid.map_err(|problem| ScenarioError::new(vec![problem], &sources))?;
    }
    let problems = Problems::default();
    let scenario = read(&root, &problems);
    let problems = problems.into_list();
    if problems.is_empty() { Ok(scenario) } else { Err(ScenarioError::new(problems, &sources)) }
}

fn read(root: &Table, problems: &Problems) -> Scenario {
    let document = Document { root, problems, kind: &SCENARIO };
    document.check_keys();
    let (name, proves) = document.head();
    let cluster = cluster::read(document.section("cluster"));
    let heal = heal(document.section("heal"));
    let mut reading = Reading {
        brokers_min: cluster.brokers.least(),
        brokers_max: cluster.brokers.greatest(),
        controllers_min: cluster.controllers.least(),
        kraft_version_min: cluster.settings.get("kraft.version").least(),
        heal_at_ms_min: heal.at_ms.least(),
        converge_ms_min: heal.converge_within_ms.least(),
        together: Together::of(&cluster.settings),
        ..Reading::default()
    };
    let topics: Vec<_> = document
        .sections("topic")
        .into_iter()
        .map(|section| cluster::topic(section, &mut reading))
        .collect();
    let loads: Vec<_> = document
        .sections("load")
        .into_iter()
        .map(|section| loads::read(section, &mut reading))
        .collect();
    let faults: Vec<_> = document
        .sections("fault")
        .into_iter()
        .map(|section| faults::read(section, &mut reading))
        .collect();
    let network = settings(document.section("network"), defaults::NETWORK);
    let disk = settings(document.section("disk"), defaults::DISK);
    let extremes = extremes(&cluster.settings, &network, &disk, &reading);
    let of_groups = reading.together.of_groups(&cluster);
    for contradiction in extremes.contradictions().into_iter().chain(of_groups) {
        let place = document.place_of(contradiction.at);
        problems.add(&place, contradiction.message, contradiction.help);
    }
    Scenario {
        name,
        proves,
        cluster,
        topics,
        loads,
        network,
        disk,
        clocks: document.sections("clock").into_iter().map(clock).collect(),
        heal,
        swarm: document.swarm(faults.len()),
        faults,
        expect: expect(document.section("expect")),
    }
}

/// What a seed may draw at the worst.
fn extremes(
    cluster: &Settings,
    network: &Settings,
    disk: &Settings,
    reading: &Reading,
) -> Extremes {
    let one_in = limits::least_bounded(network.get("slow_one_in").ranges());
    let often = one_in.is_some_and(|least| least < OFTEN_SLOW);
    let usual = |settings: &Settings, name| limits::usual_of(settings.get(name).ranges());
    let slow_us = if often { usual(network, "slow_extra_us") } else { 0 };
    let least = |name| network.get(name).least();
    let voters = reading.controllers_min - cluster.get("observer_controllers").greatest();
    Extremes {
        latency_us: usual(network, "latency_us") + slow_us,
        client_latency_us: usual(network, "client_latency_us") + slow_us,
        round_trip_us: 2 * least("client_latency_us"),
        request_ms: reading.request_ms_min,
        setup_us: 2 * least("latency_us").max(least("client_latency_us")),
        connect_ms: least("connect_timeout_ms"),
        commit_us: limits::commit_us(least("latency_us"), voters),
        node_request_ms: cluster.get("request.timeout.ms").least(),
        slow_us: one_in.map_or(0, |_| network.get("slow_extra_us").greatest()),
        sync_us: usual(disk, "sync_us"),
        election_ms: cluster.get("controller.quorum.election.timeout.ms").least(),
        heartbeat_ms: cluster.get("broker.heartbeat.interval.ms").greatest(),
        session_ms: cluster.get("broker.session.timeout.ms").least(),
        bandwidth: limits::least_bounded(network.get("bandwidth_bytes_per_second").ranges()),
        capacity: limits::least_bounded(disk.get("capacity_bytes").ranges()),
        batch_bytes: reading.batch_bytes_max,
        sent_bytes: reading.sent_bytes_max,
        partitions: reading.partitions_max,
        replicas: reading.replicas_max,
    }
}

/// The whole document.
struct Document<'a> {
    root: &'a Table,
    problems: &'a Problems,
    kind: &'static Kind,
}

/// What may stand at the top of a document.
struct Kind {
    /// As in "a scenario has no ...".
    title: &'static str,
    /// Keys of no section.
    plain: &'static [&'static str],
    /// Sections that stand once.
    single: &'static [&'static str],
    /// Sections that may stand several times.
    several: &'static [&'static str],
}

/// The first place of the document.
fn start() -> Place {
    Place { source: 0, bytes: 0..0 }
}

const SCENARIO: Kind = Kind {
    title: "a scenario",
    plain: &["name", "proves"],
    single: &["cluster", "network", "disk", "heal", "swarm", "expect"],
    several: &["topic", "load", "fault", "clock"],
};
static EMPTY: Table = Table { entries: Vec::new() };

impl<'a> Document<'a> {
    fn check_keys(&self) {
        let Kind { title, plain, single, several } = self.kind;
        let known = [*plain, *single, *several].concat();
        for Entry { key, key_place, node } in &self.root.entries {
            if !known.contains(&key.as_str()) {
                self.problems.add(
                    key_place,
                    format!("{title} has no `{key}`"),
                    name_help(key, &known),
                );
            } else if single.contains(&key.as_str()) && !matches!(node.value, Value::Table(_)) {
                let message = format!("`{key}` is {}, not a table", node.value.kind());
                self.problems.add(&node.place, message, format!("write it once, as [{key}]"));
            }
        }
    }

    fn head(&self) -> (String, String) {
        let entries =
            self.root.entries.iter().filter(|entry| entry.key == "name" || entry.key == "proves");
        let head = Table { entries: entries.cloned().collect() };
        let section = Section::new("a scenario", &head, start(), self.problems);
        let name = section.text("name", "\"leader-crash\"");
        let proves = section.text("proves", "\"No acknowledged record is lost when ...\"");
        if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            let help = "use small letters, digits and `-`";
            section.problem(&section.place_of("name"), format!("`{name}` is not a name"), help);
        }
        (name, proves)
    }

    fn section(&self, key: &str) -> Section<'a> {
        let title = format!("[{key}]");
        match self.root.get(key) {
            Some(Entry { node: Node { value: Value::Table(table), .. }, key_place, .. }) => {
                Section::new(&title, table, key_place.clone(), self.problems)
            }
            Some(_) | None => Section::new(&title, &EMPTY, start(), self.problems),
        }
    }

    /// Where a value stands that is not in order; the start if the scenario does not give it.
    fn place_of(&self, (section, key): (&str, &str)) -> Place {
        let last = self.root.get(section).and_then(|entry| match &entry.node.value {
            Value::List(elements) => elements.last(),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Flag(_)
            | Value::Table(_)
            | Value::Foreign(_) => Some(&entry.node),
        });
        match last.map(|node| (&node.value, node.place.clone())) {
            Some((Value::Table(table), place)) => {
                Section::new(section, table, place, self.problems).place_of(key)
            }
            Some(_) | None => start(),
        }
    }

    fn sections(&self, key: &str) -> Vec<Section<'a>> {
        let Some(entry) = self.root.get(key) else { return Vec::new() };
        let Value::List(elements) = &entry.node.value else {
            let message = format!("`{key}` is {}, not a list of tables", entry.node.value.kind());
            self.problems.add(&entry.key_place, message, format!("write each as [[{key}]]"));
            return Vec::new();
        };
        elements.iter().filter_map(|element| self.element(key, element)).collect()
    }

    fn element(&self, key: &str, element: &'a Node) -> Option<Section<'a>> {
        if let Value::Table(table) = &element.value {
            return Some(Section::new(
                &format!("[[{key}]]"),
                table,
                element.place.clone(),
                self.problems,
            ));
        }
        let message = format!("`{key}` has {} in it, not a table", element.value.kind());
        self.problems.add(&element.place, message, format!("write each as [[{key}]]"));
        None
    }

    fn swarm(&self, fault_tables: usize) -> Option<SwarmScenario> {
        self.root.get("swarm")?;
        let section = self.section("swarm");
        let most = i64::try_from(fault_tables).unwrap_or(i64::MAX).max(1);
        let swarm = SwarmScenario {
            fault_tables: section.numbers("fault_tables", (0, most), "\"2..5\""),
            steps_min: section.numbers_or("steps_min", (0, 10_000), (0, 0)),
        };
        section.finish();
        Some(swarm)
    }
}

fn settings(section: Section<'_>, table: &'static [Setting]) -> Settings {
    let settings = section.settings(table);
    section.finish();
    settings
}

/// What becomes of nodes outside the core, by name.
const OUTSIDE_STATES: [(&str, OutsideState); 2] =
    [("dead", OutsideState::Dead), ("cut-from-brokers", OutsideState::CutFromBrokers)];

fn heal(section: Section<'_>) -> HealScenario {
    let bounds = (1, 3_600_000);
    let heal = HealScenario {
        at_ms: section.numbers_or("at_ms", (1, RUN_MS), defaults::HEAL_AT_MS),
        converge_within_ms: section.numbers_or(
            "converge_within_ms",
            bounds,
            defaults::CONVERGE_WITHIN_MS,
        ),
        core: section.flags("core", false),
        outside: section.choice("outside", &OUTSIDE_STATES, OutsideState::Dead),
    };
    section.finish();
    heal
}

fn clock(section: Section<'_>) -> ClockScenario {
    let nodes = [
        ("brokers", ClockNodes::Brokers),
        ("controllers", ClockNodes::Controllers),
        ("clients", ClockNodes::Clients),
    ];
    let clock = ClockScenario {
        nodes: section.kind("nodes", &nodes),
        chance: section.chance(),
        offset_ms: section.numbers_or("offset_ms", (-86_400_000, 86_400_000), (0, 0)),
        drift_ppm: section.numbers_or("drift_ppm", (-500_000, 500_000), (0, 0)),
    };
    section.finish();
    clock
}

fn expect(section: Section<'_>) -> ExpectScenario {
    let marks = section.texts("reach", "[\"leader-elected\"]");
    for (mark, place) in &marks {
        if !reach::is_known(mark) {
            section.problem(
                place,
                format!("`{mark}` is not a reach mark"),
                name_help(mark, reach::ALL),
            );
        }
    }
    let reach = marks.into_iter().map(|(mark, _)| mark).collect();
    let expect = ExpectScenario {
        loss_allowed: section.flag("loss_allowed", false),
        reach,
        reach_share: section.ratio("reach_share", "share", 1),
    };
    section.finish();
    expect
}
