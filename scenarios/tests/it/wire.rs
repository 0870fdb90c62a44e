//! A client of Kafka's protocol that is not ours: each request is put together by hand, mostly in a version from before
//! compact lengths and tags.

use std::io::Write;
use std::net::TcpStream;

use crate::server::{Server, read_frame};

/// Bytes of a request.
#[derive(Debug, Default)]
pub(crate) struct Out(Vec<u8>);

/// An API's key and a version, and whether it has compact lengths and tags.
pub(crate) type Api = (i16, i16, bool);

impl Out {
    /// A compact string.
    pub(crate) fn compact(self, text: &str) -> Self {
        let mut out = self.i8(text.len() as i8 + 1);
        out.0.extend(text.as_bytes());
        out
    }

    /// Compact bytes, of fewer than 128.
    pub(crate) fn compact_bytes(self, bytes: &[u8]) -> Self {
        let length = i8::try_from(bytes.len() + 1).expect("a length of one byte");
        let mut out = self.i8(length);
        out.0.extend(bytes);
        out
    }

    pub(crate) fn i8(mut self, value: i8) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn i64(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let mut out = self.i16(text.len() as i16);
        out.0.extend(text.as_bytes());
        out
    }

    /// A string that is null.
    pub(crate) fn none(self) -> Self {
        self.i16(-1)
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let mut out = self.i32(bytes.len() as i32);
        out.0.extend(bytes);
        out
    }
}

/// Bytes of an answer, read from the front.
#[derive(Debug)]
pub(crate) struct In {
    bytes: Vec<u8>,
    at: usize,
}

impl In {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.bytes.get(self.at..self.at + N).expect("the answer goes on");
        self.at += N;
        bytes.try_into().expect("it is as long")
    }

    /// An answer without its length.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.take())
    }

    /// A compact string, or nothing.
    pub(crate) fn compact(&mut self) -> String {
        let length = (self.i8() as usize).saturating_sub(1);
        let text = self.bytes.get(self.at..self.at + length).expect("the answer goes on");
        self.at += length;
        String::from_utf8(text.to_vec()).expect("it is text")
    }

    pub(crate) fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take())
    }

    pub(crate) fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take())
    }

    pub(crate) fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take())
    }

    pub(crate) fn text(&mut self) -> String {
        let length = self.i16().max(0) as usize;
        let text = self.bytes.get(self.at..self.at + length).expect("the answer goes on");
        self.at += length;
        String::from_utf8(text.to_vec()).expect("it is text")
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let length = self.i32().max(0) as usize;
        let bytes = self.bytes.get(self.at..self.at + length).expect("the answer goes on").to_vec();
        self.at += length;
        bytes
    }
}

/// The whole frame of a request.
pub(crate) fn frame_of(
    (key, version, tagged): Api,
    number: i32,
    client_id: &str,
    body: &Out,
) -> Vec<u8> {
    let head = Out::default().i16(key).i16(version).i32(number).text(client_id);
    let head = if tagged { head.i8(0) } else { head };
    let frame = [head.0.as_slice(), body.0.as_slice()].concat();
    Out::default().bytes(&frame).0
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    client_id: String,
    number: i32,
}

impl Wire {
    pub(crate) fn to(server: &Server, port: u16, client_id: &str) -> Self {
        Self { stream: server.connect_to(port), client_id: client_id.to_owned(), number: 0 }
    }

    /// Asks without waiting.
    pub(crate) fn send(&mut self, api: Api, body: &Out) {
        self.number += 1;
        let frame = frame_of(api, self.number, &self.client_id, body);
        self.stream.write_all(&frame).expect("it is sent");
    }

    /// The answer to what was asked last, or nothing if the connection ends.
    pub(crate) fn receive(&mut self) -> Option<In> {
        let bytes = read_frame(&mut self.stream)?;
        let mut answer = In { bytes, at: 0 };
        assert_eq!(answer.i32(), self.number, "it answers something else");
        Some(answer)
    }

    pub(crate) fn ask(&mut self, api: Api, body: &Out) -> In {
        self.send(api, body);
        self.receive().expect("it is answered")
    }
}
