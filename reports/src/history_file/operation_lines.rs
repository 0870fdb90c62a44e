//! On which lines of its file each operation of a history begins and ends.

use harrow_sim::history::{History, NEVER, Row};

/// A begin or an end, in the order of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The operation at this position begins.
    Begin(u32),
    /// It ends.
    End(u32),
}

/// By operation: the lines of its begin and of its end. The header is line 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OperationLines {
    begun: Vec<u64>,
    ended: Vec<Option<u64>>,
}

impl OperationLines {
    /// Those that [`write_history`](super::write_history) gives it.
    pub(crate) fn as_written(history: &History) -> Self {
        let none = vec![None; history.len()];
        let mut lines = Self { begun: vec![0; history.len()], ended: none };
        for (number, line) in (2..).zip(in_order(history)) {
            match line {
                Line::Begin(operation) => lines.begun[operation as usize] = number,
                Line::End(operation) => lines.ended[operation as usize] = Some(number),
            }
        }
        lines
    }

    /// Those of a file, by the lines on which operations begin: ends come in the order of the history, on the lines
    /// between.
    pub(crate) fn as_read(begun: &[u32], history: &History) -> Self {
        let mut taken = begun.to_vec();
        taken.sort_unstable();
        let mut taken = taken.into_iter().peekable();
        let mut free = (2_u32..).filter(|line| taken.next_if_eq(line).is_none());
        let ended = history.rows().iter().map(|row| {
            let ends = row.completed_ns != NEVER;
            ends.then(|| free.next().map(u64::from)).flatten()
        });
        Self { ended: ended.collect(), begun: begun.iter().copied().map(u64::from).collect() }
    }

    /// The lines of an operation, in order.
    pub(crate) fn of(&self, operation: u32) -> impl Iterator<Item = u64> {
        let at = operation as usize;
        let begun = self.begun.get(at).copied();
        begun.into_iter().chain(self.ended.get(at).copied().flatten())
    }
}

/// Begins and ends in order of time. At equal times begins come first, as a record may be read while it is sent; else
/// the order of the history decides.
pub(super) fn in_order(history: &History) -> Vec<Line> {
    let rows = history.rows();
    let (begun, ended) =
        (order(history, |row| row.invoked_ns), order(history, |row| row.completed_ns));
    let ended = ended.into_iter().take_while(|end| rows[*end as usize].completed_ns != NEVER);
    let mut ended = ended.peekable();
    let mut lines = Vec::with_capacity(2 * rows.len());
    for begin in begun {
        let time = rows[begin as usize].invoked_ns;
        while let Some(end) = ended.next_if(|end| rows[*end as usize].completed_ns < time) {
            lines.push(Line::End(end));
        }
        lines.push(Line::Begin(begin));
    }
    lines.extend(ended.map(Line::End));
    lines
}

/// The positions of all operations, in order of a time.
fn order(history: &History, time: impl Fn(&Row) -> u64) -> Vec<u32> {
    let rows = history.rows();
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.sort_by_key(|operation| time(&rows[*operation as usize]));
    order
}
