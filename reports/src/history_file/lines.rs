//! Bytes into lines: UTF-8, ended by a line feed alone, of bounded length.

use std::io::{BufRead, Read};

use super::problem::HistoryError;

/// The longest line: a poll of some two million records.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;

/// The lines of a file, one at a time in one buffer.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Of the line in the buffer, from 1.
    number: u64,
}

/// A line of text.
pub(super) struct TextLine<'a> {
    pub(super) number: u64,
    pub(super) text: &'a str,
    /// Whether the file ends here, without a line feed.
    pub(super) unended: bool,
    /// Whether the file ends here, within a character, which `text` leaves out.
    pub(super) torn: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0 }
    }

    /// How many lines were given.
    pub(super) fn count(&self) -> u64 {
        self.number
    }

    /// The next line, or none at the end of the file.
    pub(super) fn next_line(&mut self) -> Result<Option<TextLine<'_>>, HistoryError> {
        self.buffer.clear();
        let line = self.number + 1;
        let most = LINE_BYTES_MAX as u64 + 1;
        let mut bounded = self.reader.by_ref().take(most);
        let read = bounded.read_until(b'\n', &mut self.buffer);
        let bytes = read.map_err(|source| HistoryError::Read { line, source })?;
        if bytes == 0 {
            return Ok(None);
        }
        self.number = line;
        let unended = self.buffer.last() != Some(&b'\n');
        if unended && bytes as u64 == most {
            let problem = format!("the line is longer than {LINE_BYTES_MAX} bytes");
            return Err(HistoryError::syntax(line, LINE_BYTES_MAX, problem));
        }
        let whole = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        if line == 1 {
            refuse_foreign_bytes(whole)?;
        }
        if whole.last() == Some(&b'\r') {
            let problem = "the line ends in CR LF; lines end in LF alone";
            return Err(HistoryError::syntax(line, whole.len(), problem));
        }
        let (text, torn) = match std::str::from_utf8(whole) {
            Ok(text) => (text, false),
            // The file ends within a character: the line is cut off, which its reader sees.
            Err(error) if unended && error.error_len().is_none() => {
                let valid = std::str::from_utf8(&whole[..error.valid_up_to()]);
                (valid.expect("so much of it is valid"), true)
            }
            Err(error) => {
                let column = error.valid_up_to() + 1;
                return Err(HistoryError::syntax(line, column, "this is not UTF-8"));
            }
        };
        Ok(Some(TextLine { number: line, text, unended, torn }))
    }
}

/// Files that are no text, or another text than UTF-8, by their first bytes.
fn refuse_foreign_bytes(first: &[u8]) -> Result<(), HistoryError> {
    let kinds: [(&[u8], &str); 6] = [
        (b"\x1f\x8b", "this is gzip; unpack it first: gunzip -c FILE | harrow check -"),
        (b"\x28\xb5\x2f\xfd", "this is Zstandard; unpack it first: zstd -dc FILE | harrow check -"),
        (b"PK\x03\x04", "this is a ZIP archive; unpack it and give the history in it"),
        (b"\xef\xbb\xbf", "there is a byte order mark; write UTF-8 without one"),
        (b"\xff\xfe", "this is UTF-16; write UTF-8"),
        (b"\xfe\xff", "this is UTF-16; write UTF-8"),
    ];
    let found = kinds.iter().find(|(magic, _)| first.starts_with(magic));
    found.map_or(Ok(()), |(_, problem)| Err(HistoryError::syntax(1, 1, *problem)))
}

/// What to say of a file in the first version of the format.
pub(super) const VERSION_ONE: &str = "this is version 1 of the format; begin with \
     {\"harrow_history\":2} and end with a line such as {\"end\":{\"lines\":17,\"final_reads\":true}}";

/// What a first line is that is no header, as far as it can be told, and what would be right.
pub(super) fn foreign_text(first: &str) -> Option<&'static str> {
    let start = first.trim_start();
    // A tagged literal such as `#jepsen.history.Op{`; other lines with this sign are headings and comments.
    let tagged = start.strip_prefix('#').is_some_and(|rest| {
        rest.starts_with('{') || (rest.contains('{') && rest.starts_with(char::is_alphabetic))
    });
    if start.starts_with("{:") || tagged {
        Some(
            "this looks like EDN, as Jepsen writes it, which is not read here; HISTORY.md shows how to convert \
             it",
        )
    } else if start.starts_with("[{:") || start.starts_with("[#") {
        Some(
            "this looks like EDN in one vector, which is not read here; HISTORY.md shows how to convert it",
        )
    } else if start.starts_with('[') {
        Some(
            "this is a JSON array; write one object a line, without brackets and commas around them, after a \
             first line {\"harrow_history\":2}",
        )
    } else if start.starts_with("{\"harrow_history\":1,") {
        Some(VERSION_ONE)
    } else if start.starts_with("{\"schema\"") || start == "{" {
        Some(
            "this is a JSON object over several lines, or a plan or report; give the history.jsonl beside it",
        )
    } else if start.is_empty() {
        Some("the first line is empty; a history begins with {\"harrow_history\":2}")
    } else if !start.starts_with('{') {
        Some("this is not JSON; a history begins with {\"harrow_history\":2}")
    } else {
        None
    }
}
