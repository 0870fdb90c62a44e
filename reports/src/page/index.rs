//! The page of a sweep: what failed and how often, what was reached, and where the stories are.

use std::io::{self, Write};

use serde::Serialize;

use super::document;

/// Writes the page of a sweep from its summary, which the template knows the fields of.
pub fn write_index(summary: &impl Serialize, writer: &mut dyn Write) -> io::Result<()> {
    document::write("index.html", summary, "{}", writer)
}
