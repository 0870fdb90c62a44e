//! Walks a request by its schema before it is decoded: every length and count is looked at against what is there.
//!
//! The decoder makes room for as many elements as an array says it has, and dies if it cannot. After the walk each
//! element is known to be there, so that room is in proportion to the frame.

use thiserror::Error;

/// A request may have so many elements in all its arrays: more than any client sends, and a bound on what decoding
/// takes.
const ELEMENTS_MAX: usize = 200_000;

/// Longest text, in bytes.
const TEXT_MAX: usize = i16::MAX as usize;

/// Stands for "every later version, too".
pub(super) const LAST: i16 = i16::MAX;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A string that may be null: two bytes of length, or a varint.
    Text,
    /// Bytes that may be null: four bytes of length, or a varint.
    Blob,
    /// An array of what the next, deeper row is.
    List,
    /// An array of structs of the deeper rows.
    Structs,
    /// A struct of the deeper rows.
    Struct,
    /// The same, or nothing: a byte says which.
    OptionalStruct,
}

/// One field of a schema; rows that follow and are deeper belong to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    tag: Option<u32>,
    depth: u8,
    since: i16,
    until: i16,
    kind: Kind,
}

/// A field of some versions.
pub(super) const fn field(depth: u8, since: i16, until: i16, kind: Kind) -> Row {
    Row { tag: None, depth, since, until, kind }
}

/// A field that is written only if it is set, with a tag in front.
pub(super) const fn tagged(tag: u32, depth: u8, since: i16, until: i16, kind: Kind) -> Row {
    Row { tag: Some(tag), depth, since, until, kind }
}

/// What a request looks like, in all versions.
#[derive(Debug)]
pub(super) struct Schema {
    /// First version with compact lengths and tags. Source: KIP-482.
    pub(super) flexible_from: i16,
    /// The fields, each before those that belong to it.
    pub(super) rows: &'static [Row],
}

/// Why a frame is not a request of its API and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// It ends too early, or a length or a count in it says so.
    #[error("it ends before what it announces")]
    Short,
    /// A varint is longer than its type, or a length negative.
    #[error("a length that is none")]
    Length,
    /// More elements than any request has.
    #[error("more than {ELEMENTS_MAX} elements")]
    Elements,
    /// A tagged field is not as long as its size says.
    #[error("a tagged field of another size")]
    TagSize,
}

/// How far a walk has come.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
}

impl<'a> Walk<'a> {
    /// A walk over a request's bytes.
    pub(super) fn new(bytes: &'a [u8], schema: &Schema, version: i16) -> Self {
        Self { rest: bytes, version, flexible: version >= schema.flexible_from, elements: 0 }
    }

    /// The header: key, version, correlation id, client id, tags. Source: Kafka's `RequestHeader`.
    pub(super) fn header(&mut self) -> Result<(), ShapeError> {
        self.skip(8)?;
        // The client id is never compact. Source: `RequestHeader.json`.
        let client_id = self.plain_length(2)?;
        self.skip(client_id.unwrap_or(0))?;
        if self.flexible { self.tags(&[]) } else { Ok(()) }
    }

    /// The fields of a struct, and its tags.
    pub(super) fn fields(&mut self, rows: &[Row]) -> Result<(), ShapeError> {
        for (row, inner) in children(rows) {
            if row.tag.is_none() && self.has(row) {
                self.value(row.kind, inner)?;
            }
        }
        if self.flexible { self.tags(rows) } else { Ok(()) }
    }

    fn has(&self, row: &Row) -> bool {
        (row.since..=row.until).contains(&self.version)
    }

