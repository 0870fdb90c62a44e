//! Where something stands in what was read.

use std::ops::Range;

/// A place in one of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which source.
    pub(crate) source: usize,
    /// Which bytes.
    pub(crate) bytes: Range<usize>,
}

impl Place {
    /// Whether it is in a `--set` of the command line, not in the file.
    pub(crate) fn is_assignment(&self) -> bool {
        self.source > 0
    }
}
