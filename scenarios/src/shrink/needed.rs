//! Which of the bugs and weaknesses that are on a failure takes: of all that a version has, most do not matter.

use harrow_broker_model::defect::{Defect, Defects};
use harrow_sim::plan::Plan;

/// Of the bugs and weaknesses that are on, those with which alone a plan fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// They, in the order of the catalogue.
    pub defects: Vec<Defect>,
    /// Whether it does not fail without any one of them; if not, somebody stopped the search.
    pub complete: bool,
}

/// Looks for those without any one of which the plan does not fail any more, while `more` says so. Halves are taken
/// out in turn, then quarters, and in the end each alone until each that is left matters: so that none of two that
/// would do alone is told with the other, and that one of hundreds costs a dozen runs.
pub fn needed_defects(
    plan: &Plan,
    fails: &dyn Fn(&Plan) -> bool,
    more: &dyn Fn() -> bool,
) -> Needed {
    let mut kept: Vec<Defect> = plan.cluster.defects.iter().collect();
    let mut part = kept.len().div_ceil(2);
    while part > 0 {
        let before = kept.len();
        let mut at = 0;
        while at < kept.len() {
            if !more() {
                return Needed { defects: kept, complete: false };
            }
            let end = kept.len().min(at + part);
            let without = [&kept[..at], &kept[end..]].concat();
            let mut plan = plan.clone();
            plan.cluster.defects = without.iter().copied().collect::<Defects>();
            if fails(&plan) {
                kept = without;
            } else {
                at = end;
            }
        }
        part = match part {
            1 if kept.len() == before => 0,
            1 => 1,
            _ => part / 2,
        };
    }
    Needed { defects: kept, complete: true }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::catalogue::find;
    use crate::format::parse;

    /// A plan with all that there is.
    fn plan() -> Plan {
        let calm = find("calm").expect("it is in the catalogue");
        let scenario = parse("calm", calm.text, &[]).expect("it is sound");
        let mut plan = crate::planner::plan(&scenario, 1);
        plan.cluster.defects = Defect::all().collect();
        plan
    }

    #[test]
    fn what_a_failure_takes_is_found_among_all() {
        let (plan, all) = (plan(), Defect::all().collect::<Vec<_>>());
        let needed = |fails: &dyn Fn(&Plan) -> bool| {
            let Needed { defects, complete } = needed_defects(&plan, fails, &|| true);
            assert!(complete, "nobody stopped it");
            defects
        };
        let both = |plan: &Plan| {
            let has = |defect: Defect| plan.cluster.defects.has(defect);
            has(all[2]) && has(all[7])
        };
        assert_eq!(needed(&both), [all[2], all[7]]);
        assert_eq!(needed(&|_| true), []);
        let either =
            |plan: &Plan| plan.cluster.defects.has(all[2]) || plan.cluster.defects.has(all[7]);
        assert_eq!(needed(&either), [all[7]]);
        // The first matters only as long as a later one is on.
        let masked = |plan: &Plan| {
            let has = |defect: Defect| plan.cluster.defects.has(defect);
            has(all[7]) && (has(all[2]) || !has(all[9]))
        };
        assert_eq!(needed(&masked), [all[7]]);
    }

    #[test]
    fn one_of_hundreds_costs_a_few_runs_and_a_search_ends_when_it_is_stopped() {
        let (plan, all) = (plan(), Defect::all().collect::<Vec<_>>());
        let runs = Cell::new(0);
        for wanted in [all[0], all[all.len() / 2], all[all.len() - 1]] {
            runs.set(0);
            let fails = |plan: &Plan| {
                runs.set(runs.get() + 1);
                plan.cluster.defects.has(wanted)
            };
            assert_eq!(needed_defects(&plan, &fails, &|| true).defects, [wanted]);
            let halvings = all.len().ilog2() + 1;
            assert!(runs.get() <= 2 * halvings + 2, "{} runs for {wanted}", runs.get());
            runs.set(0);
            let stopped = needed_defects(&plan, &fails, &|| runs.get() < 3);
            assert!(!stopped.complete && stopped.defects.contains(&wanted), "{stopped:?}");
            assert!(stopped.defects.len() < all.len() && runs.get() == 3, "{stopped:?}");
        }
    }
}
