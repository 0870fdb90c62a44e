//! Nothing is given that somebody else still has.
//!
//! Promise: the leader of a group that rebalances cooperatively gives nobody a partition that another member says it
//! owns, unless the one to whom it gives it says so, too, of a newer generation: who claims it may read it until it is
//! told otherwise, however old the claim is. Source: KIP-429, KIP-792, KAFKA-14639;
//! `CooperativeStickyAssignor.adjustAssignment`.
//! Not verified: other assignors, where all is given up before; whether the shares are even, and stay where they were.

use std::collections::BTreeMap;

use harrow_broker_model::consumer_protocol::{Place, Subscription, decode_assignment};
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Request, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::proto::{JoinGroupResponse, SyncGroupRequest};
use harrow_broker_model::types::NodeId;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place as Whereabouts};

/// The assignor that lets members keep what they own while others join.
const COOPERATIVE: &str = "cooperative-sticky";

const GIVEN: Anomaly = Anomaly {
    name: "claimed-partition-given",
    guarantee: Guarantee::Offsets,
    meaning: "a group's leader gave a member a partition that another one still owns",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "cooperative-assignment",
    promise: "what changes hands in a cooperative group is given up before it is given on",
    source: "KIP-429, KIP-792, CooperativeStickyAssignor.adjustAssignment",
    leaves_out: "other assignors; whether shares are even",
    anomalies: &[GIVEN],
};

/// What the leaders of cooperative groups were told that members own.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By leader: by whom, of which generation, and by which member each.
    told: BTreeMap<String, (NodeId, i32, Vec<Claim>)>,
}

#[derive(Debug)]
struct Claim {
    member: String,
    generation: i32,
    owned: Vec<Place>,
}

impl Claims {
    /// A coordinator answers.
    pub(super) fn answered(&mut self, node: NodeId, response: &Response) {
        if let ResponseBody::Client(ClientResponse::JoinGroup(joined)) = &response.body
            && joined.protocol_name.as_deref() == Some(COOPERATIVE)
            && !joined.members.is_empty()
        {
            let told = (node, joined.generation_id, claims(joined));
            self.told.insert(joined.member_id.to_string(), told);
        }
    }

    /// A coordinator is asked.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        request: &Request,
    ) {
        if let RequestBody::Client(ClientRequest::SyncGroup(sync)) = &request.body
            && let Some((node, generation, claims)) = self.told.get(sync.member_id.as_str())
            && (*node, *generation) == (context.node, sync.generation_id)
        {
            judge(context, findings, claims, sync);
        }
    }
}

fn claims(joined: &JoinGroupResponse) -> Vec<Claim> {
    let claims = joined.members.iter().filter_map(|one| {
        let Subscription { owned, generation, .. } =
            Subscription::decode_for(Some(COOPERATIVE), &one.metadata)?;
        Some(Claim { member: one.member_id.to_string(), generation, owned })
    });
    claims.collect()
}

fn judge(
    context: &Context<'_>,
    findings: &mut Findings,
    claims: &[Claim],
    sync: &SyncGroupRequest,
) {
    for given in &sync.assignments {
        for place in decode_assignment(&given.assignment).unwrap_or_default() {
            let claimed = claims.iter().filter(|claim| claim.owned.contains(&place));
            let (own, others): (Vec<&Claim>, Vec<&Claim>) =
                claimed.partition(|claim| claim.member == given.member_id.as_str());
            let own = own.first().map(|claim| claim.generation);
            let other = others.into_iter().find(|claim| own <= Some(claim.generation));
            if let Some(other) = other {
                findings.report(context, &GIVEN, Whereabouts::CLUSTER, || {
                    format!(
                        "{} gave {}-{} to {}; {} has it since generation {}",
                        sync.member_id.as_str(),
                        place.0.as_str(),
                        place.1,
                        given.member_id.as_str(),
                        other.member,
                        other.generation
                    )
                });
            }
        }
    }
}
