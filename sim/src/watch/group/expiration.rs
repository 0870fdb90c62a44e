//! Which offsets expire.
//!
//! Promise: as long as a classic group has members, what these read keeps its offsets, however old they are; and while
//! its members join nothing expires, since nobody knows what they are going to read. Else who comes back, or has been
//! there all the time, begins where `auto.offset.reset` says. Source: KIP-211, KAFKA-13636;
//! `ClassicGroup.offsetExpirationCondition`.
//! A deposed coordinator's late word counts for nothing.
//! Not verified: how old the offsets are; groups of the consumer protocol, of whose members nobody says what they
//! subscribe to; what a coordinator has loaded and not said the state of, where members have said nothing either.

use harrow_broker_model::note::ClassicGroupState;
use harrow_broker_model::types::TopicPartition;

use super::classic_states::Known;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LIVE: Anomaly = Anomaly {
    name: "live-offset-expired",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator let an offset expire although members of its group go on from it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "offsets-of-members",
    promise: "what members of a classic group read, or may come to read, keeps its offset",
    source: "KIP-211, KAFKA-13636, ClassicGroup.offsetExpirationCondition",
    leaves_out: "how old offsets are; groups of the consumer protocol",
    anomalies: &[LIVE],
};

/// A group whose offsets have expired.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expired<'a> {
    pub(super) group: &'a str,
    pub(super) partitions: &'a [TopicPartition],
    /// In which state it was, if that is known.
    pub(super) state: Option<Known>,
}

/// Offsets of a group have expired; `owner` says who has a partition in it.
pub(super) fn on_expired<'o>(
    context: &Context<'_>,
    findings: &mut Findings,
    expired: Expired<'_>,
    owner: impl Fn(TopicPartition) -> Option<&'o str>,
) {
    let Expired { group, partitions, state } = expired;
    let Some(state) = state else { return };
    for partition in partitions {
        let who = match state {
            Known::Said(
                ClassicGroupState::PreparingRebalance | ClassicGroupState::CompletingRebalance,
            ) => Some("members that join".to_owned()),
            Known::Settled | Known::Said(ClassicGroupState::Stable) => {
                owner(*partition).map(|member| format!("member {member}, which has it"))
            }
            Known::Said(ClassicGroupState::Empty | ClassicGroupState::Dead) => None,
        };
        if let Some(who) = who {
            findings.report(context, &LIVE, *partition, || {
                format!("its offset in group {group} expired, from which {who} would go on")
            });
        }
    }
}
