//! Promise: transactions have an order. Sources: Adya's G0 and G1c; Elle (Kingsbury, Alvaro 2020), with its session and
//! realtime variants; Jepsen's Kafka checker.
//!
//! Edges: `ww` between writers of neighbouring records, `wr` from a writer to who reads it; the variants add the order
//! of
//! operations of one process, or in time. Kafka isolates no writes, so circles through `ww` are legal; a circle of
//! reads
//! alone, or of reads and time, never is. An offset that contradicts time by itself is `realtime-order`, a record read
//! before it was sent a circle of two: neither is told again as part of a larger one. Operations that no edge can
//! reach, or that touch one record only, cannot be part of any other circle and cost nothing.
//! Not verified: anti-dependencies (`rw`), since a poll may legally be behind; more than one circle in a tangle.

mod components;
mod graph;
mod search;

use harrow_sim::history::NEVER;

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::Index;
use super::occurrence::{Dependency, Observation, Occurrence, OccurrenceContext, Step, shown_at};
use graph::{Edges, Graph, Order};

/// What each pass looks for. Later passes with an order leave out what an earlier pass has told.
const PASSES: [(Anomaly, Edges); 9] = [
    (Anomaly::G1c, Edges { ww: false, wr: true, order: None }),
    (Anomaly::G0, Edges { ww: true, wr: false, order: None }),
    (Anomaly::G1cWw, Edges { ww: true, wr: true, order: None }),
    (Anomaly::G1cProcess, Edges { ww: false, wr: true, order: Some(Order::Process) }),
    (Anomaly::G1cRealtime, Edges { ww: false, wr: true, order: Some(Order::Realtime) }),
    (Anomaly::G0Process, Edges { ww: true, wr: false, order: Some(Order::Process) }),
    (Anomaly::G0Realtime, Edges { ww: true, wr: false, order: Some(Order::Realtime) }),
    (Anomaly::G1cWwProcess, Edges { ww: true, wr: true, order: Some(Order::Process) }),
    (Anomaly::G1cWwRealtime, Edges { ww: true, wr: true, order: Some(Order::Realtime) }),
];

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    check_future_reads(index, found);
    let tangled = |operation: u32| {
        let sends = index.history.sends_of(operation).len();
        sends > 1 || sends > 0 && !index.history.reads_of(operation).is_empty()
    };
    if !(0..index.history.len() as u32).any(tangled) {
        return;
    }
    let mut graph = Graph::new(index);
    // The order of a process is part of the order in time, so whatever is in no circle here is in none at all.
    graph.choose(Edges { ww: true, wr: true, order: Some(Order::Realtime) });
    let all = components::components(&graph);
    if all.is_empty() {
        return;
    }
    graph.keep(all.iter().flat_map(|component| component.nodes.iter().copied()));
    graph.choose(Edges { ww: true, wr: true, order: None });
    for (anomaly, edges) in PASSES {
        if !found.rules.has(anomaly) {
            continue;
        }
        graph.choose(edges);
        for component in components::components(&graph) {
            let both = anomaly == Anomaly::G1cWw;
            let steps_max = index.options.cycle_steps_max;
            if let Some(cycle) = search::cycle(&graph, &component, both, steps_max) {
                component.nodes.iter().for_each(|node| graph.mark_reported(*node));
                add(index, found, anomaly, cycle);
            }
        }
    }
}

/// Records that were read before they were sent.
fn check_future_reads(index: &Index<'_>, found: &mut Found) {
    for operation in 0..index.history.len() as u32 {
        let reader = index.row(operation);
        for read in index.reads_of(operation) {
            let Some(writer) = index.writer(read) else { continue };
            let sender = index.operation_of_send(writer);
            if reader.completed_ns == NEVER || reader.completed_ns >= index.row(sender).invoked_ns {
                continue;
            }
            let record = index.read(read);
            let (partition, offset) = (record.partition, record.offset);
            let same = index.row(sender).process == reader.process;
            let (anomaly, dependency) = if same {
                (Anomaly::G1cProcess, Dependency::Process)
            } else {
                (Anomaly::G1cRealtime, Dependency::Realtime)
            };
            let reads = Dependency::Reads { partition, offset };
            let cycle = vec![
                Step { from: sender, to: operation, dependency: reads },
                Step { from: operation, to: sender, dependency },
            ];
            if found.rules.has(anomaly) {
                add(index, found, anomaly, cycle);
            }
        }
    }
}

fn add(index: &Index<'_>, found: &mut Found, anomaly: Anomaly, cycle: Vec<Step>) {
    let place = |step: &Step| match step.dependency {
        Dependency::Overwrites { partition, offset } | Dependency::Reads { partition, offset } => {
            Some((*step, partition, offset))
        }
        Dependency::Process | Dependency::Realtime => None,
    };
    let Some((step, partition, offset)) = cycle.iter().find_map(place) else { return };
    let observation = |operation: u32, offset: i64| Observation {
        value: 0,
        offset,
        operation,
        writer: Some(operation),
        read: true,
    };
    let times = || cycle.iter().map(|step| step.to);
    found.list.push(Occurrence {
        anomaly,
        partition,
        at_ns: times().map(|operation| shown_at(index.history, operation)).max().unwrap_or(0),
        since_ns: times().map(|operation| index.row(operation).invoked_ns).min().unwrap_or(0),
        subject: observation(step.to, offset),
        other: Some(observation(step.from, offset)),
        context: OccurrenceContext::Plain,
        passed: None,
        cycle,
    });
}
