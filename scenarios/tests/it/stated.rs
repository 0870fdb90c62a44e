//! The facts on which the fences rest are stated: for each request that is served by its epoch, and each answer that
//! counts, a run tells so. A line of the model that states it and is lost would leave its rule with nothing to judge.

use std::collections::BTreeSet;

use harrow_broker_model::note::Api;
use harrow_scenarios::catalogue::find;
use harrow_scenarios::format::parse;
use harrow_scenarios::pipeline::run;
use harrow_scenarios::planner::plan;

/// Runs in which every one of them comes.
const RUNS: [(&str, u64); 6] = [
    ("exactly-once", 3),
    ("next-gen-rebalance", 3),
    ("controller-failover", 3),
    ("log-directory-dies", 3),
    ("zombie-consumer", 3),
    ("voter-replacement", 3),
];

/// Requests whose serving is stated, with the epoch that they name. Of the others one is stated where it names another
/// epoch than that of whom it asks, which no sound rule serves, or the fact that it leads to has the epoch.
const SERVED: [Api; 17] = [
    Api::AlterPartition,
    Api::AssignReplicasToDirs,
    Api::AddPartitionsToTxn,
    Api::AllocateProducerIds,
    Api::BeginQuorumEpoch,
    Api::BrokerHeartbeat,
    Api::ConsumerGroupHeartbeat,
    Api::EndQuorumEpoch,
    Api::EndTxn,
    Api::Fetch,
    Api::Heartbeat,
    Api::ListOffsets,
    Api::OffsetFetch,
    Api::OffsetForLeaderEpoch,
    Api::SyncGroup,
    Api::Vote,
    Api::WriteTxnMarkers,
];

/// Answers whose effect is stated, with what was asked for.
const APPLIED: [Api; 16] = [
    Api::AlterPartition,
    Api::ConsumerGroupHeartbeat,
    Api::EndTxn,
    Api::Fetch,
    Api::FetchSnapshot,
    Api::Heartbeat,
    Api::InitProducerId,
    Api::JoinGroup,
    Api::ListOffsets,
    Api::OffsetCommit,
    Api::OffsetFetch,
    Api::OffsetForLeaderEpoch,
    Api::SyncGroup,
    Api::TxnOffsetCommit,
    Api::Vote,
    Api::WriteTxnMarkers,
];

fn names(apis: &[Api]) -> BTreeSet<String> {
    apis.iter().map(|api| api.name().to_owned()).collect()
}

/// The word behind a phrase, of all rows that have it.
fn behind<'a>(rows: &'a [String], phrase: &'a str) -> impl Iterator<Item = String> + 'a {
    let rest = rows.iter().filter_map(move |row| row.split_once(phrase));
    rest.filter_map(|(_, rest)| rest.split([' ', ',']).next().map(str::to_owned))
}

#[test]
fn what_is_served_and_what_counts_is_stated() {
    let mut rows = Vec::new();
    for (scenario, seed) in RUNS {
        let text = find(scenario).expect("it is in the catalogue").text;
        let scenario = parse(scenario, text, &[]).expect("it is sound");
        let run = run(&plan(&scenario, seed), true);
        rows.extend(run.trace.into_iter().flatten().map(|row| row.text));
    }
    let served: BTreeSet<String> = behind(&rows, "handled ").collect();
    assert_eq!(served, names(&SERVED));
    let applied: BTreeSet<String> = behind(&rows, "applied response to ").collect();
    assert_eq!(applied, names(&APPLIED));
    for row in rows.iter().filter(|row| row.contains("request epoch ")) {
        // Markers name the epoch of their coordinator, whose newest one is taken over.
        let alike = row.split_once("request epoch ").and_then(|(_, rest)| {
            let (named, own) = rest.split_once(", current epoch ")?;
            Some(named == own || row.contains(Api::WriteTxnMarkers.name()))
        });
        assert_eq!(alike, Some(true), "{row}");
    }
}
