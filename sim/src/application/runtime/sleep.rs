//! Pauses.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::current::{now, try_with, try_with_context, with, with_context};
use crate::application::host::Timer;

/// A pause; made by [`sleep`].
#[derive(Debug)]
#[must_use = "a pause that is not awaited does not pause"]
pub struct Sleep {
    until: Duration,
    timer: Option<Timer>,
}

/// Pauses for so long, by the machine's monotonic clock.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { until: now().saturating_add(duration), timer: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let left = self.until.saturating_sub(now());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let known = self.timer.filter(|timer| with(|current| current.timers.contains_key(timer)));
        let timer = known.unwrap_or_else(|| with_context(|context| context.set_timer(left)));
        self.timer = Some(timer);
        with(|current| current.timers.insert(timer, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(timer) = self.timer else { return };
        if try_with(|current| current.timers.remove(&timer)).flatten().is_some() {
            try_with_context(|context| context.stop_timer(timer));
        }
    }
}

/// It took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it took too long")
    }
}

impl std::error::Error for Elapsed {}

/// What a future gives, if it takes no longer than that; else it is dropped.
///
/// # Errors
/// If it takes longer.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut sleep = sleep(duration);
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(move |context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(value));
        }
        Pin::new(&mut sleep).poll(context).map(|()| Err(Elapsed))
    })
    .await
}
