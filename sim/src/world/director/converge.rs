//! After the heal: waits until everything has converged, then reads everything from the beginning.

use harrow_broker_model::node::{Node, Operation, Outcome};

use super::{CHECK_MS, Director, MS, Phase};
use crate::plan::ClientPlan;
use crate::run::End;
use crate::world::engine::{Boot, Cue};
use crate::world::load::all_partitions;

/// Records and time of one poll of the final reader.
const FINAL_POLL: (u32, u32) = (100, 1_000);
/// With progress all the time, convergence may still not take longer than so many times its budget.
const BUDGETS_MAX: u64 = 20;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Looks whether everything has converged, and whether time is up.
    pub(super) fn check(&mut self) -> Option<End> {
        let now = self.engine.now();
        let pending = match self.phase {
            Phase::Faults => unreachable!("checks begin with the heal"),
            Phase::Converging => self.pending(),
            Phase::Reading => self.reading_pending(),
        };
        let Some(pending) = pending else {
            if self.phase == Phase::Reading {
                return Some(End::Quiesced);
            }
            self.start_reading();
            return None;
        };
        let completed = self.recorder.completed();
        if self.progress.0 != pending || self.progress.1 != completed {
            self.progress = (pending, completed, now);
        }
        let budget = self.plan.converge_within_ms * MS;
        if now - self.progress.2 > budget || now > self.last_ns() {
            let unrecoverable = self.unrecoverable();
            return Some(End::TimeLimit { pending: self.progress.0.clone(), unrecoverable });
        }
        self.engine.cue(now + CHECK_MS * MS, Cue::Check);
        None
    }

    /// True time after which even a run that makes progress ends.
    fn last_ns(&self) -> u64 {
        let longest = self.plan.clients.iter().map(planned_ms).max().unwrap_or(0);
        (self.plan.heal_at_ms + BUDGETS_MAX * self.plan.converge_within_ms + 2 * longest) * MS
    }

    pub(super) fn start_reading(&mut self) {
        self.phase = Phase::Reading;
        self.reader_process = self.new_process();
        let reader = self.place(self.plan.final_reader.node);
        self.engine.start_at(reader, self.engine.now());
        self.engine.cue(self.engine.now() + CHECK_MS * MS, Cue::Check);
    }

    /// The final reader was answered: it goes on.
    pub(super) fn final_read(&mut self, outcome: &Outcome) {
        self.reader_assigned |= *outcome == Outcome::Assigned;
        if let Outcome::Polled { records } = outcome {
            for record in records {
                let position = self.recorder.position(&record.topic, record.partition);
                let position =
                    position.expect("consumers return records of assigned partitions") as usize;
                self.read_to[position] = self.read_to[position].max(record.offset.0 + 1);
            }
        }
        if self.reading_pending().is_none() {
            self.engine.cue(self.engine.now(), Cue::Check);
        } else {
            self.engine.cue(self.engine.now() + MS, Cue::Read);
        }
    }

    pub(super) fn read_on(&mut self) {
        let reader = self.place(self.plan.final_reader.node);
        if !self.engine.runs(reader) {
            return;
        }
        let (timeout_ms, max_records) = FINAL_POLL;
        let request = if self.reader_assigned {
            Operation::Poll { timeout_ms, max_records }
        } else {
            Operation::Assign { partitions: all_partitions(self.plan.topics.iter()) }
        };
        let operation = self.recorder.invoke(self.reader_process, self.engine.now(), &request);
        self.engine.invoke(reader, operation, request, &mut self.cast);
    }
}

/// How long a client's load takes at least, at its slowest pace.
fn planned_ms(client: &ClientPlan) -> u64 {
    match client {
        ClientPlan::Producer { start_ms, operations, interval_us, .. } => {
            start_ms + u64::from(*operations) * interval_us.1 / 1_000
        }
        ClientPlan::Consumer { start_ms, operations, interval_us, poll_timeout_ms, .. } => {
            start_ms
                + u64::from(*operations) * (interval_us.1 / 1_000 + u64::from(*poll_timeout_ms))
        }
    }
}
