//! An application that is a future.

use std::fmt;
use std::pin::Pin;
use std::task::Context as TaskContext;

use super::current::{Current, with};
use super::tasks::{JoinHandle, joinable};
use crate::application::context::Context;
use crate::application::host::{Socket, Timer};
use crate::application::program::Application;

type Main = Pin<Box<dyn Future<Output = ()>>>;

/// An application that runs a future; it is done when that has ended, whatever other tasks do.
pub struct AsyncApplication {
    main: Option<Main>,
    ended: Option<JoinHandle<()>>,
    current: Option<Current>,
}

impl AsyncApplication {
    /// One that has not started.
    pub fn new(main: impl Future<Output = ()> + 'static) -> Self {
        let mut current = Current::default();
        current.left = 1;
        Self { main: Some(Box::pin(main)), ended: None, current: Some(current) }
    }

    /// Something happened; then tasks are polled until all of them wait.
    fn call(&mut self, context: &mut Context<'_>, happened: impl FnOnce(&mut Current)) {
        let current = self.current.take().expect("a process is called once at a time");
        let after = current.during(context, || {
            with(happened);
            while let Some((task, mut future, waker)) = with(|current| current.tasks.take_ready()) {
                let polled = future.as_mut().poll(&mut TaskContext::from_waker(&waker));
                if polled.is_pending() {
                    with(|current| current.tasks.put_back(task, future));
                }
            }
        });
        self.current = Some(after);
    }
}

impl Application for AsyncApplication {
    fn on_start(&mut self, context: &mut Context<'_>) {
        let main = self.main.take().expect("a process starts once");
        let (task, ended) = joinable(main);
        self.ended = Some(ended);
        self.call(context, |current| {
            current.tasks.add(task);
        });
    }

    fn on_connected(&mut self, socket: Socket, context: &mut Context<'_>) {
        self.call(context, |current| {
            let Some(stream) = current.streams.get_mut(&socket) else { return };
            stream.connected = true;
            if let Some(waker) = stream.waker.take() {
                waker.wake();
            }
        });
    }

    fn on_bytes(&mut self, socket: Socket, bytes: &[u8], context: &mut Context<'_>) {
        self.call(context, |current| {
            let Some(stream) = current.streams.get_mut(&socket) else { return };
            stream.arrived.extend_from_slice(bytes);
            if let Some(waker) = stream.waker.take() {
                waker.wake();
            }
        });
    }

    fn on_closed(&mut self, socket: Socket, context: &mut Context<'_>) {
        self.call(context, |current| {
            let Some(stream) = current.streams.get_mut(&socket) else { return };
            stream.closed = true;
            if let Some(waker) = stream.waker.take() {
                waker.wake();
            }
        });
    }

    fn on_timer(&mut self, timer: Timer, context: &mut Context<'_>) {
        self.call(context, |current| {
            if let Some(waker) = current.timers.remove(&timer) {
                waker.wake();
            }
        });
    }

    fn unfinished(&self) -> Option<(String, u64)> {
        if self.ended.as_ref().is_some_and(JoinHandle::is_finished) {
            return None;
        }
        let left = self.current.as_ref().map_or(1, |current| current.left);
        (left > 0).then(|| ("its future has not ended".to_owned(), left))
    }
}

impl fmt::Debug for AsyncApplication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncApplication").finish_non_exhaustive()
    }
}