    fn value(&mut self, kind: Kind, inner: &[Row]) -> Result<(), ShapeError> {
        match kind {
            Kind::Fixed(bytes) => self.skip(bytes),
            Kind::Text => self.skip_text(),
            Kind::Blob => self.skip_sized(4),
            Kind::Struct => self.fields(inner),
            Kind::OptionalStruct => {
                let is_there = self.rest.first() == Some(&1);
                self.skip(1)?;
                if is_there { self.fields(inner) } else { Ok(()) }
            }
            Kind::Structs => self.elements(|walk| walk.fields(inner)),
            Kind::List => {
                let element = inner.first().expect("a list says what it is of").kind;
                self.elements(|walk| walk.value(element, &[]))
            }
        }
    }

    fn elements(
        &mut self,
        each: impl Fn(&mut Self) -> Result<(), ShapeError>,
    ) -> Result<(), ShapeError> {
        let count = self.length(4)?.unwrap_or(0);
        if count > self.rest.len() {
            return Err(ShapeError::Short);
        }
        self.elements += count;
        if self.elements > ELEMENTS_MAX {
            return Err(ShapeError::Elements);
        }
        (0..count).try_for_each(|_| each(self))
    }

    fn tags(&mut self, rows: &[Row]) -> Result<(), ShapeError> {
        let count = self.varint()? as usize;
        if count > self.rest.len() {
            return Err(ShapeError::Short);
        }
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let known = children(rows).find(|(row, _)| row.tag == Some(tag) && self.has(row));
            let Some((row, inner)) = known else {
                self.skip(size)?;
                continue;
            };
            let before = self.rest.len();
            self.value(row.kind, inner)?;
            if before - self.rest.len() != size {
                return Err(ShapeError::TagSize);
            }
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) -> Result<(), ShapeError> {
        self.rest = self.rest.get(bytes..).ok_or(ShapeError::Short)?;
        Ok(())
    }

    /// A text is never longer than old versions could say. Source: the generated `read` methods of Kafka's messages.
    fn skip_text(&mut self) -> Result<(), ShapeError> {
        let length = self.length(2)?.unwrap_or(0);
        if length > TEXT_MAX { Err(ShapeError::Length) } else { self.skip(length) }
    }

    fn skip_sized(&mut self, width: usize) -> Result<(), ShapeError> {
        let length = self.length(width)?;
        self.skip(length.unwrap_or(0))
    }

    /// A length or a count; nothing if it is null.
    fn length(&mut self, width: usize) -> Result<Option<usize>, ShapeError> {
        if self.flexible { self.compact_length() } else { self.plain_length(width) }
    }

    fn compact_length(&mut self) -> Result<Option<usize>, ShapeError> {
        Ok((self.varint()? as usize).checked_sub(1))
    }

    fn plain_length(&mut self, width: usize) -> Result<Option<usize>, ShapeError> {
        let bytes = self.rest.get(..width).ok_or(ShapeError::Short)?;
        let length = if let [high, low] = *bytes {
            i32::from(i16::from_be_bytes([high, low]))
        } else {
            i32::from_be_bytes(bytes.try_into().map_err(|_| ShapeError::Length)?)
        };
        self.skip(width)?;
        if length == -1 {
            return Ok(None);
        }
        usize::try_from(length).map(Some).map_err(|_| ShapeError::Length)
    }

    fn varint(&mut self) -> Result<u32, ShapeError> {
        let mut value = 0_u64;
        for at in 0..5 {
            let byte = *self.rest.get(at).ok_or(ShapeError::Short)?;
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.skip(at + 1)?;
                return u32::try_from(value).map_err(|_| ShapeError::Length);
            }
        }
        Err(ShapeError::Length)
    }
}

/// The rows of one struct, each with those that belong to it.
fn children(rows: &[Row]) -> impl Iterator<Item = (&Row, &[Row])> {
    let depth = rows.first().map_or(0, |row| row.depth);
    let at = rows.iter().enumerate().filter(move |(_, row)| row.depth == depth);
    at.map(move |(at, row)| {
        let rest = &rows[at + 1..];
        let length = rest.iter().position(|row| row.depth <= depth).unwrap_or(rest.len());
        (row, &rest[..length])
    })
}
