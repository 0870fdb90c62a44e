//! The lives of records, whole, as threads through the diagram.

use serde::Serialize;

use super::columns::micros;
use crate::biography::life_of;
use crate::report::Report;
use crate::verdict::Record;
use harrow_sim::biography::{Moment, MomentKind};

/// One life.
#[derive(Debug, Serialize)]
pub(super) struct Thread {
    title: String,
    moments: Vec<Knot>,
}

/// One moment of it; the time is in microseconds.
#[derive(Debug, Serialize)]
struct Knot {
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<i32>,
    /// The client, if one did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    text: String,
}

pub(super) fn of(report: &Report) -> Vec<Thread> {
    let found = report.findings.iter().map(|finding| (finding.record.as_ref(), &finding.biography));
    let legal = report
        .excused
        .iter()
        .map(|excuse| (excuse.records.iter().find(|record| record.offset >= 0), &excuse.biography));
    let all = found.chain(legal).filter_map(|(record, moments)| thread(record?, moments));
    let mut threads: Vec<Thread> = all.collect();
    let titles: Vec<String> = threads.iter().map(|thread| thread.title.clone()).collect();
    let mut position = 0;
    threads.retain(|thread| {
        position += 1;
        !titles[..position - 1].contains(&thread.title)
    });
    threads
}

fn thread(record: &Record, moments: &[Moment]) -> Option<Thread> {
    if moments.is_empty() {
        return None;
    }
    let (title, lines) = life_of(record, moments);
    let knot = |(moment, text): (&Moment, String)| Knot {
        at: micros(moment.at_ns),
        node: moment.node.map(|node| node.0),
        process: process(&moment.kind),
        event: moment.event,
        text,
    };
    Some(Thread { title, moments: moments.iter().zip(lines).map(knot).collect() })
}

fn process(kind: &MomentKind) -> Option<u32> {
    match kind {
        MomentKind::SendInvoked { process, .. }
        | MomentKind::SendCompleted { process, .. }
        | MomentKind::Polled { process, .. } => Some(*process),
        MomentKind::Appended { .. }
        | MomentKind::PassedByHighWatermark { .. }
        | MomentKind::Committed { .. }
        | MomentKind::Acknowledged { .. }
        | MomentKind::WentDown { .. }
        | MomentKind::LogRecovered { .. }
        | MomentKind::Truncated { .. }
        | MomentKind::Cleaned { .. }
        | MomentKind::Elected { .. }
        | MomentKind::Lost { .. }
        | MomentKind::Served { .. } => None,
    }
}
