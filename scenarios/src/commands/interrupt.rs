//! Ctrl-C: the first ends what is going on with what was found so far, or with a word on what is not told; the second
//! ends the process.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::console::Failure;
use crate::exit::ExitCode;
use crate::whole_file::remove_unfinished;

/// What the next Ctrl-C does.
enum Answer {
    /// Ends the process, with a word on what is not told.
    End(&'static str),
    /// Raises a flag, and ends the process if that is up.
    Raise(Arc<AtomicBool>),
}

/// As it was set last; a process that has set none ends as by any signal.
static ANSWER: Mutex<Option<Answer>> = Mutex::new(None);

/// Whether something was violated: that is told however a process ends.
static VIOLATED: AtomicBool = AtomicBool::new(false);

/// Something is violated, whatever becomes of all else: a process that Ctrl-C ends says so by its exit code.
pub(super) fn saw_violation() {
    VIOLATED.store(true, Ordering::Relaxed);
}

/// A flag that the next Ctrl-C raises.
pub(super) fn on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let raised = Arc::new(AtomicBool::new(false));
    answer_with(Answer::Raise(Arc::clone(&raised)))?;
    Ok(raised)
}

/// Ends the process at the next Ctrl-C, with a word on what is not told: for work of which a part tells nothing.
pub(super) fn end_on_interrupt(untold: &'static str) -> Result<(), Failure> {
    answer_with(Answer::End(untold))
}

fn answer_with(answer: Answer) -> Result<(), Failure> {
    let before = ANSWER.lock().unwrap_or_else(PoisonError::into_inner).replace(answer);
    if before.is_some() {
        return Ok(());
    }
    ctrlc::set_handler(interrupted).map_err(|error| Failure::Harrow(error.to_string()))
}

fn interrupted() {
    match &*ANSWER.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(Answer::Raise(raised)) if !raised.swap(true, Ordering::Relaxed) => return,
        Some(Answer::Raise(_)) => {
            tell_interrupted("ended at the second Ctrl-C, before what was found could be told");
        }
        Some(Answer::End(untold)) => tell_interrupted(untold),
        None => {}
    }
    // Nobody begins another file before the process has ended.
    let _unfinished = remove_unfinished();
    let violated = VIOLATED.load(Ordering::Relaxed);
    let code = if violated { ExitCode::Violated } else { ExitCode::Interrupted };
    process::exit(i32::from(code.number()));
}

/// Says what is not told since it was interrupted.
pub(super) fn tell_interrupted(untold: &str) {
    // Nothing is left to do if even stderr is gone: the exit code still tells.
    let _ = writeln!(io::stderr(), "interrupted: {untold}");
}
