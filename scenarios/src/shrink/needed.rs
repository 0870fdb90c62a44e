//! Which of the bugs and weaknesses that are on a failure takes: of all that a version has, most do not matter.

use harrow_broker_model::defect::{Defect, Defects};
use harrow_sim::plan::Plan;

/// Those without any one of which the plan does not fail any more, in the order of the catalogue. Each is taken out in
/// turn, so that none of two that would do alone is told with the other, and again until each that is left matters.
pub fn needed_defects(plan: &Plan, fails: &dyn Fn(&Plan) -> bool) -> Vec<Defect> {
    let mut kept: Vec<Defect> = plan.cluster.defects.iter().collect();
    loop {
        let before = kept.clone();
        for defect in before.iter().copied() {
            let without: Vec<Defect> = kept.iter().copied().filter(|one| *one != defect).collect();
            let mut plan = plan.clone();
            plan.cluster.defects = without.iter().copied().collect::<Defects>();
            if fails(&plan) {
                kept = without;
            }
        }
        if kept.len() == before.len() {
            return kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;
    use crate::format::parse;

    #[test]
    fn what_a_failure_takes_is_found_among_all() {
        let calm = find("calm").expect("it is in the catalogue");
        let scenario = parse("calm", calm.text, &[]).expect("it is sound");
        let mut plan = crate::planner::plan(&scenario, 1);
        let all: Vec<Defect> = Defect::all().collect();
        plan.cluster.defects = all.iter().copied().collect();
        let both = |plan: &Plan| {
            let has = |defect: Defect| plan.cluster.defects.has(defect);
            has(all[2]) && has(all[7])
        };
        assert_eq!(needed_defects(&plan, &both), [all[2], all[7]]);
        assert_eq!(needed_defects(&plan, &|_| true), []);
        let either =
            |plan: &Plan| plan.cluster.defects.has(all[2]) || plan.cluster.defects.has(all[7]);
        assert_eq!(needed_defects(&plan, &either), [all[7]]);
        // The first matters only as long as a later one is on.
        let masked = |plan: &Plan| {
            let has = |defect: Defect| plan.cluster.defects.has(defect);
            has(all[7]) && (has(all[2]) || !has(all[9]))
        };
        assert_eq!(needed_defects(&plan, &masked), [all[7]]);
    }
}
