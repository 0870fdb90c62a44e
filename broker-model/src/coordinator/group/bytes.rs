//! Numbers, texts and bytes as Kafka's message format writes them, without its compact forms.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Writes a text that may be absent.
pub(super) fn put_text(to: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => {
            to.put_i16(i16::try_from(text.len()).expect("names are shorter than 32 KiB"));
            to.put_slice(text.as_bytes());
        }
        None => to.put_i16(-1),
    }
}

/// Writes bytes.
pub(super) fn put_bytes(to: &mut BytesMut, bytes: &Bytes) {
    to.put_i32(i32::try_from(bytes.len()).expect("members' data is far below 2 GiB"));
    to.put_slice(bytes);
}

/// The bytes are no text, or do not suffice.
#[derive(Debug)]
pub(super) struct NotAText;

/// Reads what was written, piece by piece; nothing once the bytes do not suffice.
pub(super) struct Reader(pub(super) Bytes);

impl Reader {
    pub(super) fn i16(&mut self) -> Option<i16> {
        self.0.try_get_i16().ok()
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.0.try_get_i32().ok()
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.0.try_get_i64().ok()
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.0.try_get_i8().ok()
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.0.try_get_u128().ok()
    }

    /// A text that may be absent.
    pub(super) fn optional_text(&mut self) -> Result<Option<String>, NotAText> {
        let length = self.i16().ok_or(NotAText)?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| NotAText)?;
        let bytes = self.take(length).ok_or(NotAText)?;
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| NotAText)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        self.optional_text().ok()?
    }

    pub(super) fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.i32()?).ok()?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}
