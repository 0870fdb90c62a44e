//! Logs on stderr: `-v`, or `RUST_LOG`. One line for each fact: simulated time, node, what happened.

use std::fmt;

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

/// The message alone: wall time says nothing about a run, whose lines carry simulated time and node.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
