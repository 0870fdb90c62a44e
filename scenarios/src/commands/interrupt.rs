//! Ctrl-C: the first ends what is going on with what was found so far, the second ends the process.

use std::io::{self, Write};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::console::Failure;
use crate::exit::ExitCode;

/// A flag that the first Ctrl-C raises. A process asks for it once.
pub(super) fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let raised = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&raised);
    let handler = move || {
        if seen.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(ExitCode::Interrupted.number()));
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Harrow(error.to_string()))?;
    Ok(raised)
}

/// Ends the process at the first Ctrl-C, with a word on what is not told: for work of which a part tells nothing.
pub(super) fn end_on_interrupt(untold: &'static str) -> Result<(), Failure> {
    let handler = move || {
        tell_interrupted(untold);
        process::exit(i32::from(ExitCode::Interrupted.number()));
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::Harrow(error.to_string()))
}

/// Says what is not told since it was interrupted.
pub(super) fn tell_interrupted(untold: &str) {
    // Nothing is left to do if even stderr is gone: the exit code still tells.
    let _ = writeln!(io::stderr(), "interrupted: {untold}");
}
