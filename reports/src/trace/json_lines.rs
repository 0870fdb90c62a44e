//! `trace.jsonl`: a header, then one event a line.

use std::io::{self, BufRead, Write};

use serde::Deserialize;

use super::event::{TRACE_SCHEMA, TraceEvent, TraceHeader};

/// Writes a trace.
pub fn write_trace(
    header: &TraceHeader,
    events: impl IntoIterator<Item = impl std::borrow::Borrow<TraceEvent>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer(&mut *out, header)?;
    out.write_all(b"\n")?;
    for event in events {
        serde_json::to_writer(&mut *out, event.borrow())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct TraceProblem {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// What every first line has, of whatever version.
#[derive(Deserialize)]
struct Versioned {
    schema: u32,
    kind: String,
}

/// Reads a trace.
///
/// # Errors
/// The first line that is wrong.
pub fn read_trace(input: impl BufRead) -> Result<(TraceHeader, Vec<TraceEvent>), TraceProblem> {
    let mut lines = input.lines().enumerate().map(|(index, line)| {
        let number = index + 1;
        line.map(|line| (number, line)).map_err(|error| problem(number, &error))
    });
    let Some(first) = lines.next() else {
        return Err(TraceProblem { line: 1, why: "there is nothing in it".to_owned() });
    };
    let header = header(&first?.1)?;
    let mut events: Vec<TraceEvent> = Vec::new();
    for line in lines {
        let (number, text) = line?;
        let event: TraceEvent =
            serde_json::from_str(&text).map_err(|error| problem(number, &error))?;
        let follows =
            events.last().is_none_or(|last| last.row < event.row && last.at_ns <= event.at_ns);
        if !follows {
            let why = "it comes before the line above it".to_owned();
            return Err(TraceProblem { line: number, why });
        }
        events.push(event);
    }
    if header.events.is_some_and(|told| told < events.len() as u64) {
        let why = format!("it says that {} events follow", header.events.unwrap_or_default());
        return Err(TraceProblem { line: 1, why });
    }
    Ok((header, events))
}

fn header(text: &str) -> Result<TraceHeader, TraceProblem> {
    let Versioned { schema, kind } =
        serde_json::from_str(text).map_err(|error| problem(1, &error))?;
    if kind != "trace" {
        return Err(TraceProblem { line: 1, why: format!("it is a `{kind}`, not a trace") });
    }
    if schema != TRACE_SCHEMA {
        let why = format!("it has schema {schema}, this harrow reads {TRACE_SCHEMA}");
        return Err(TraceProblem { line: 1, why });
    }
    serde_json::from_str(text).map_err(|error| problem(1, &error))
}

fn problem(line: usize, error: &dyn std::fmt::Display) -> TraceProblem {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said).to_owned();
    TraceProblem { line, why }
}
