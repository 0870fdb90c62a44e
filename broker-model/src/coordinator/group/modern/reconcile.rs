//! How a member comes to its target. Source: Kafka's `CurrentAssignmentBuilder`.
//!
//! What it must give up it gives up first, in its old epoch, and says so: by a heartbeat that does not name it any
//! more. Only then it goes on. It gets what nobody else holds; for the rest it waits in the target's epoch.

use super::member::{Holding, MemberState, Partitions};
use crate::types::TopicPartition;

/// What a member shall have, and since which epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) epoch: i32,
    pub(super) partitions: &'a Partitions,
}

/// The known bugs that are on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weaknesses {
    /// A member goes on before it has said that it gave up what it must.
    pub(super) goes_on_unacknowledged: bool,
    /// Known bug G06, as 3.7 had it: what it gives up may be given back at once.
    pub(super) takes_back: bool,
    /// A member that waits for others is not looked at again.
    pub(super) forgets_waiting: bool,
}

/// What a member holds next. `owned` is what it says that it has, if it says so; `held` says whether anybody holds a
/// partition.
pub(super) fn reconcile(
    member: &Holding,
    target: Target<'_>,
    owned: Option<&Partitions>,
    held: impl Fn(&TopicPartition) -> bool,
    weaknesses: Weaknesses,
) -> Holding {
    match member.state {
        MemberState::Stable if member.epoch == target.epoch => member.clone(),
        MemberState::Unreleased if weaknesses.forgets_waiting && member.epoch == target.epoch => {
            member.clone()
        }
        MemberState::Stable | MemberState::Unreleased => {
            next(member, (member.epoch, &member.assigned), target, owned, held, weaknesses)
        }
        MemberState::Unrevoked if weaknesses.takes_back && takes_back(member, target) => {
            let all = member.all().copied().collect();
            next(member, (member.epoch, &all), target, owned, held, weaknesses)
        }
        MemberState::Unrevoked => {
            let owns = owns_any(&member.revoking, owned);
            if owns && !weaknesses.goes_on_unacknowledged {
                return member.clone();
            }
            next(member, (member.epoch + 1, &member.assigned), target, owned, held, weaknesses)
        }
    }
}

fn takes_back(member: &Holding, target: Target<'_>) -> bool {
    member.revoking.iter().any(|place| target.partitions.contains(place))
}

/// A member that says nothing of what it has may have it. Source: `CurrentAssignmentBuilder.ownsRevokedPartitions`.
fn owns_any(revoked: &Partitions, owned: Option<&Partitions>) -> bool {
    owned.is_none_or(|owned| owned.iter().any(|place| revoked.contains(place)))
}

