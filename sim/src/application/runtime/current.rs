//! The process whose tasks are being polled: each run has a thread of its own, so that one is current at a time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use bytes::BytesMut;
use harrow_broker_model::node::Effects;
use harrow_broker_model::types::Now;

use super::tasks::{JoinHandle, Tasks, joinable};
use crate::application::context::Context;
use crate::application::host::{Host, Socket, Timer};

/// What a connection is like.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    pub(super) connected: bool,
    pub(super) closed: bool,
    pub(super) arrived: BytesMut,
    /// Who waits for it to be open, or for something to be there.
    pub(super) waker: Option<Waker>,
}

/// A process.
#[derive(Default)]
pub(super) struct Current {
    /// While it is called: what is its own, and what it wants.
    called: Option<(Host, Now, Effects)>,
    pub(super) tasks: Tasks,
    pub(super) streams: BTreeMap<Socket, StreamState>,
    pub(super) timers: BTreeMap<Timer, Waker>,
    pub(super) left: u64,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

impl Current {
    /// Makes a process the current one for the time of a call, and gives it back.
    pub(super) fn during(self, context: &mut Context<'_>, call: impl FnOnce()) -> Self {
        let host = std::mem::replace(context.host, Host::new(&[], 0));
        let called = Some((host, context.now, std::mem::take(context.effects)));
        let before = CURRENT.replace(Some(Self { called, ..self }));
        assert!(before.is_none(), "a process is called within the call of another one");
        call();
        let mut after = CURRENT.take().expect("it was there before the call");
        let (host, _, effects) = after.called.take().expect("it has it during a call");
        *context.host = host;
        *context.effects = effects;
        after
    }
}

/// Has something done to the current process; nothing if there is none, as when it is torn down.
pub(super) fn try_with<R>(act: impl FnOnce(&mut Current) -> R) -> Option<R> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(act))
}

/// Has something done to the current process.
///
/// # Panics
/// If no task is being polled.
pub(super) fn with<R>(act: impl FnOnce(&mut Current) -> R) -> R {
    try_with(act).expect("this is for tasks of an application inside the simulation")
}

/// The same where none need be current.
pub(super) fn try_with_context<R>(act: impl FnOnce(&mut Context<'_>) -> R) -> Option<R> {
    try_with(|current| {
        let (host, now, effects) = current.called.as_mut()?;
        Some(act(&mut Context { host, now: *now, effects }))
    })
    .flatten()
}

/// Has the application's context do something: state a fact, draw a number.
///
/// # Panics
/// If no task of an application is being polled.
pub fn with_context<R>(act: impl FnOnce(&mut Context<'_>) -> R) -> R {
    try_with_context(act).expect("this is for tasks of an application inside the simulation")
}

/// The machine's monotonic clock, since the beginning of the run.
pub fn now() -> Duration {
    with_context(|context| context.now())
}

/// A number by chance: the same in each run of a seed.
pub fn random() -> u64 {
    with_context(|context| context.host.random())
}

/// How much is still to be done: after the heal a run waits until it is nothing, as long as it becomes less. It is 1 if
/// nobody says, and nothing once the process's future has ended.
pub fn set_left(left: u64) {
    with(|current| current.left = left);
}

/// Runs a future beside this one.
///
/// # Panics
/// If no task of an application is being polled.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (task, handle) = joinable(future);
    with(|current| current.tasks.add(task));
    handle
}
