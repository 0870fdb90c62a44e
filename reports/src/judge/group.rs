//! Client anomalies of one kind, in one partition and from one cause are told as one.

use std::collections::BTreeMap;

use crate::check::Anomaly;
use crate::verdict::RecordLocation;

use super::attribute::ClientAnomaly;
use super::candidate::{Anomalies, Seen};
use super::cross_check::Source;
use super::explanation::Effect;
use super::mention::Mention;
use super::root::Root;

/// A group of client anomalies.
pub(super) struct Group<'a> {
    /// Name of their partition.
    pub(super) partition: &'a str,
    pub(super) origin: Origin,
    pub(super) anomalies: Anomalies,
}

/// Where the anomalies come from.
pub(super) enum Origin {
    /// An internal violation, by position of its root, with the proof for the first of them.
    Root(usize, String),
    /// Somebody else.
    Attribution(Source),
}

/// What anomalies of a group have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    anomaly: Anomaly,
    partition: u32,
    location: Option<RecordLocation>,
    cause: Cause,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Root(usize),
    Attribution(Source),
}

/// Groups the anomalies by what explains them. The result is in order of time.
pub(super) fn groups<'a>(roots: &[Root<'_>], anomalies: Vec<ClientAnomaly<'a>>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<Key, Group<'a>> = BTreeMap::new();
    for anomaly in anomalies {
        let origin = origin(roots, &anomaly);
        let key = Key::of(&anomaly, &origin);
        let seen = Seen::of(&anomaly.occurrence);
        if let Some(Group { anomalies, .. }) = groups.get_mut(&key) {
            anomalies.seen = anomalies.seen.and(seen);
            anomalies.mentions.push(Mention::of(&anomaly.occurrence));
            anomalies.count += 1;
        } else {
            groups.insert(key, Group::begun_by(roots, anomaly, seen, origin));
        }
    }
    let mut groups: Vec<Group<'a>> = groups.into_values().collect();
    groups.sort_by_key(|group| group.anomalies.first.at_ns);
    groups
}

/// What the history itself speaks against has no cause inside; what a violation explains needs no other.
fn origin(roots: &[Root<'_>], anomaly: &ClientAnomaly<'_>) -> Origin {
    let source =
        anomaly.attribution.as_ref().map_or(Source::Unproved, |attribution| attribution.source);
    if anomaly.contradicted {
        return Origin::Attribution(source);
    }
    let effect = Effect::of(anomaly);
    let proofs = roots.iter().enumerate();
    let mut proofs = proofs.filter_map(|(root, it)| Some((root, it.explains(&effect)?)));
    proofs.next().map_or(Origin::Attribution(source), |(root, proof)| Origin::Root(root, proof))
}

impl Key {
    fn of(anomaly: &ClientAnomaly<'_>, origin: &Origin) -> Self {
        Self {
            anomaly: anomaly.occurrence.anomaly,
            partition: anomaly.occurrence.partition,
            location: anomaly.location,
            cause: match origin {
                Origin::Root(root, _) => Cause::Root(*root),
                Origin::Attribution(source) => Cause::Attribution(*source),
            },
        }
    }
}

impl<'a> Group<'a> {
    fn begun_by(
        roots: &[Root<'_>],
        anomaly: ClientAnomaly<'a>,
        seen: Seen,
        origin: Origin,
    ) -> Self {
        let effect = Effect::of(&anomaly);
        let later_cause = roots.iter().any(|root| root.came_too_late_for(&effect));
        let ClientAnomaly { occurrence: first, partition, location, attribution, .. } = anomaly;
        let mentions = vec![Mention::of(&first)];
        let count = 1;
        let anomalies =
            Anomalies { first, mentions, seen, count, location, attribution, later_cause };
        Self { partition, origin, anomalies }
    }
}
