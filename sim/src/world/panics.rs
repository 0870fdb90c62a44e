//! Turns a panic into data: its message with the place, without the default report on stderr.
//!
//! The process has one panic hook. Ours is put in front of the one that is there, once, and steps aside for every
//! thread that does not catch.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The message of the panic that is being caught on this thread; `None` if this thread does not catch.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Calls it; a panic gives its message with file and line.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(install);
    let outer = CAUGHT.replace(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(call));
    let message = CAUGHT.replace(outer).unwrap_or_default();
    result.map_err(|_| message)
}

fn install() {
    let before = take_hook();
    set_hook(Box::new(move |info| {
        let caught = CAUGHT.with_borrow_mut(|message| {
            message.as_mut().map(|message| *message = text(info)).is_some()
        });
        if !caught {
            before(info);
        }
    }));
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{payload} at {}:{}:{}", place.file(), place.line(), place.column()),
        None => payload.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_message_with_the_place() {
        assert_eq!(catch(|| 3), Ok(3), "no panic");
        let line = line!() + 1;
        let message = catch(|| panic!("offset {} is not {}", 3, 4)).expect_err("a panic");
        assert!(message.starts_with("offset 3 is not 4 at "), "{message}");
        assert!(message.contains(&format!("panics.rs:{line}:")), "{message} names line {line}");
    }
}
