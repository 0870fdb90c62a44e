//! A node's clocks: monotonic time that may run fast or slow, and wall time that may also be wrong and step.

use harrow_broker_model::types::{Now, Time, WallTime};

/// Wall time at the start of every run, in milliseconds since the Unix epoch: 2026-01-01.
pub(crate) const WALL_START_MS: i64 = 1_767_225_600_000;

const MILLION: u128 = 1_000_000;

/// One node's clocks. They belong to the machine: a crash of the process does not touch them.
#[derive(Debug, Clone)]
pub(crate) struct NodeClock {
    /// True time since which the present speed holds.
    since_true_ns: u64,
    /// What the monotonic clock showed then.
    since_own_ns: u64,
    /// Speed, in millionths of true time's.
    speed: u64,
    /// Wall time minus monotonic time, in milliseconds, without the start of the run.
    wall_offset_ms: i64,
}

impl NodeClock {
    /// Clocks that start with the run.
    pub(crate) fn new(offset_ms: i64, drift_ppm: i32) -> Self {
        Self {
            since_true_ns: 0,
            since_own_ns: 0,
            speed: speed(drift_ppm),
            wall_offset_ms: offset_ms,
        }
    }

    /// What both clocks show at a true time.
    #[inline]
    pub(crate) fn now(&self, true_ns: u64) -> Now {
        let own_ns = self.own(true_ns);
        let wall = WALL_START_MS + self.wall_offset_ms + (own_ns / 1_000_000) as i64;
        Now { time: Time(own_ns), wall: WallTime(wall) }
    }

    /// The first true time at which the monotonic clock shows at least this, so that no timer is early.
    #[inline]
    pub(crate) fn true_ns(&self, own: Time) -> u64 {
        if self.speed == MILLION as u64 {
            return own.0.saturating_sub(self.since_own_ns).saturating_add(self.since_true_ns);
        }
        let delta = u128::from(own.0.saturating_sub(self.since_own_ns));
        let passed = (delta * MILLION).div_ceil(u128::from(self.speed));
        u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(self.since_true_ns)
    }

    /// From now on both clocks run at another speed.
    pub(crate) fn drift(&mut self, true_ns: u64, ppm: i32) {
        self.since_own_ns = self.own(true_ns);
        self.since_true_ns = true_ns;
        self.speed = speed(ppm);
    }

    /// The wall clock jumps; the monotonic one does not.
    pub(crate) fn step_wall(&mut self, by_ms: i64) {
        self.wall_offset_ms += by_ms;
    }

    #[inline]
    fn own(&self, true_ns: u64) -> u64 {
        assert!(true_ns >= self.since_true_ns, "time {true_ns} before {}", self.since_true_ns);
        let passed = true_ns - self.since_true_ns;
        if self.speed == MILLION as u64 {
            return self.since_own_ns + passed;
        }
        self.since_own_ns + (u128::from(passed) * u128::from(self.speed) / MILLION) as u64
    }
}

fn speed(ppm: i32) -> u64 {
    let speed = 1_000_000 + i64::from(ppm);
    assert!(speed > 0, "a clock that drifts by {ppm} ppm does not move");
    speed as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_never_early_and_late_by_less_than_a_tick() {
        for ppm in [-500_000, -333, -1, 0, 1, 250, 77_777] {
            let mut clock = NodeClock::new(0, 0);
            clock.drift(1_234_567, ppm);
            for deadline in (2_000_000..2_001_000).chain([9_999_999_999]) {
                let due = clock.true_ns(Time(deadline));
                assert!(clock.now(due).time.0 >= deadline, "early at {ppm} ppm for {deadline}");
                assert!(clock.now(due - 1).time.0 < deadline, "late at {ppm} ppm for {deadline}");
            }
        }
    }

    #[test]
    fn steps_move_the_wall_only() {
        let mut clock = NodeClock::new(250, 0);
        assert_eq!(clock.now(5_000_000).wall, WallTime(WALL_START_MS + 255), "offset and time");
        clock.step_wall(-1_000);
        let now = clock.now(5_000_000);
        assert_eq!(now.wall, WallTime(WALL_START_MS - 745), "stepped back");
        assert_eq!(now.time, Time(5_000_000), "monotonic time stays");
    }

    #[test]
    fn drift_changes_speed_without_a_jump() {
        let mut clock = NodeClock::new(0, 100_000);
        assert_eq!(clock.now(1_000_000_000).time, Time(1_100_000_000), "10 % fast");
        clock.drift(1_000_000_000, -100_000);
        assert_eq!(clock.now(1_000_000_000).time, Time(1_100_000_000), "no jump");
        assert_eq!(clock.now(2_000_000_000).time, Time(2_000_000_000), "10 % slow");
    }
}
