//! What every engine simulates.

use std::time::Duration;

pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);
pub(crate) const LATENCY: (Duration, Duration) =
    (Duration::from_millis(1), Duration::from_millis(10));
