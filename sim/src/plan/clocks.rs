//! How far the clocks of a plan may be apart.

use super::{Action, Plan};

impl Plan {
    /// By how much two wall clocks of a run may differ at the most, at whatever times of it they are looked at, beyond
    /// what has passed in between, in milliseconds: where they start, how they drift, and how they are stepped.
    pub fn clocks_apart_ms(&self) -> u64 {
        let offsets = spread(self.clocks.iter().map(|clock| clock.offset_ms));
        let drifts = self.clocks.iter().map(|clock| i64::from(clock.drift_ppm));
        let drifts = spread(drifts.chain(self.steps.iter().filter_map(|step| drift(&step.action))));
        let length_ms = u128::from(self.heal_at_ms.saturating_add(self.converge_within_ms));
        let drifted = (length_ms * u128::from(drifts)).div_ceil(1_000_000);
        let steps = self.steps.iter().filter_map(|step| stepped(&step.action));
        let stepped = steps.fold(0, |sum: u64, by_ms| sum.saturating_add(by_ms.unsigned_abs()));
        let drifted = u64::try_from(drifted).unwrap_or(u64::MAX);
        offsets.saturating_add(drifted).saturating_add(stepped)
    }
}

/// How far apart the greatest and the least are; a clock that nobody names is right.
fn spread(all: impl Iterator<Item = i64>) -> u64 {
    let (least, greatest) =
        all.fold((0, 0), |(least, greatest): (i64, i64), one| (least.min(one), greatest.max(one)));
    greatest.abs_diff(least)
}

fn drift(action: &Action) -> Option<i64> {
    if let Action::DriftClock { ppm, .. } = action { Some(i64::from(*ppm)) } else { None }
}

fn stepped(action: &Action) -> Option<i64> {
    if let Action::StepClock { by_ms, .. } = action { Some(*by_ms) } else { None }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::types::NodeId;

    use super::super::{ClockPlan, Step, Target};
    use super::*;
    use crate::testing::plan;

    #[test]
    fn clocks_are_apart_by_all_that_is_done_to_them() {
        let clock =
            |node, offset_ms, drift_ppm| ClockPlan { node: NodeId(node), offset_ms, drift_ppm };
        let target = || Target::Node(NodeId(1));
        let step = |action| Step { id: 0, at_ms: 5, action };
        let turn = |by_ms| step(Action::StepClock { target: target(), by_ms });
        let drift = |ppm| step(Action::DriftClock { target: target(), ppm });
        // The run lasts for 2 s.
        let table = [
            (vec![], vec![], 0),
            (vec![clock(1, 300, 0)], vec![], 300),
            (vec![clock(1, 300, 0), clock(2, 500, 0)], vec![], 500),
            (vec![clock(1, -300, 0), clock(2, 500, 0)], vec![], 800),
            (vec![clock(1, 0, 500_000), clock(2, 0, -500_000)], vec![], 2_000),
            (vec![clock(1, 0, 1_000)], vec![drift(-2_000)], 6),
            (vec![clock(1, -10, 0)], vec![turn(-20), turn(30)], 60),
        ];
        for (clocks, steps, expected) in table {
            let said = format!("{clocks:?} {steps:?}");
            let plan = crate::plan::Plan { clocks, steps, ..plan() };
            assert_eq!(plan.clocks_apart_ms(), expected, "{said}");
        }
    }
}
