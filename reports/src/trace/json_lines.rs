//! `trace.jsonl`: a header, then one event a line.

use std::io::{self, BufRead, Write};

use serde::Deserialize;

use super::event::{TRACE_SCHEMA, TraceEvent, TraceHeader};
use super::older::Older;

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

/// Reads a trace. One that ends in the middle of a line is read up to there, if its header tells that more was to come.
///
/// # Errors
/// The first line that is wrong.
pub fn read_trace(mut input: impl BufRead) -> Result<(TraceHeader, Vec<TraceEvent>), TraceProblem> {
    let Some(first) = line(&mut input, 1)? else {
        return Err(TraceProblem { line: 1, why: "there is nothing in it".to_owned() });
    };
    let header = header(&first)?;
    let older = Older::new();
    let mut events: Vec<TraceEvent> = Vec::new();
    let told = |events: &[TraceEvent]| header.events.is_some_and(|all| all > events.len() as u64);
    for number in 2.. {
        let Some(text) = line(&mut input, number)? else { break };
        let mut event: TraceEvent = match serde_json::from_slice(&text) {
            Ok(event) => event,
            Err(_) if !text.ends_with(b"\n") && told(&events) => break,
            Err(error) => return Err(problem(number, &error)),
        };
        let follows =
            events.last().is_none_or(|last| last.row < event.row && last.at_ns <= event.at_ns);
        if !follows {
            let why = "it comes before the line above it".to_owned();
            return Err(TraceProblem { line: number, why });
        }
        older.mend(&mut event);
        events.push(event);
    }
    if header.events.is_some_and(|told| told < events.len() as u64) {
        let why = format!("it says that {} events follow", header.events.unwrap_or_default());
        return Err(TraceProblem { line: 1, why });
    }
    Ok((header, events))
}

/// The next line with its end, if there is one.
fn line(input: &mut impl BufRead, number: usize) -> Result<Option<Vec<u8>>, TraceProblem> {
    let mut text = Vec::new();
    let read = input.read_until(b'\n', &mut text).map_err(|error| problem(number, &error))?;
    Ok((read > 0).then_some(text))
}

fn header(text: &[u8]) -> Result<TraceHeader, TraceProblem> {
    let Versioned { schema, kind } =
        serde_json::from_slice(text).map_err(|error| problem(1, &error))?;
    if kind != "trace" {
        return Err(TraceProblem { line: 1, why: format!("it is a `{kind}`, not a trace") });
    }
    if schema != TRACE_SCHEMA {
        let why = format!("it has schema {schema}, this harrow reads {TRACE_SCHEMA}");
        return Err(TraceProblem { line: 1, why });
    }
    serde_json::from_slice(text).map_err(|error| problem(1, &error))
}

fn problem(line: usize, error: &dyn std::fmt::Display) -> TraceProblem {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said).to_owned();
    TraceProblem { line, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_of_an_older_trace_is_as_those_of_today() {
        let header = json!({
            "schema": TRACE_SCHEMA, "kind": "trace", "scenario": "s", "seed": 1, "commit": "c", "digest": "d",
            "nodes": []
        });
        let event = |row: u64, reason: serde_json::Value| {
            let fields = json!({ "from": 0, "to": 5, "reason": reason });
            json!({
                "row": row, "event": row, "at_ns": row, "family": "log", "kind": "records-deleted",
                "fields": fields, "text": ""
            })
        };
        let now = json!({ "kind": "size", "limit_bytes": 1, "left_bytes": 2 });
        let then = json!({ "size": { "limit_bytes": 1, "left_bytes": 2 } });
        let lines = [header, event(0, then), event(1, now.clone()), event(2, json!("leader"))];
        let text = lines.map(|line| line.to_string()).join("\n");
        let (_, events) = read_trace(text.as_bytes()).expect("it is a trace");
        let reasons: Vec<&serde_json::Value> =
            events.iter().map(|event| &event.fields["reason"]).collect();
        assert_eq!(reasons, [&now, &now, &json!("leader")]);
    }
}
