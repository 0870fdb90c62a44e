//! How times and values are written.

use harrow_sim::history::{History, ReadRecord};

/// True time as `12.345678s`.
pub(crate) fn seconds(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

/// A value as people know it.
pub(crate) fn value_name(history: &History, value: u64) -> String {
    if value == ReadRecord::GARBAGE {
        return "(unreadable bytes)".to_owned();
    }
    let named = usize::try_from(value).ok().and_then(|value| history.value_names.get(value));
    named.cloned().unwrap_or_else(|| value.to_string())
}
