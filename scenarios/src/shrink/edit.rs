//! One change of a plan. It is made on whatever plan is the best by then, so it names what it changes by its key, not
//! by where that stood when it was thought of.

use harrow_sim::plan::Plan;
use serde_json::Value;

use super::mend::mend;
use super::tree;
use crate::format::check_plan;

type Change = dyn Fn(&mut Value) -> bool + Send + Sync;

/// A change.
pub(super) struct Edit {
    change: Box<Change>,
}

impl Edit {
    /// A change of the plan's tree; it says whether there was anything to change.
    pub(super) fn new(change: impl Fn(&mut Value) -> bool + Send + Sync + 'static) -> Self {
        Self { change: Box::new(change) }
    }

    /// Puts a value at a place.
    pub(super) fn put(place: String, value: Value) -> Self {
        Self::new(move |tree| tree::put(tree, &place, value.clone()))
    }

    /// The plan with the change, and with what must follow from it; none if that is no plan that a person could write.
    pub(super) fn apply(&self, plan: &Plan) -> Option<Plan> {
        let mut tree = tree::tree(plan);
        if !(self.change)(&mut tree) {
            return None;
        }
        mend(&mut tree);
        let changed = tree::plan(tree)?;
        (changed != *plan && check_plan("a smaller plan", "{}", &changed).is_ok())
            .then_some(changed)
    }
}

/// All of them together, then halves, quarters and so on down to one by one; each from the last to the first, since
/// what comes late matters least.
pub(super) fn parts<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut all = Vec::new();
    let mut size = items.len();
    while size > 0 {
        let mut chunks: Vec<Vec<T>> = items.chunks(size).map(<[T]>::to_vec).collect();
        chunks.reverse();
        all.extend(chunks);
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_from_all_to_one_by_one() {
        let wanted =
            vec![vec![1, 2, 3, 4, 5], vec![4, 5], vec![1, 2, 3], vec![5], vec![3, 4], vec![1, 2]];
        let ones: Vec<Vec<i32>> = (1..=5).rev().map(|one| vec![one]).collect();
        assert_eq!(parts(&[1, 2, 3, 4, 5]), [wanted, ones].concat());
        assert_eq!(parts(&[1]), [[1]]);
        assert!(parts::<i32>(&[]).is_empty());
    }
}
