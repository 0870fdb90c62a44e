//! A client's connection: frames in, answers out, one request at a time as in Kafka, which reads no further request
//! before the answer to the last one is sent (`SocketServer` mutes the channel).

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use bytes::{Buf, Bytes};
use harrow_broker_model::edge::{ApiKey, FrameError, Frames};
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::proto::ErrorCode;
use harrow_broker_model::types::NodeId;
use mio::net::TcpStream;

use super::recorder::Asked;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// Bytes that wait to be cut into frames; beyond them nothing is read while a request is being handled.
const WAITING_MAX: usize = 256 * 1024;

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its number on this connection, from 1.
    pub(super) number: i32,
    /// Which API.
    pub(super) key: ApiKey,
    /// In which version.
    pub(super) version: i16,
    /// As the client numbers it.
    pub(super) correlation_id: i32,
    /// What the history remembers of it.
    pub(super) asked: Option<Asked>,
    /// Where it is.
    pub(super) stage: Stage,
}

/// Where a request is.
#[derive(Debug)]
pub(super) enum Stage {
    /// A rule keeps it from the broker.
    Kept(Box<ClientRequest>),
    /// The broker has it.
    Asked(Box<ClientRequest>),
    /// A rule keeps the answer from the client.
    Answered(Bytes),
}

/// One client's connection to one broker.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) broker: NodeId,
    pub(super) client_id: Option<String>,
    pub(super) pending: Option<Pending>,
    pub(super) last_number: i32,
    stream: TcpStream,
    frames: Frames,
    out: VecDeque<Bytes>,
    /// Whether the socket may have more to read.
    readable: bool,
    ended: bool,
}

impl Connection {
    /// A connection that a client has opened.
    pub(super) fn new(stream: TcpStream, broker: NodeId, frame_bytes_max: usize) -> Self {
        Self {
            broker,
            client_id: None,
            pending: None,
            last_number: 0,
            stream,
            frames: Frames::new(frame_bytes_max),
            out: VecDeque::new(),
            readable: true,
            ended: false,
        }
    }

    /// The socket, to register it.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The socket has something to read.
    pub(super) fn becomes_readable(&mut self) {
        self.readable = true;
    }

    /// Whether the client's side is at its end, and nothing of it is left to do.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.pending.is_none() && self.out.is_empty()
    }

    /// Whether the client has gone and left a request behind.
    pub(super) fn is_abandoned(&self) -> bool {
        self.ended && self.pending.is_some()
    }

    /// The request to join once more, with the member id that the coordinator has given: clients of before version 4 do
    /// not know that they have to ask twice. Source: KIP-394, `KafkaApis.handleJoinGroupRequest`.
    pub(super) fn joins_with(&mut self, answer: &ClientResponse) -> Option<ClientRequest> {
        let ClientResponse::JoinGroup(answer) = answer else { return None };
        let pending = self.pending.as_mut().filter(|pending| pending.version < 4)?;
        let Stage::Asked(body) = &mut pending.stage else { return None };
        let ClientRequest::JoinGroup(request) = &mut **body else { return None };
        if answer.error_code != ErrorCode::MemberIdRequired.code() {
            return None;
        }
        request.member_id = answer.member_id.clone();
        Some((**body).clone())
    }

    /// The next frame, if it is there and its turn has come.
    pub(super) fn next_frame(&mut self) -> io::Result<Option<Bytes>> {
        if self.pending.is_some() || !self.out.is_empty() {
            return Ok(None);
        }
        loop {
            let frame = self.frames.next_frame();
            let bad = |error: FrameError| io::Error::new(ErrorKind::InvalidData, error);
            if let Some(frame) = frame.map_err(bad)? {
                return Ok(Some(frame));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads on while a request is being handled, as far as there is room: so the end of the stream is seen.
    pub(super) fn read_ahead(&mut self) -> io::Result<()> {
        while self.frames.waiting() < WAITING_MAX && self.read()? {}
        Ok(())
    }

    /// Reads once; says whether anything came.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0_u8; READ_BYTES];
        while self.readable {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.readable = false;
                    self.ended = true;
                }
                Ok(count) => {
                    self.frames.push(&buffer[..count]);
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Sends a frame, as soon as the socket takes it.
    pub(super) fn send(&mut self, frame: Bytes) -> io::Result<()> {
        self.out.push_back(frame);
        self.flush()
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while let Some(front) = self.out.front_mut() {
            match self.stream.write(front) {
                Ok(count) => front.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if front.is_empty() {
                self.out.pop_front();
            }
        }
        Ok(())
    }
}
