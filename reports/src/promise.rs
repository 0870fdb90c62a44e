//! Which configuration promised what was broken, in one line.

use harrow_broker_model::config::Acks;
use harrow_sim::violation::Guarantee;

use crate::policy::{Isolation, ProducerTerms, Terms};

/// Where something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A partition of the history, by position.
    Partition(u32),
    /// The controllers' metadata log, or the cluster as a whole.
    Cluster,
}

/// What promises a guarantee there. `producer` names whose settings apply, if a record of its is concerned.
pub(crate) fn promise(
    terms: &Terms,
    guarantee: Guarantee,
    place: Place,
    producer: Option<u32>,
) -> String {
    let producer = terms.producer(producer.unwrap_or(u32::MAX));
    match (guarantee, place) {
        (Guarantee::Liveness, _) => "every rule by which Kafka recovers once faults end".to_owned(),
        (_, Place::Cluster) => {
            "the controller quorum: one vote a voter and epoch, a majority for each record"
                .to_owned()
        }
        (Guarantee::Leadership, Place::Partition(_)) => {
            "the controller: one leader for each leader epoch".to_owned()
        }
        (Guarantee::Ordering, Place::Partition(_)) => ordering(producer),
        (Guarantee::Visibility, Place::Partition(_)) => visibility(terms),
        (
            Guarantee::Durability | Guarantee::Replication | Guarantee::Offsets,
            Place::Partition(partition),
        ) => durability(terms, producer, partition),
    }
}

fn ordering(producer: ProducerTerms) -> String {
    if producer.idempotence {
        "enable.idempotence=true: each record once, in the order of sends".to_owned()
    } else {
        format!("acks={}, max.in.flight={}", acks(producer.acks), producer.in_flight_max)
    }
}

fn visibility(terms: &Terms) -> String {
    let isolation = match terms.isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    format!("isolation.level={isolation}: nothing above the high watermark is served")
}

fn durability(terms: &Terms, producer: ProducerTerms, partition: u32) -> String {
    let acks = acks(producer.acks);
    let Some(topic) = terms.partition(partition) else {
        return format!("acks={acks}");
    };
    let unclean = topic.unclean_leader_election;
    format!(
        "acks={acks}, min.insync.replicas={}, unclean.leader.election.enable={unclean}",
        topic.min_insync_replicas
    )
}

fn acks(acks: Acks) -> &'static str {
    match acks {
        Acks::All => "all",
        Acks::Leader => "1",
        Acks::None => "0",
    }
}
