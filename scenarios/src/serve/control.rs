//! The control interface: HTTP on a port of its own, on a thread of its own, which hands each request to the driver and
//! waits for its answer.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;
use tiny_http::{Header, Method, Response, Server};

/// At the end, answers are waited for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// A longer body is refused.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// What was asked on the control port.
#[derive(Debug)]
pub(super) struct Command {
    /// `GET`, `POST` or `DELETE`.
    pub(super) method: String,
    /// `/kill`.
    pub(super) path: String,
    /// What came with it.
    pub(super) body: String,
    /// Where the answer goes.
    pub(super) reply: SyncSender<Reply>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// HTTP's status.
    pub(super) status: u16,
    /// What `body` is.
    pub(super) content_type: &'static str,
    /// What is told.
    pub(super) body: String,
}

impl Reply {
    /// An object.
    pub(super) fn json(status: u16, value: &impl serde::Serialize) -> Self {
        let body = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
        Self { status, content_type: "application/json", body: body + "\n" }
    }

    /// Text.
    pub(super) fn text(content_type: &'static str, body: String) -> Self {
        Self { status: 200, content_type, body }
    }

    /// What is wrong, and what would be right.
    pub(super) fn refused(status: u16, error: impl std::fmt::Display) -> Self {
        Self::json(status, &serde_json::json!({ "error": error.to_string() }))
    }
}

/// Why something cannot be done, with HTTP's status.
pub(super) type Refusal = (u16, String);

/// The history was switched off.
pub(super) fn not_recorded() -> Refusal {
    (409, "no history is taken down; start the server without --no-history".to_owned())
}

/// The control port, while it is listened on.
#[derive(Debug)]
pub(super) struct Control {
    /// Which.
    pub(super) port: u16,
    /// Requests that are being answered.
    open: Arc<AtomicUsize>,
}

impl Control {
    /// Waits until everybody who has asked has an answer: who asked for the end, too.
    pub(super) fn finish(&self) {
        let until = Instant::now() + LAST_ANSWERS;
        while self.open.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Listens on a port and hands on what comes.
pub(super) fn listen(
    address: SocketAddr,
    to: &Sender<Command>,
    waker: Waker,
) -> Result<Control, String> {
    let server = Server::http(address).map_err(|error| error.to_string())?;
    let port = server.server_addr().to_ip().map_or(address.port(), |address| address.port());
    let (server, waker) = (Arc::new(server), Arc::new(waker));
    let open = Arc::new(AtomicUsize::new(0));
    // Several, so that a judgement that takes a while keeps nobody from asking how things are.
    for number in 0..4 {
        let (server, waker, to) = (Arc::clone(&server), Arc::clone(&waker), to.clone());
        let open = Arc::clone(&open);
        let thread = thread::Builder::new().name(format!("control {number}"));
        let served = thread.spawn(move || {
            while let Ok(request) = server.recv() {
                open.fetch_add(1, Ordering::SeqCst);
                serve(request, &to, &waker);
                open.fetch_sub(1, Ordering::SeqCst);
            }
        });
        served.map_err(|error| error.to_string())?;
    }
    Ok(Control { port, open })
}

fn serve(mut request: tiny_http::Request, to: &Sender<Command>, waker: &Waker) {
    let mut body = String::new();
    let read = request.as_reader().take(BODY_BYTES_MAX + 1).read_to_string(&mut body);
    let reply = match read {
        Ok(_) if body.len() as u64 > BODY_BYTES_MAX => Reply::refused(413, "the body is too large"),
        Err(error) => Reply::refused(400, format!("the body cannot be read: {error}")),
        Ok(_) => ask(request.method(), request.url(), body, to, waker),
    };
    let mut response = Response::from_string(reply.body).with_status_code(reply.status);
    if let Ok(header) = Header::from_bytes("Content-Type", reply.content_type) {
        response = response.with_header(header);
    }
    // Who asked may be gone.
    let _ = request.respond(response);
}

fn ask(method: &Method, url: &str, body: String, to: &Sender<Command>, waker: &Waker) -> Reply {
    let gone = || Reply::refused(503, "the server is stopping");
    let (reply, answer): (SyncSender<Reply>, Receiver<Reply>) = sync_channel(1);
    let path = url.split('?').next().unwrap_or_default().to_owned();
    let command = Command { method: method.to_string(), path, body, reply };
    if to.send(command).is_err() || waker.wake().is_err() {
        return gone();
    }
    answer.recv().unwrap_or_else(|_| gone())
}
