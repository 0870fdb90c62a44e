//! Logs on stderr: `-v`, or `RUST_LOG`. One line for each fact: simulated time, node, what happened.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging, if anybody asked for it. A filter in `RUST_LOG` that cannot be read is told and left out.
pub(super) fn start(verbose: u8) {
    let default = match verbose {
        0 => "off",
        1 => "harrow_sim=info",
        2 => "harrow_sim=debug",
        3.. => "harrow_sim=trace",
    };
    let filter = match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.trim().is_empty() => EnvFilter::try_new(&wanted)
            .map_err(|error| anstream::eprintln!("RUST_LOG is left out: {error}"))
            .ok(),
        Ok(_) | Err(_) => None,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(default)))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(Plain)
        .init();
}

/// Simulated time, node and message in columns: wall time says nothing about a run.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let (seconds, micros) = (line.at_ns / 1_000_000_000, line.at_ns / 1_000 % 1_000_000);
        let node = line.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
        writeln!(writer, "{seconds:>4}.{micros:06}s {node:>5}  {}", line.message)
    }
}

/// The fields of an event of a run.
#[derive(Default)]
struct Line {
    at_ns: u64,
    node: Option<i64>,
    message: String,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "at_ns" {
            self.at_ns = value;
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "node" {
            self.node = Some(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
