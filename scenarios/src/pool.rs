//! Worker threads whose results are told in the order of the work, whatever their number.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How far workers may be ahead of the oldest result that is still missing, for each of them: bounds memory.
const AHEAD_MAX: u64 = 32;

/// How to work.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// Threads.
    pub(crate) jobs: usize,
    /// Asked before each unit of work: whether to begin it.
    pub(crate) more: &'a (dyn Fn() -> bool + Sync),
}

/// Where the work stands.
#[derive(Default)]
struct State {
    next: u64,
    delivered: u64,
    stopped: bool,
}

struct WorkQueue {
    state: Mutex<State>,
    moved: Condvar,
    ahead_max: u64,
}

impl WorkQueue {
    /// The state stays usable when a worker panics: it is three plain values.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.moved.notify_all();
    }

    fn delivered(&self) {
        self.lock().delivered += 1;
        self.moved.notify_all();
    }

    /// The next unit, as soon as it is not too far ahead.
    fn claim(&self) -> Option<u64> {
        let too_far =
            |state: &mut State| !state.stopped && state.next >= state.delivered + self.ahead_max;
        let mut state =
            self.moved.wait_while(self.lock(), too_far).unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }
}

/// Stops all when its worker panics: nobody may wait for a result that will never come.
struct StopOnPanic<'a>(&'a WorkQueue);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// Does units 0, 1, 2, ... until `work` has none left, `more` says no or `tell` breaks; tells each result in order.
pub(crate) fn ordered<T: Send>(
    options: Options<'_>,
    work: impl Fn(u64) -> Option<T> + Sync,
    mut deliver: impl FnMut(T) -> ControlFlow<()>,
) {
    assert!(options.jobs > 0, "no worker");
    let ahead_max = AHEAD_MAX * options.jobs as u64;
    let queue = WorkQueue { state: Mutex::default(), moved: Condvar::new(), ahead_max };
    let (sender, results) = channel();
    thread::scope(|scope| {
        for _ in 0..options.jobs {
            let sender = sender.clone();
            let (queue, work, more) = (&queue, &work, options.more);
            scope.spawn(move || {
                let _guard = StopOnPanic(queue);
                labour(queue, work, more, &sender);
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&next) {
                next += 1;
                queue.delivered();
                if deliver(result).is_break() {
                    queue.stop();
                    return;
                }
            }
        }
    });
}

fn labour<T>(
    queue: &WorkQueue,
    work: &impl Fn(u64) -> Option<T>,
    more: &(dyn Fn() -> bool + Sync),
    results: &Sender<(u64, T)>,
) {
    while more()
        && let Some(index) = queue.claim()
    {
        let Some(result) = work(index) else {
            queue.stop();
            return;
        };
        if results.send((index, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(jobs: usize, count: u64, enough: usize) -> Vec<u64> {
        let mut delivered = Vec::new();
        ordered(
            Options { jobs, more: &|| true },
            |index| {
                (index < count).then(|| {
                    (0..(index * 7_919) % 1_000).fold(index, |sum, _| std::hint::black_box(sum))
                })
            },
            |result| {
                delivered.push(result);
                if delivered.len() == enough {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        delivered
    }

    #[test]
    fn results_come_in_order_with_any_number_of_workers() {
        for jobs in [1, 2, 7] {
            assert_eq!(
                delivered(jobs, 500, usize::MAX),
                (0..500).collect::<Vec<_>>(),
                "{jobs} workers"
            );
        }
    }

    #[test]
    fn a_break_ends_it_at_the_same_result_with_any_number_of_workers() {
        for jobs in [1, 2, 7] {
            assert_eq!(delivered(jobs, 500, 11), (0..11).collect::<Vec<_>>(), "{jobs} workers");
        }
    }

    #[test]
    fn nothing_is_begun_when_there_is_no_more() {
        let mut delivered = 0;
        ordered(Options { jobs: 3, more: &|| false }, Some, |_| {
            delivered += 1;
            ControlFlow::Continue(())
        });
        assert_eq!(delivered, 0);
    }

    #[test]
    fn a_panic_of_a_worker_ends_all() {
        let caught = std::panic::catch_unwind(|| {
            ordered(
                Options { jobs: 3, more: &|| true },
                |index| {
                    assert!(index != 5, "the fifth fails");
                    Some(index)
                },
                |_| ControlFlow::Continue(()),
            );
        });
        assert!(caught.is_err());
    }
}
