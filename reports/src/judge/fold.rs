//! Fourth stage: one cause first, and what follows from it folded under it, with the proof of why.
//!
//! Internal violations come first, the later ones under the earlier ones; then what clients saw; then what never
//! happened.

use super::attribute::Attributed;
use super::candidate::{Candidate, Charge, View};
use super::group::{Group, Origin, groups};
use super::root::{Consequence, Root};

/// Folds all that is broken into its root causes, in order of time.
pub(super) fn fold(attributed: Attributed<'_>) -> Vec<Root<'_>> {
    let Attributed { mut violations, anomalies, failure } = attributed;
    violations.sort_by_key(|candidate| candidate.at_ns);
    let mut roots = fold_all(Vec::new(), violations);
    let groups = groups(&roots, anomalies);
    let mut others: Vec<Candidate<'_>> =
        groups.into_iter().filter_map(|group| take(&mut roots, group)).collect();
    others.extend(failure);
    others.sort_by_key(|candidate| (candidate.view, candidate.at_ns));
    let mut roots = fold_all(roots, others);
    roots.sort_by_key(|root| (root.candidate.at_ns, root.candidate.view));
    roots
}

/// Puts a group under the root that explains it; one that none explains may be a root cause itself.
fn take<'a>(roots: &mut [Root<'a>], group: Group<'_>) -> Option<Candidate<'a>> {
    let Group { partition, origin, anomalies } = group;
    match origin {
        Origin::Root(root, proof) => {
            let charge = Charge::Anomalies(Box::new(anomalies));
            roots[root].consequences.push(Consequence { charge, proof: Some(proof) });
            None
        }
        Origin::Attribution(source) => Some(Candidate {
            at_ns: anomalies.first.at_ns,
            view: View::Client(source),
            partition: Some(partition.to_owned()),
            guarantee: Some(anomalies.first.anomaly.guarantee()),
            charge: Charge::Anomalies(Box::new(anomalies)),
        }),
    }
}

fn fold_all<'a>(
    mut roots: Vec<Root<'a>>,
    others: impl IntoIterator<Item = Candidate<'a>>,
) -> Vec<Root<'a>> {
    for other in others {
        match roots.iter_mut().find(|root| root.folds(&other)) {
            Some(root) => root.fold(Root::new(other)),
            None => roots.push(Root::new(other)),
        }
    }
    roots
}
