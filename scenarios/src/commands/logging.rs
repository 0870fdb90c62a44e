//! Logs on stderr: `-v`, or `RUST_LOG`.

use tracing_subscriber::EnvFilter;

use super::Color;

/// Starts logging, if anybody asked for it.
pub(super) fn start(verbose: u8, color: Color) {
    let default = match verbose {
        0 => "off",
        1 => "info",
        2 => "debug",
        3.. => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let ansi = match color {
        Color::Auto => super::console::progress_is_seen() && std::env::var_os("NO_COLOR").is_none(),
        Color::Always => true,
        Color::Never => false,
    };
    // Wall time says nothing about a run, whose events carry simulated time.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .without_time()
        .init();
}
