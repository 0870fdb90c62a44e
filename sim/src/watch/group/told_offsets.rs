//! What is told of a committed offset is what somebody committed.
//!
//! Promise: who fetches a group's offset is told an offset, a leader epoch and a metadata text that came together in
//! one commit of that group for that partition, alone or within a transaction. Whoever goes on from an offset without
//! its epoch does not notice that the log was cut, and reads on in another one (KIP-320).
//! Source: `OffsetAndMetadata.fromRequest`, `OffsetMetadataManager.fetchOffsets`; KIP-211, KIP-320.
//! Not verified: which of the commits it is, which the history of the clients shows; whether it was accepted; runs with
//! clients that speak bytes, whose commits nobody hears.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Request, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::proto::{
    OffsetCommitRequest, OffsetFetchResponseGroup, OffsetFetchResponsePartitions, StrBytes,
    TxnOffsetCommitRequest,
};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const NEVER: Anomaly = Anomaly {
    name: "told-offset-never-committed",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator told an offset, an epoch and a text for it that no commit of the group had together",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "told-offsets",
    promise: "a committed offset is told with the epoch and the text with which it was committed",
    source: "OffsetAndMetadata.fromRequest, KIP-320",
    leaves_out: "which of the commits it is; clients that speak bytes",
    anomalies: &[NEVER],
};

/// A topic's name and a partition.
type Whereabouts = (StrBytes, i32);
/// An offset, the leader epoch of the record before it, and a text.
type Committed = (i64, i32, StrBytes);

/// What was ever to be committed, by group and partition.
#[derive(Debug, Default)]
pub(super) struct ToldOffsets {
    commits: BTreeMap<StrBytes, BTreeMap<Whereabouts, BTreeSet<Committed>>>,
    /// Somebody speaks bytes: nobody knows what it commits.
    unheard: bool,
}

impl ToldOffsets {
    /// A node is about to handle a request.
    pub(super) fn asked(&mut self, request: &Request) {
        if let RequestBody::Client(ClientRequest::OffsetCommit(commit)) = &request.body {
            self.on_commit(commit);
        } else if let RequestBody::Client(ClientRequest::TxnOffsetCommit(commit)) = &request.body {
            self.on_commit_in_transaction(commit);
        } else {
            self.unheard |= matches!(request.body, RequestBody::Wire(_));
        }
    }

    fn on_commit(&mut self, commit: &OffsetCommitRequest) {
        let group = self.commits.entry(commit.group_id.0.clone()).or_default();
        for topic in &commit.topics {
            for one in &topic.partitions {
                let committed = (one.committed_offset, one.committed_leader_epoch);
                let place = (topic.name.0.clone(), one.partition_index);
                let committed = with_text(committed, one.committed_metadata.as_ref());
                group.entry(place).or_default().insert(committed);
            }
        }
    }

    fn on_commit_in_transaction(&mut self, commit: &TxnOffsetCommitRequest) {
        let group = self.commits.entry(commit.group_id.0.clone()).or_default();
        for topic in &commit.topics {
            for one in &topic.partitions {
                let committed = (one.committed_offset, one.committed_leader_epoch);
                let place = (topic.name.0.clone(), one.partition_index);
                let committed = with_text(committed, one.committed_metadata.as_ref());
                group.entry(place).or_default().insert(committed);
            }
        }
    }

    /// A node answers.
    pub(super) fn answered(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        response: &Response,
    ) {
        let ResponseBody::Client(ClientResponse::OffsetFetch(fetched)) = &response.body else {
            return;
        };
        for group in fetched.groups.iter().filter(|it| it.error_code == 0 && !self.unheard) {
            self.on_told(context, findings, group);
        }
    }

    fn on_told(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        told: &OffsetFetchResponseGroup,
    ) {
        let commits = self.commits.get(&told.group_id.0);
        for topic in &told.topics {
            for one in topic.partitions.iter().filter(|it| is_an_offset(it)) {
                let place = (topic.name.0.clone(), one.partition_index);
                let committed = (one.committed_offset, one.committed_leader_epoch);
                let committed = with_text(committed, one.metadata.as_ref());
                let known = commits.and_then(|commits| commits.get(&place));
                if !known.is_some_and(|known| known.contains(&committed)) {
                    report(context, findings, (&told.group_id.0, &place), &committed);
                }
            }
        }
    }
}

/// No text and an empty one are the same to a coordinator.
fn with_text((offset, epoch): (i64, i32), text: Option<&StrBytes>) -> Committed {
    (offset, epoch, text.cloned().unwrap_or_default())
}

/// Where nothing is committed, that is told with -1.
fn is_an_offset(told: &OffsetFetchResponsePartitions) -> bool {
    told.error_code == 0 && told.committed_offset >= 0
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    (group, (topic, partition)): (&StrBytes, &Whereabouts),
    (offset, epoch, text): &Committed,
) {
    findings.report(context, &NEVER, Place::CLUSTER, || {
        format!(
            "{}: offset {offset} of {}-{partition} was told with epoch {epoch} and \"{}\", as nobody committed it",
            group.as_str(),
            topic.as_str(),
            text.as_str()
        )
    });
}
