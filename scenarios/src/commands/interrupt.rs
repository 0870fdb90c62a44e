//! Ctrl-C: the first ends what is going on with what was found so far, the second ends the process.

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
