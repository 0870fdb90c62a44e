//! The cluster's clock: real time, but for pauses of this process.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clock goes on by at most this at once. All nodes are in one process: when the machine does not let it run for
/// seconds, nobody was silent meanwhile.
const STEP_MAX: Duration = Duration::from_millis(100);

/// Time of the cluster.
#[derive(Debug)]
pub(super) struct Clock {
    read_at: Instant,
    now: Duration,
}

impl Clock {
    /// It begins at 0.
    pub(super) fn start() -> Self {
        Self { read_at: Instant::now(), now: Duration::ZERO }
    }

    /// What it shows, in nanoseconds.
    pub(super) fn now_ns(&mut self) -> u64 {
        let read_at = Instant::now();
        self.now += (read_at - self.read_at).min(STEP_MAX);
        self.read_at = read_at;
        u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Wall time, in milliseconds since the Unix epoch.
pub(super) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
