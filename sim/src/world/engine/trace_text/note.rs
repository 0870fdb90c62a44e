//! Notes in words.

use harrow_broker_model::note::{
    AppendOrigin, BrokerNote, BrokerState, ConsumerNote, ControllerNote, GroupNote, LogNote,
    MetadataChange, Note, PartitionRegistration, ProducerNote, QuorumNote, QuorumRole,
    ReplicationNote, TransactionNote,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::{Names, also, nodes, somebody, span};
use crate::view::why_cut;
use crate::watch::transaction_state;

/// What a node has stated.
pub(super) fn trace_text(names: &Names, note: &Note) -> String {
    match note {
        Note::Log(LogNote::Appended { .. })
        | Note::Log(LogNote::Truncated { .. })
        | Note::Log(LogNote::Recovered { .. })
        | Note::Log(LogNote::EpochsKnown { .. })
        | Note::Log(LogNote::StartMoved { .. }) => log(names, note),
        Note::Replication(ReplicationNote::BecameLeader { .. })
        | Note::Replication(ReplicationNote::BecameFollower { .. })
        | Note::Replication(ReplicationNote::HighWatermarkMoved { .. })
        | Note::Producer(ProducerNote::ProducersKnown { .. })
        | Note::Transaction(TransactionNote::LastStableOffsetMoved { .. })
        | Note::Replication(ReplicationNote::IsrProposed { .. })
        | Note::Controller(ControllerNote::IsrProposalAccepted { .. })
        | Note::Replication(ReplicationNote::IsrProposalRefused { .. })
        | Note::Replication(ReplicationNote::IsrCommitted { .. })
        | Note::Replication(ReplicationNote::RequestFenced { .. })
        | Note::Replication(ReplicationNote::FollowerHeard { .. })
        | Note::Replication(ReplicationNote::DivergenceFound { .. }) => replication(names, note),
        Note::Producer(ProducerNote::ProduceAcknowledged { .. })
        | Note::Producer(ProducerNote::NotEnoughReplicas { .. })
        | Note::Consumer(ConsumerNote::RecordsServed { .. })
        | Note::Consumer(ConsumerNote::EpochEndServed { .. })
        | Note::Producer(ProducerNote::SequenceRefused { .. })
        | Note::Consumer(ConsumerNote::EndOffsetServed { .. }) => promise(names, note),
        Note::Quorum(QuorumNote::StateChanged { .. })
        | Note::Quorum(QuorumNote::StatePersisted { .. })
        | Note::Quorum(QuorumNote::LogSynced { .. })
        | Note::Quorum(QuorumNote::VoteGranted { .. })
        | Note::Quorum(QuorumNote::HighWatermarkMoved { .. })
        | Note::Controller(ControllerNote::Activated { .. }) => quorum(note),
        Note::Controller(ControllerNote::MetadataApplied { offset, change, .. }) => {
            format!("applied metadata {offset}: {}", metadata(names, change))
        }
        Note::Producer(ProducerNote::ProducerIdGiven { producer_id, producer_epoch }) => {
            format!("gave out producer {producer_id} in epoch {producer_epoch}")
        }
        Note::Transaction(TransactionNote::StateChanged { .. })
        | Note::Transaction(TransactionNote::PartitionAdded { .. })
        | Note::Transaction(TransactionNote::BatchAttributed { .. }) => transaction(names, note),
        Note::Group(GroupNote::PartitionAssigned { .. })
        | Note::Group(GroupNote::PartitionReleased { .. }) => group(names, note),
        Note::Broker(BrokerNote::StateChanged { state, broker_epoch }) => {
            format!("broker is {}, broker epoch {broker_epoch}", broker_state(*state))
        }
        Note::Broker(BrokerNote::StoppedCleanly { broker_epoch }) => {
            format!("stopped cleanly in broker epoch {broker_epoch}")
        }
        Note::Producer(ProducerNote::BatchRetried { .. })
        | Note::Producer(ProducerNote::EpochBumped { .. })
        | Note::Consumer(ConsumerNote::TruncationDetected { .. })
        | Note::Consumer(ConsumerNote::PositionReset { .. }) => client(note),
    }
}

fn log(names: &Names, note: &Note) -> String {
    if let Note::Log(LogNote::Appended { partition, batch, origin, .. }) = note {
        let by = match origin {
            AppendOrigin::Leader => "as leader",
            AppendOrigin::Follower => "as follower",
        };
        let (at, epoch) = (span(batch.base_offset, batch.last_offset), batch.leader_epoch);
        return format!("{}: appended {at} {by}, epoch {epoch}", names.place(*partition));
    }
    if let Note::Log(LogNote::Truncated { partition, from, to, reason }) = note {
        let place = names.place(*partition);
        return format!("{place}: cut the log from {from} to {to}, {}", why_cut(*reason));
    }
    if let Note::Log(LogNote::Recovered {
        partition,
        log_start_offset,
        log_end_offset,
        high_watermark,
        clean,
        ..
    }) = note
    {
        let how = if *clean { "after a clean stop" } else { "with no clean stop before" };
        return format!(
            "{}: opened the log {how}: {log_start_offset}..{log_end_offset}, high watermark \
             {high_watermark}",
            names.place(*partition)
        );
    }
    if let Note::Log(LogNote::EpochsKnown { partition, epochs }) = note {
        let known = |(epoch, start): &(LeaderEpoch, Offset)| format!("{epoch} from {start}");
        let known: Vec<String> = epochs.iter().map(known).collect();
        return format!("{}: knows epochs [{}]", names.place(*partition), known.join(", "));
    }
    let Note::Log(LogNote::StartMoved { partition, log_start_offset }) = note else {
        unreachable!("not a note on a log: {note:?}");
    };
    format!("{}: log start is {log_start_offset}", names.place(*partition))
}

fn replication(names: &Names, note: &Note) -> String {
    let place = |partition: &TopicPartition| names.place(*partition);
    if let Note::Replication(ReplicationNote::BecameLeader {
        partition,
        leader_epoch,
        epoch_start_offset,
        high_watermark,
        isr,
        ..
    }) = note
    {
        return format!(
            "{}: leads in epoch {leader_epoch}, log end {epoch_start_offset}, high watermark \
             {high_watermark}, ISR {}",
            place(partition),
            nodes(isr)
        );
    }
    if let Note::Replication(ReplicationNote::BecameFollower { partition, leader_epoch, leader }) =
        note
    {
        return format!(
            "{}: follows {} in epoch {leader_epoch}",
            place(partition),
            somebody(*leader)
        );
    }
    if let Note::Replication(ReplicationNote::HighWatermarkMoved {
        partition,
        as_leader,
        from,
        to,
        ..
    }) = note
    {
        let role = if *as_leader { "leader" } else { "follower" };
        return format!("{}: high watermark {from} to {to} as {role}", place(partition));
    }
    if let Note::Replication(ReplicationNote::IsrProposed { partition, from, to, .. }) = note {
        return format!(
            "{}: asked for ISR {} in place of {}",
            place(partition),
            nodes(to),
            nodes(from)
        );
    }
    if let Note::Transaction(TransactionNote::LastStableOffsetMoved { partition, to, .. }) = note {
        return format!("{}: last stable offset is {to}", place(partition));
    }
    if let Note::Producer(ProducerNote::ProducersKnown { partition, producers }) = note {
        return format!("{}: its log tells of {} producers", place(partition), producers.len());
    }
    isr(names, note)
}

fn isr(names: &Names, note: &Note) -> String {
    if let Note::Controller(ControllerNote::IsrProposalAccepted {
        partition,
        offset,
        proposal,
        ..
    }) = note
    {
        let members: Vec<NodeId> = proposal.members.iter().map(|(member, _)| *member).collect();
        return format!(
            "{}: accepted ISR {} of node {}, metadata offset {offset}",
            names.place(*partition),
            nodes(&members),
            proposal.broker
        );
    }
    if let Note::Replication(ReplicationNote::IsrProposalRefused { partition, error }) = note {
        return format!("{}: its ISR was refused, {error:?}", names.place(*partition));
    }
    if let Note::Replication(ReplicationNote::IsrCommitted {
        partition,
        partition_epoch,
        isr,
        ..
    }) = note
    {
        return format!(
            "{}: ISR is {} (partition epoch {partition_epoch})",
            names.place(*partition),
            nodes(isr)
        );
    }
    if let Note::Replication(ReplicationNote::RequestFenced { partition, by, error }) = note {
        return format!("{}: fenced node {by}, {error:?}", names.place(*partition));
    }
    if let Note::Replication(ReplicationNote::FollowerHeard {
        partition,
        follower,
        current_leader_epoch,
        broker_epoch,
        fetch_offset,
        ..
    }) = note
    {
        return format!(
            "{}: heard of follower {follower} at {fetch_offset}, in epoch {current_leader_epoch} and broker \
             epoch {broker_epoch}",
            names.place(*partition)
        );
    }
    let Note::Replication(ReplicationNote::DivergenceFound {
        partition,
        follower,
        epoch,
        end_offset,
    }) = note
    else {
        unreachable!("not a note on replication: {note:?}");
    };
    format!(
        "{}: the log of node {follower} differs; epoch {epoch} ends at {end_offset} here",
        names.place(*partition)
    )
}

fn promise(names: &Names, note: &Note) -> String {
    if let Note::Producer(ProducerNote::ProduceAcknowledged {
        partition,
        base_offset,
        last_offset,
        acks,
        duplicate,
        ..
    }) = note
    {
        let again = if *duplicate { ", a duplicate" } else { "" };
        return format!(
            "{}: acknowledged {}, acks={acks}{again}",
            names.place(*partition),
            span(*base_offset, *last_offset)
        );
    }
    if let Note::Producer(ProducerNote::NotEnoughReplicas { partition, after_append }) = note {
        let when = if *after_append { "after" } else { "before" };
        return format!("{}: too few replicas in sync, {when} the append", names.place(*partition));
    }
    if let Note::Consumer(ConsumerNote::RecordsServed {
        partition,
        consumer,
        fetch_offset,
        batches,
        ..
    }) = note
    {
        let end = batches.last().map_or(*fetch_offset, |batch| batch.last_offset.next());
        return format!(
            "{}: served {fetch_offset} up to {end} to node {consumer}",
            names.place(*partition)
        );
    }
    if let Note::Consumer(ConsumerNote::EpochEndServed {
        partition,
        asked,
        epoch,
        end_offset,
        ..
    }) = note
    {
        return format!(
            "{}: told a client, asked for epoch {asked}, that epoch {epoch} ends at {end_offset}",
            names.place(*partition)
        );
    }
    if let Note::Producer(ProducerNote::SequenceRefused {
        partition,
        producer_id,
        producer_epoch,
        first_sequence,
        ..
    }) = note
    {
        return format!(
            "{}: refused producer {producer_id} epoch {producer_epoch} sequence {first_sequence}",
            names.place(*partition)
        );
    }
    let Note::Consumer(ConsumerNote::EndOffsetServed { partition, offset, .. }) = note else {
        unreachable!("not a promise: {note:?}");
    };
    format!("{}: told a client the end offset {offset}", names.place(*partition))
}

fn quorum(note: &Note) -> String {
    if let Note::Quorum(QuorumNote::StateChanged { epoch, role, leader, voted }) = note {
        let role = match role {
            QuorumRole::Unattached => "unattached",
            QuorumRole::Follower => "a follower",
            QuorumRole::Prospective => "prospective",
            QuorumRole::Candidate => "a candidate",
            QuorumRole::Leader => "the leader",
            QuorumRole::Resigned => "resigned",
        };
        let leader = also(", leader is node ", *leader);
        return format!(
            "quorum: {role} in epoch {epoch}{leader}{}",
            also(", voted for node ", *voted)
        );
    }
    if let Note::Quorum(QuorumNote::StatePersisted { epoch, voted }) = note {
        return format!("quorum: epoch {epoch}{} is on the disk", also(", vote for node ", *voted));
    }
    if let Note::Quorum(QuorumNote::LogSynced { end }) = note {
        return format!("quorum: the log up to {end} is on the disk");
    }
    if let Note::Quorum(QuorumNote::VoteGranted { epoch, candidate }) = note {
        return format!("quorum: votes for node {candidate} in epoch {epoch}");
    }
    if let Note::Quorum(QuorumNote::HighWatermarkMoved { to, as_leader, .. }) = note {
        let role = if *as_leader { "leader" } else { "follower" };
        return format!("quorum: high watermark {to} as {role}");
    }
    let Note::Controller(ControllerNote::Activated { epoch, active }) = note else {
        unreachable!("not a note on the quorum: {note:?}");
    };
    let what =
        if *active { "is the active controller" } else { "is no longer the active controller" };
    format!("{what}, epoch {epoch}")
}

fn transaction(names: &Names, note: &Note) -> String {
    if let Note::Transaction(TransactionNote::StateChanged {
        transactional_id,
        producer_id,
        producer_epoch,
        transaction,
        state,
    }) = note
    {
        return format!(
            "{transactional_id}: transaction {transaction} of producer {producer_id} epoch \
             {producer_epoch} is {}",
            transaction_state(*state)
        );
    }
    if let Note::Transaction(TransactionNote::PartitionAdded {
        producer_id,
        transaction,
        partition,
    }) = note
    {
        return format!(
            "{}: takes part in transaction {transaction} of producer {producer_id}",
            names.place(*partition)
        );
    }
    let Note::Transaction(TransactionNote::BatchAttributed { partition, producer_id, transaction }) =
        note
    else {
        unreachable!("not a note on transactions: {note:?}");
    };
    format!(
        "{}: next of producer {producer_id} belongs to transaction {transaction}",
        names.place(*partition)
    )
}

fn group(names: &Names, note: &Note) -> String {
    if let Note::Group(GroupNote::PartitionAssigned { group, member, partition, member_epoch }) =
        note
    {
        return format!(
            "{group}: {} is {member}'s in epoch {member_epoch}",
            names.place(*partition)
        );
    }
    let Note::Group(GroupNote::PartitionReleased { group, member, partition }) = note else {
        unreachable!("not a note on groups: {note:?}");
    };
    format!("{group}: {} is no longer {member}'s", names.place(*partition))
}

fn metadata(names: &Names, change: &MetadataChange) -> String {
    match change {
        MetadataChange::LeaderChanged { leader } => format!("node {leader} leads the quorum"),
        MetadataChange::BrokerRegistered { broker, broker_epoch, unclean } => {
            let after = if *unclean { " after an unclean stop" } else { "" };
            format!("broker {broker} registered in broker epoch {broker_epoch}{after}")
        }
        MetadataChange::BrokerChanged { broker, fenced, shutting_down, .. } => {
            let fenced = if *fenced { "fenced" } else { "unfenced" };
            let stop = if *shutting_down { ", in controlled shutdown" } else { "" };
            format!("broker {broker} is {fenced}{stop}")
        }
        MetadataChange::TopicCreated { name, min_insync_replicas, .. } => {
            format!("topic {name} created, min.insync.replicas={min_insync_replicas}")
        }
        MetadataChange::PartitionChanged { partition, registration, unclean } => {
            format!("{}: {}", names.place(*partition), registered(registration, *unclean))
        }
        MetadataChange::ProducerIdsAllocated { next_producer_id } => {
            format!("producer ids below {next_producer_id} are given out")
        }
    }
}

fn registered(registration: &PartitionRegistration, unclean: bool) -> String {
    let PartitionRegistration { leader, leader_epoch, isr, elr, partition_epoch, .. } =
        registration;
    let elr = if elr.is_empty() { String::new() } else { format!(", ELR {}", nodes(elr)) };
    format!(
        "leader {} in epoch {leader_epoch}{}, ISR {}{elr}, partition epoch {partition_epoch}",
        somebody(*leader),
        if unclean { ", elected uncleanly" } else { "" },
        nodes(isr)
    )
}

fn broker_state(state: BrokerState) -> &'static str {
    match state {
        BrokerState::Starting => "starting",
        BrokerState::Fenced => "fenced",
        BrokerState::Running => "running",
        BrokerState::ShuttingDown => "shutting down",
    }
}

fn client(note: &Note) -> String {
    if let Note::Producer(ProducerNote::BatchRetried { partition, error }) = note {
        return format!("{partition}: sends a batch again, {error}");
    }
    if let Note::Producer(ProducerNote::EpochBumped { producer_id, producer_epoch }) = note {
        return format!("producer {producer_id} goes on in epoch {producer_epoch}");
    }
    if let Note::Consumer(ConsumerNote::TruncationDetected { partition, position, diverged_at }) =
        note
    {
        return format!("{partition}: what was read up to {position} was cut at {diverged_at}");
    }
    let Note::Consumer(ConsumerNote::PositionReset { partition, from, to }) = note else {
        unreachable!("not a client's note: {note:?}");
    };
    format!("{partition}: position {from} is out of range, reset to {to}")
}
