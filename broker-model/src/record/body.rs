//! The records in a batch's body. Source: Kafka's `DefaultRecord`.

use bytes::Bytes;

use crate::record::header::HEADER_LENGTH;
use crate::record::{BatchError, RecordBatch, varint};
use crate::types::Offset;

/// A record read from a batch's body.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its offset.
    pub offset: Offset,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub value: Option<Bytes>,
}

/// A record that is looked at in its batch's body.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordView<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// Its timestamp less the batch's base timestamp, in milliseconds.
    pub timestamp_delta: i64,
    /// Its headers, as they are in the batch: their number first.
    pub headers: &'a [u8],
}

impl RecordBatch {
    /// The records, in order. An error if the body is compressed or is not exactly the records that
    /// the header counts; no bytes make this panic or take more memory than they take themselves.
    pub fn records(&self) -> Result<Vec<Record>, BatchError> {
        // A record takes at least seven bytes, so a hostile count cannot reserve much.
        let room = (self.header().record_count as usize).min(self.bytes().len() / 7);
        let mut records = Vec::with_capacity(room);
        let whole = |part: &[u8]| self.bytes().slice_ref(part);
        self.for_each_record(|view| {
            let (key, value) = (view.key.map(whole), view.value.map(whole));
            records.push(Record { offset: view.offset, key, value });
        })?;
        Ok(records)
    }

    /// Shows each record, in order, without a copy. After an error, as of [`Self::records`], what was shown must not
    /// count.
    pub fn for_each_record(&self, mut show: impl FnMut(RecordView<'_>)) -> Result<(), BatchError> {
        if self.header().is_compressed() {
            let attributes = i64::from(self.header().attributes);
            return Err(BatchError::Field { field: "attributes", value: attributes });
        }
        let mut body = &self.bytes()[HEADER_LENGTH..];
        let (base, last) = (self.base_offset(), self.last_offset());
        let mut next = base;
        for _ in 0..self.header().record_count {
            let length = read_length(&mut body, "record length")?;
            let record = read_record(take(&mut body, length), base)?;
            let fits = if self.header().is_whole() {
                record.offset == next
            } else {
                record.offset >= next && record.offset <= last
            };
            if !fits {
                let value = record.offset.0.wrapping_sub(base.0);
                return Err(BatchError::Field { field: "offset delta", value });
            }
            next = record.offset.next();
            show(record);
        }
        nothing_left(body, "bytes after records")
    }
}

fn read_record(mut bytes: &[u8], base: Offset) -> Result<RecordView<'_>, BatchError> {
    if bytes.is_empty() {
        return Err(BatchError::Truncated { wanted: 1, present: 0 });
    }
    take(&mut bytes, 1); // Attributes of a record; Kafka uses none of the bits.
    let timestamp_delta = read_varint(&mut bytes)?;
    let offset_delta = read_varint(&mut bytes)?;
    if !(0..=i64::from(i32::MAX)).contains(&offset_delta) {
        return Err(BatchError::Field { field: "offset delta", value: offset_delta });
    }
    let key = read_optional(&mut bytes)?;
    let value = read_optional(&mut bytes)?;
    let headers = bytes;
    skip_headers(&mut bytes)?;
    nothing_left(bytes, "bytes after record")?;
    Ok(RecordView { offset: base.plus(offset_delta), key, value, timestamp_delta, headers })
}

fn nothing_left(bytes: &[u8], field: &'static str) -> Result<(), BatchError> {
    if bytes.is_empty() {
        return Ok(());
    }
    Err(BatchError::Field { field, value: bytes.len() as i64 })
}

fn skip_headers(bytes: &mut &[u8]) -> Result<(), BatchError> {
    let count = read_varint(bytes)?;
    if count < 0 {
        return Err(BatchError::Field { field: "header count", value: count });
    }
    // Every round takes at least two bytes or fails, so a hostile count ends with the bytes.
    for _ in 0..count {
        let key = read_length(bytes, "header key length")?;
        take(bytes, key);
        read_optional(bytes)?;
    }
    Ok(())
}

/// Takes so many bytes off the front; they are there.
fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (front, rest) = bytes.split_at(length);
    *bytes = rest;
    front
}

fn read_optional<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    let length = read_varint(bytes)?;
    if length == -1 {
        return Ok(None);
    }
    let length = checked_length(bytes, "length", length)?;
    Ok(Some(take(bytes, length)))
}

fn read_length(bytes: &mut &[u8], field: &'static str) -> Result<usize, BatchError> {
    let length = read_varint(bytes)?;
    checked_length(bytes, field, length)
}

fn checked_length(bytes: &[u8], field: &'static str, value: i64) -> Result<usize, BatchError> {
    let length = usize::try_from(value).map_err(|_| BatchError::Field { field, value })?;
    if length > bytes.len() {
        return Err(BatchError::Truncated { wanted: length, present: bytes.len() });
    }
    Ok(length)
}

fn read_varint(bytes: &mut &[u8]) -> Result<i64, BatchError> {
    let present = bytes.len();
    let (value, taken) = varint::read(bytes)
        .ok_or(BatchError::Truncated { wanted: present.saturating_add(1), present })?;
    take(bytes, taken);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::header::CHECKED_FROM;
    use crate::record::{BatchHeader, RecordBatchBuilder};
    use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

    /// A batch of one record with this body and a right checksum.
    fn batch_with_body(body: &[u8], count: i32) -> RecordBatch {
        let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
        builder.push(WallTime(0), None, None);
        let mut header = BatchHeader {
            length: (HEADER_LENGTH + body.len()) as u32,
            record_count: count,
            last_offset_delta: count - 1,
            ..*builder.build().header()
        };
        let mut bytes = vec![0; HEADER_LENGTH];
        bytes.extend_from_slice(body);
        header.write(&mut bytes);
        header.checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        header.write(&mut bytes);
        RecordBatch::parse(Bytes::from(bytes)).expect("the checksum was made right")
    }

    #[test]
    fn headers_are_skipped() {
        // Length 11; no bits, times and deltas zero; key null, value null; two headers.
        let body = [22, 0, 0, 0, 1, 1, 4, 2, b'a', 1, 0, 0];
        let records = batch_with_body(&body, 1).records();
        let record = Record { offset: Offset(0), key: None, value: None };
        assert_eq!(records, Ok(vec![record]));
    }

    #[test]
    fn broken_bodies_are_refused() {
        let table: [(&str, &[u8], i32); 8] = [
            ("nothing", &[], 1),
            ("record longer than the body", &[40, 0, 0, 0, 1, 1, 0], 1),
            ("empty record", &[0], 1),
            ("wrong offset delta", &[12, 0, 0, 2, 1, 1, 0], 1),
            ("value beyond the record", &[12, 0, 0, 0, 1, 80, 0], 1),
            ("negative header count", &[12, 0, 0, 0, 1, 1, 1], 1),
            ("bytes after the record", &[14, 0, 0, 0, 1, 1, 0, 9], 1),
            ("a count that is a lie", &[12, 0, 0, 0, 1, 1, 0], i32::MAX),
        ];
        for (name, body, count) in table {
            let records = batch_with_body(body, count).records();
            assert!(records.is_err(), "{name}: {records:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_body_makes_it_panic(
            body in prop::collection::vec(any::<u8>(), 0..60),
            count in 1..9,
        ) {
            let records = batch_with_body(&body, count).records();
            let whole = |list: Vec<Record>| list.len() == count as usize;
            prop_assert!(records.map_or(true, whole));
        }
    }
}
