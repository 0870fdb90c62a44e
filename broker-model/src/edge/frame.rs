//! Frames: four bytes of length, then so many bytes. Source: Kafka's `NetworkReceive`.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Bytes of the length in front of a frame.
const LENGTH_BYTES: usize = 4;

/// Why a stream cannot be cut into frames any more; its connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The length is negative, or beyond the limit. Source: `InvalidReceiveException`.
    #[error("frame of {length} bytes, of at most {limit}")]
    Length {
        /// As the stream says.
        length: i32,
        /// `socket.request.max.bytes`.
        limit: usize,
    },
}

/// A stream's bytes that are not yet a whole frame. It holds at most what has arrived: the length that a frame
/// announces makes no room by itself.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    limit: usize,
}

impl Frames {
    /// Nothing has arrived yet; frames beyond `limit` bytes are refused.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// Bytes arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes wait for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole frame, without its length, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let limit = self.limit;
        let size = usize::try_from(length).ok().filter(|size| *size <= limit);
        let size = size.ok_or(FrameError::Length { length, limit })?;
        if self.buffer.len() < LENGTH_BYTES + size {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(Some(self.buffer.split_to(size).freeze()))
    }
}

/// Begins a frame whose length is not known yet.
pub(super) fn begin_frame() -> BytesMut {
    BytesMut::zeroed(LENGTH_BYTES)
}

/// Ends a frame that [`begin_frame`] began.
pub(super) fn end_frame(mut bytes: BytesMut) -> Bytes {
    let length = i32::try_from(bytes.len() - LENGTH_BYTES).expect("an answer is below 2 GiB");
    bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    bytes.freeze()
}
