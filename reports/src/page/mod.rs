//! The story of a run as one page: a file that needs no network, made from a recorded run.
//!
//! What can be said in words stands in the page's HTML, so that it is read without the script, too: the verdict, what
//! is legal, the faults. What is drawn is data beside it, as columns in JSON, and `core.js` (pure functions),
//! `diagram.js` (canvases), `state.js`, `list.js` and `page.js` show what is in view. Two pages of one run are the
//! same bytes.
//!
//! | where | what lives there |
//! |---|---|
//! | `columns`, `texts` | numbers as differences; texts as templates and numbers |
//! | `events` | rows of the trace: facts, and messages as pairs of a send and a receipt |
//! | `states` | replicas, partitions, voters and processes over time |
//! | `operations`, `faults` | what clients did, and what was done to the cluster |
//! | `nodes`, `threads` | who is who, and records' lives |
//! | `focus` | the moment of a finding |
//! | `commands`, `meanings` | what to run next; the page's words explained |
//! | `document` | HTML from a template, JSON that no name can break out of |
//! | `index` | the page of a sweep |

mod columns;
mod commands;
mod document;
mod events;
mod faults;
mod focus;
mod index;
mod meanings;
mod nodes;
mod operations;
mod states;
mod texts;
mod threads;

use std::io::{self, Write};

use harrow_sim::plan::Plan;
use harrow_sim::run::Run;
use serde::Serialize;

pub use index::write_index;

use crate::report::Report;
use columns::micros;
use commands::Command;
use events::Events;
use faults::FaultBand;
use focus::Focus;
use meanings::Meaning;
use nodes::{Node, Nodes};
use operations::Operations;
use states::States;
use texts::Texts;
use threads::Thread;

/// Version of the page's data.
const PAGE_SCHEMA: u32 = 1;

/// What a page is made from.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// What was run.
    pub plan: &'a Plan,
    /// The run, with its trace and timeline.
    pub run: &'a Run,
    /// Its report, with the lives of its records.
    pub report: &'a Report,
}

/// What the script draws.
#[derive(Debug, Serialize)]
struct Data {
    schema: u32,
    title: String,
    outcome: &'static str,
    end: u64,
    heal: u64,
    nodes: Vec<Node>,
    texts: Vec<String>,
    #[serde(flatten)]
    events: Events,
    #[serde(flatten)]
    states: States,
    operations: Operations,
    faults: Vec<FaultBand>,
    findings: Vec<Focus>,
    threads: Vec<Thread>,
}

/// What the template shows.
#[derive(Debug, Serialize)]
struct Page<'a> {
    title: String,
    report: &'a Report,
    commands: Vec<Command>,
    meanings: Vec<Meaning>,
    faults: &'a [FaultBand],
    threads: &'a [Thread],
}

/// Writes the page of a run.
pub fn write_page(story: Story<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let report = story.report.timeless();
    let data = data(story);
    let page = Page {
        title: data.title.clone(),
        report: &report,
        commands: commands::of(&report),
        meanings: meanings::of(&report, story.run),
        faults: &data.faults,
        threads: &data.threads,
    };
    document::write("report.html", &page, &serde_json::to_string(&data)?, writer)
}

fn data(Story { plan, run, report }: Story<'_>) -> Data {
    let nodes = Nodes::of(plan);
    let mut texts = Texts::default();
    let events = Events::of(run, &nodes, &mut texts);
    let operations = Operations::of(&run.history, &mut texts);
    let states = States::of(run, &nodes);
    let last = run.trace.as_deref().and_then(<[_]>::last).map_or(0, |row| micros(row.at_ns));
    let at = &report.coordinate;
    Data {
        schema: PAGE_SCHEMA,
        title: format!("{}: {} --seed {}", report.outcome.name(), at.scenario, at.seed),
        outcome: report.outcome.name(),
        end: last.max(run.stats.simulated_ms * 1_000),
        heal: plan.heal_at_ms * 1_000,
        faults: faults::of(plan, run),
        findings: report.findings.iter().map(|finding| focus::of(finding, run)).collect(),
        threads: threads::of(report),
        nodes: nodes.list,
        texts: texts.list,
        events,
        states,
        operations,
    }
}