/// Source: `CurrentAssignmentBuilder.computeNextAssignment`.
fn next(
    member: &Holding,
    (epoch, assigned): (i32, &Partitions),
    target: Target<'_>,
    owned: Option<&Partitions>,
    held: impl Fn(&TopicPartition) -> bool,
    weaknesses: Weaknesses,
) -> Holding {
    let kept: Partitions = assigned.intersection(target.partitions).copied().collect();
    let revoking: Partitions = assigned.difference(&kept).copied().collect();
    let wanted: Partitions = target.partitions.difference(&kept).copied().collect();
    let free: Partitions = wanted.iter().filter(|place| !held(place)).copied().collect();
    let waits = free.len() < wanted.len();
    let previous_epoch = member.epoch;
    let must_tell = owns_any(&revoking, owned) && !weaknesses.goes_on_unacknowledged;
    if !revoking.is_empty() && must_tell {
        let state = MemberState::Unrevoked;
        return Holding { epoch, previous_epoch, state, assigned: kept, revoking };
    }
    Holding {
        epoch: target.epoch,
        previous_epoch,
        state: if waits { MemberState::Unreleased } else { MemberState::Stable },
        assigned: kept.union(&free).copied().collect(),
        revoking: Partitions::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    const SOUND: Weaknesses =
        Weaknesses { goes_on_unacknowledged: false, takes_back: false, forgets_waiting: false };

    fn some(indexes: &[i32]) -> Partitions {
        let place = |index: &i32| TopicPartition { topic: TopicId(1), partition: *index };
        indexes.iter().map(place).collect()
    }

    fn holding(state: MemberState, epoch: i32, assigned: &[i32], revoking: &[i32]) -> Holding {
        let (assigned, revoking) = (some(assigned), some(revoking));
        Holding { epoch, previous_epoch: epoch - 1, state, assigned, revoking }
    }

    /// (state, epoch, assigned, revoking), target in epoch 5, what it says that it owns, what anybody holds, and the
    /// result.
    type Row<'a> = (
        (MemberState, i32, &'a [i32], &'a [i32]),
        &'a [i32],
        Option<&'a [i32]>,
        &'a [i32],
        (MemberState, i32, &'a [i32], &'a [i32]),
    );

    #[test]
    fn a_member_gives_up_first_and_takes_what_is_free() {
        use MemberState::{Stable, Unreleased, Unrevoked};
        let table: &[Row<'_>] = &[
            // At its target, nothing happens.
            ((Stable, 5, &[1], &[]), &[1], None, &[1], (Stable, 5, &[1], &[])),
            // What is free is taken with the new epoch.
            ((Stable, 4, &[1], &[]), &[1, 2], Some(&[1]), &[1], (Stable, 5, &[1, 2], &[])),
            // What another one holds is waited for in the new epoch.
            ((Stable, 4, &[1], &[]), &[1, 2], Some(&[1]), &[1, 2], (Unreleased, 5, &[1], &[])),
            ((Unreleased, 5, &[1], &[]), &[1, 2], None, &[1], (Stable, 5, &[1, 2], &[])),
            // What it must give up keeps it in its epoch, until it says that it is done.
            ((Stable, 4, &[1, 2], &[]), &[1], Some(&[1, 2]), &[1, 2], (Unrevoked, 4, &[1], &[2])),
            ((Stable, 4, &[1, 2], &[]), &[1], None, &[1, 2], (Unrevoked, 4, &[1], &[2])),
            ((Unrevoked, 4, &[1], &[2]), &[1], None, &[1, 2], (Unrevoked, 4, &[1], &[2])),
            ((Unrevoked, 4, &[1], &[2]), &[1], Some(&[1, 2]), &[1], (Unrevoked, 4, &[1], &[2])),
            ((Unrevoked, 4, &[1], &[2]), &[1], Some(&[1]), &[1, 2], (Stable, 5, &[1], &[])),
            // Given up and wanted again: it counts as held until it was let go.
            ((Unrevoked, 4, &[1], &[2]), &[1, 2], Some(&[1]), &[1, 2], (Unreleased, 5, &[1], &[])),
            // One who never had what is taken from it has nothing to give up.
            ((Stable, 4, &[1, 2], &[]), &[1], Some(&[1]), &[1, 2], (Stable, 5, &[1], &[])),
        ];
        for (before, target, owned, held, after) in table {
            let member = holding(before.0, before.1, before.2, before.3);
            let partitions = some(target);
            let target = Target { epoch: 5, partitions: &partitions };
            let owned = owned.map(some);
            let held = some(held);
            let next =
                reconcile(&member, target, owned.as_ref(), |place| held.contains(place), SOUND);
            let expected = holding(after.0, after.1, after.2, after.3);
            let told = (next.state, next.epoch, &next.assigned, &next.revoking);
            let wanted = (expected.state, expected.epoch, &expected.assigned, &expected.revoking);
            assert_eq!(told, wanted, "{before:?} to {:?}", target.partitions);
        }
    }

    #[test]
    fn who_never_waits_for_a_word_goes_on_at_once() {
        let member = holding(MemberState::Stable, 4, &[1, 2], &[]);
        let partitions = some(&[1]);
        let weak = Weaknesses { goes_on_unacknowledged: true, ..SOUND };
        let next =
            reconcile(&member, Target { epoch: 5, partitions: &partitions }, None, |_| true, weak);
        assert_eq!((next.epoch, next.state), (5, MemberState::Stable));
    }
}
