//! Columns of numbers that are near their neighbours.

use serde::Serialize;

/// True time as pages have it: whole microseconds.
pub(super) fn micros(at_ns: u64) -> u64 {
    at_ns / 1_000
}

/// Each number as its difference from the one before it.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Deltas {
    differences: Vec<i64>,
    #[serde(skip)]
    last: i64,
}

impl Deltas {
    pub(super) fn push(&mut self, number: i64) {
        self.differences.push(number - self.last);
        self.last = number;
    }

    /// A time, in microseconds from nanoseconds.
    pub(super) fn push_time(&mut self, at_ns: u64) {
        self.push(micros(at_ns) as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_differences() {
        let mut column = Deltas::default();
        for number in [5, 7, 7, 3] {
            column.push(number);
        }
        assert_eq!(serde_json::to_string(&column).expect("it is data"), "[5,2,0,-4]");
    }
}
