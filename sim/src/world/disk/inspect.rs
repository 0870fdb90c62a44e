//! What is in a page cache and on durable storage, for somebody who looks.

use harrow_broker_model::disk_image::FileId;

use super::{Change, Disk, Entry};
use crate::inspect::FileState;

impl Disk {
    /// All files, by the names that are given to them.
    pub(crate) fn states(&self, name: impl Fn(FileId) -> String) -> Vec<FileState> {
        let state = |(id, file): (&FileId, &super::File)| FileState {
            file: name(*id),
            cached: file.length,
            durable: file.durable.as_ref().map(|content| content.length),
            unsynced: file.journal.iter().map(change_text).collect(),
        };
        self.files.iter().map(state).collect()
    }
}

fn change_text(entry: &Entry) -> String {
    let what = match &entry.change {
        Change::Append(bytes) => format!("{} bytes appended", bytes.len()),
        Change::Truncate(length) => format!("cut to {length} bytes"),
        Change::Write(bytes) => format!("{} bytes written in place", bytes.len()),
        Change::Delete => "deleted".to_owned(),
    };
    let at_us = entry.at_ns / 1_000;
    format!("{what} at {}.{:06}s", at_us / 1_000_000, at_us % 1_000_000)
}
