//! Connections as futures. They are of the `std` kind: whoever wants the traits of a runtime wraps them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::current::{StreamState, try_with, try_with_context, with, with_context};
use crate::application::host::Socket;

/// A connection to a broker. Dropping it closes it.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
}

/// A connection that is being opened; made by [`connect`].
#[derive(Debug)]
#[must_use = "a connection that is not awaited may never be open"]
pub struct Connect {
    stream: Option<Stream>,
}

/// Opens a connection to a broker, `HOST:PORT` as metadata has it.
///
/// # Errors
/// `ConnectionRefused`, if it cannot be had.
pub fn connect(address: &str) -> Connect {
    let socket = with_context(|context| context.connect(address));
    with(|current| current.streams.insert(socket, StreamState::default()));
    Connect { stream: Some(Stream { socket }) }
}

impl Future for Connect {
    type Output = io::Result<Stream>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let socket = self.stream.as_ref().expect("it is polled until it is ready").socket;
        let open = with(|current| {
            let stream = current.streams.get_mut(&socket).expect("it is forgotten when dropped");
            if stream.connected || stream.closed {
                return Some(stream.connected);
            }
            stream.waker = Some(context.waker().clone());
            None
        });
        match open {
            None => Poll::Pending,
            Some(true) => Poll::Ready(Ok(self.stream.take().expect("it was there"))),
            Some(false) => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
        }
    }
}

impl Stream {
    /// Reads what has arrived, as far as there is room; nothing at the end of the stream.
    ///
    /// # Errors
    /// None: a connection that is gone is at its end.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        with(|current| {
            let stream = current.streams.get_mut(&self.socket).expect("forgotten when dropped");
            let count = stream.arrived.len().min(buffer.len());
            if count > 0 {
                buffer[..count].copy_from_slice(&stream.arrived.split_to(count));
                return Poll::Ready(Ok(count));
            }
            if stream.closed {
                return Poll::Ready(Ok(0));
            }
            stream.waker = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Writes all of it, at once.
    ///
    /// # Errors
    /// `BrokenPipe`, if the connection is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let closed =
            with(|current| current.streams.get(&self.socket).is_none_or(|stream| stream.closed));
        if closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let bytes = Bytes::copy_from_slice(bytes);
        with_context(|context| context.send(self.socket, bytes.clone()));
        Ok(bytes.len())
    }

    /// Reads until the buffer is full.
    ///
    /// # Errors
    /// `UnexpectedEof`, if the connection is gone before.
    pub async fn read_exact(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = std::future::poll_fn(|context| self.poll_read(context, buffer)).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        try_with(|current| current.streams.remove(&self.socket));
        try_with_context(|context| context.close(self.socket));
    }
}
