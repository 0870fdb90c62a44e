//! Which configuration promised what was broken, in one line.

use harrow_broker_model::config::Acks;
use harrow_sim::plan::ProcessingGuarantee;
use harrow_sim::violation::Guarantee;

use crate::check::Anomaly;
use crate::policy::{Isolation, ProducerTerms, Terms};

/// Where something is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A partition of the history, by position.
    Partition(u32),
    /// The controllers' metadata log.
    Metadata,
    /// A topic that only coordinators read, a group, a transaction, or the cluster as a whole.
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
        (_, Place::Metadata) => {
            "the controller quorum: one vote a voter and epoch, a majority for each record"
                .to_owned()
        }
        (Guarantee::Leadership, Place::Partition(_)) => {
            "the controller: one leader for each leader epoch".to_owned()
        }
        (Guarantee::Leadership, Place::Cluster) => {
            "leaders and coordinators: nothing of a deposed one counts".to_owned()
        }
        (Guarantee::Durability, Place::Cluster) => {
            "brokers: what was committed, or is said to be on disk, stays".to_owned()
        }
        (Guarantee::Replication, Place::Cluster) => {
            "replicas: they agree on what is committed, and coordinators go by that".to_owned()
        }
        (Guarantee::Offsets, Place::Cluster) => {
            "the group's coordinator: one owner at a time, and what is committed is told to all"
                .to_owned()
        }
        (Guarantee::Visibility, Place::Cluster) => {
            "the transaction's coordinator: all of a transaction or none, as it was decided"
                .to_owned()
        }
        (Guarantee::Ordering, Place::Partition(_) | Place::Cluster) => ordering(producer),
        (Guarantee::Visibility, Place::Partition(_)) => visibility(terms),
        (
            Guarantee::Durability | Guarantee::Replication | Guarantee::Offsets,
            Place::Partition(partition),
        ) => durability(terms, producer, partition),
    }
}

/// What promises that clients never see an anomaly in a partition. `producer` names whose settings apply, if a
/// record of its is concerned.
pub(crate) fn promise_to_clients(
    terms: &Terms,
    anomaly: Anomaly,
    partition: u32,
    producer: Option<u32>,
) -> String {
    let producer = terms.producer(producer.unwrap_or(u32::MAX));
    let fixed = match anomaly {
        Anomaly::LostWrite
        | Anomaly::Unseen
        | Anomaly::InconsistentOffsets
        | Anomaly::RealtimeOrder
        | Anomaly::StaleEndOffset
        | Anomaly::EndOffsetRegression => return durability(terms, producer, partition),
        Anomaly::Duplicate | Anomaly::NonmonotonicSend | Anomaly::IntNonmonotonicSend => {
            return ordering(producer);
        }
        Anomaly::G1a
        | Anomaly::PrecommittedRead
        | Anomaly::G1c
        | Anomaly::G1cProcess
        | Anomaly::G1cRealtime => return isolation(terms),
        Anomaly::ResumeSkip => {
            let reset = terms.weakest_reset().name();
            return format!(
                "the group's committed offsets; without any, auto.offset.reset={reset}"
            );
        }
        Anomaly::LostCommit => {
            "the group's committed offsets, kept for offsets.retention.minutes without members"
        }
        Anomaly::NonmonotonicPoll
        | Anomaly::IntNonmonotonicPoll
        | Anomaly::PollSkip
        | Anomaly::IntPollSkip => {
            "a consumer's position: what it has not been given before, in order, without gaps"
        }
        Anomaly::GarbageRead => "every record's checksum: what is read was sent",
        Anomaly::TornTransaction => "a transaction: all of its records, or none",
        Anomaly::EosDuplicate | Anomaly::EosLoss => processing(terms),
        Anomaly::LateProcessing => {
            "processed_within_ms of the group: by when its application has processed each record"
        }
        Anomaly::ZombieCommit => "the group's coordinator: who is of an older generation is fenced",
        Anomaly::CommitBeyondPosition => {
            "a consumer's position: it commits no further than it came"
        }
        Anomaly::DoubleOwnership => "the group's assignment: one owner of a partition at a time",
        Anomaly::IntSendSkip
        | Anomaly::G0
        | Anomaly::G0Process
        | Anomaly::G0Realtime
        | Anomaly::G1cWw
        | Anomaly::G1cWwProcess
        | Anomaly::G1cWwRealtime => "nothing: Kafka does not isolate the writes of transactions",
    };
    fixed.to_owned()
}

/// What groups promise that process what they read: the strongest of it.
fn processing(terms: &Terms) -> &'static str {
    let made = |one| terms.processing.iter().any(|(_, made)| *made == one);
    if terms.processing.is_empty() || made(ProcessingGuarantee::ExactlyOnce) {
        "exactly-once processing: a transaction commits its input's offsets with its output"
    } else if made(ProcessingGuarantee::AtLeastOnce) {
        "at-least-once processing: offsets are committed once what they pass is processed"
    } else {
        "at-most-once processing: records are processed once their offsets are committed"
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
    format!("{}: nothing above the high watermark is served", isolation(terms))
}

fn isolation(terms: &Terms) -> String {
    let isolation = match terms.weakest_isolation() {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    };
    format!("isolation.level={isolation}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quorum_promises_its_metadata_and_nothing_else() {
        let guarantees = [
            Guarantee::Durability,
            Guarantee::Ordering,
            Guarantee::Offsets,
            Guarantee::Visibility,
            Guarantee::Leadership,
            Guarantee::Replication,
        ];
        for guarantee in guarantees {
            let by = |place| promise(&Terms::strict(), guarantee, place, None);
            assert!(by(Place::Metadata).contains("the controller quorum"), "{guarantee:?}");
            assert!(!by(Place::Cluster).contains("the controller quorum"), "{guarantee:?}");
        }
    }
}
