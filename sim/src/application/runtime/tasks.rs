//! Tasks, and who is to be polled next.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What a task does.
pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Numbers of tasks that were woken, in order.
type Ready = Arc<Mutex<VecDeque<u64>>>;

/// All tasks of a process.
#[derive(Default)]
pub(super) struct Tasks {
    waiting: BTreeMap<u64, TaskFuture>,
    last: u64,
    ready: Ready,
}

/// Wakes one task.
struct TaskWaker {
    task: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = locked(&self.ready);
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

/// There is one thread: nobody can have left the lock in a bad state.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tasks {
    /// Adds a task, which is polled when its turn comes; its number.
    pub(super) fn add(&mut self, task: TaskFuture) -> u64 {
        self.last += 1;
        self.waiting.insert(self.last, task);
        locked(&self.ready).push_back(self.last);
        self.last
    }

    /// Takes out the task that is to be polled next, with what wakes it.
    pub(super) fn take_ready(&mut self) -> Option<(u64, TaskFuture, Waker)> {
        loop {
            let task = locked(&self.ready).pop_front()?;
            // One that has ended may have been woken.
            if let Some(future) = self.waiting.remove(&task) {
                let ready = Arc::clone(&self.ready);
                return Some((task, future, Waker::from(Arc::new(TaskWaker { task, ready }))));
            }
        }
    }

    /// A task waits.
    pub(super) fn put_back(&mut self, task: u64, future: TaskFuture) {
        self.waiting.insert(task, future);
    }
}

/// How a task stands.
#[derive(Debug)]
struct Joined<T> {
    value: Option<T>,
    aborted: bool,
    waiter: Option<Waker>,
    task: Option<Waker>,
}

/// A task that was spawned: what it gives is had by awaiting it. It goes on if this is dropped.
#[derive(Debug)]
pub struct JoinHandle<T> {
    joined: Arc<Mutex<Joined<T>>>,
}

impl<T> JoinHandle<T> {
    /// The task is not polled any more, and gives nothing.
    pub fn abort(&self) {
        let mut joined = locked(&self.joined);
        joined.aborted = true;
        let woken = [joined.task.take(), joined.waiter.take()];
        drop(joined);
        woken.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        let joined = locked(&self.joined);
        joined.aborted || joined.value.is_some()
    }
}

impl<T> Future for JoinHandle<T> {
    /// What the task gives; nothing if it was aborted.
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut joined = locked(&self.joined);
        if joined.aborted || joined.value.is_some() {
            return Poll::Ready(joined.value.take());
        }
        joined.waiter = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A future whose end whoever holds the handle learns of.
pub(super) fn joinable<F>(future: F) -> (TaskFuture, JoinHandle<F::Output>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let joined = Joined { value: None, aborted: false, waiter: None, task: None };
    let joined = Arc::new(Mutex::new(joined));
    let handle = JoinHandle { joined: Arc::clone(&joined) };
    let mut future = Some(Box::pin(future));
    let task = std::future::poll_fn(move |context| {
        let mut state = locked(&joined);
        if state.aborted {
            drop(state);
            future = None;
            return Poll::Ready(());
        }
        state.task = Some(context.waker().clone());
        drop(state);
        let Some(running) = future.as_mut() else { return Poll::Ready(()) };
        let Poll::Ready(value) = running.as_mut().poll(context) else { return Poll::Pending };
        let mut state = locked(&joined);
        state.value = Some(value);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        Poll::Ready(())
    });
    (Box::pin(task), handle)
}
