//! Coordinators that have heard of a newer epoch of their partition: what they answer, send and state.

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::note::{
    ClassicGroupState, ExchangeNote, GroupNote, Lateness, MetadataChange, Note, ShareNote,
    TransactionNote, TransactionState,
};
use harrow_broker_model::share_message::SharePartitionKey;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition,
    TransactionOrdinal,
};
use harrow_sim::watch::{CoordinatorDeed, CoordinatorKind};

use super::case::Case;
use crate::stage::{A, B, C, Stage, X, plan};

const GROUP: &str = "g";
const ID: &str = "t";
pub(super) const PRODUCER: ProducerId = ProducerId(5);
const NAME: &str = "acts-in-older-epoch";

/// What somebody does in an epoch.
type Act = fn(&mut Stage, i32);

pub(super) const CASES: &[Case] = &[Case {
    anomaly: NAME,
    good: |stage| {
        leads_in_one(stage, CoordinatorKind::Transaction);
        stage.acts(A, &answers(CoordinatorKind::Transaction));
    },
    bad: |stage| {
        leads_in_one(stage, CoordinatorKind::Transaction);
        elected(stage, CoordinatorKind::Transaction, B, 2);
        stage.acts(A, &answers(CoordinatorKind::Transaction));
    },
}];

const KINDS: [CoordinatorKind; 3] =
    [CoordinatorKind::Group, CoordinatorKind::Transaction, CoordinatorKind::Share];

fn share_key() -> SharePartitionKey {
    SharePartitionKey { partition: X, group: GROUP.to_owned() }
}

pub(super) fn about(kind: CoordinatorKind) -> String {
    match kind {
        CoordinatorKind::Group => GROUP.to_owned(),
        CoordinatorKind::Transaction => ID.to_owned(),
        CoordinatorKind::Share => share_key().coordinator_key(),
    }
}

/// The partition of a coordinator.
pub(super) fn place(kind: CoordinatorKind) -> TopicPartition {
    let config = plan().cluster.coordinators;
    let (topic, partitions) = match kind {
        CoordinatorKind::Group => (7, config.offsets_topic.partitions),
        CoordinatorKind::Transaction => (8, config.transaction_topic.partitions),
        CoordinatorKind::Share => (9, config.share_groups.state_topic.partitions),
    };
    let partition = coordinator_partition(&about(kind), partitions as i32);
    TopicPartition { topic: TopicId(topic), partition }
}

/// A has applied metadata by which a node leads.
pub(super) fn elected(stage: &mut Stage, kind: CoordinatorKind, leader: NodeId, epoch: i32) {
    let partition = place(kind);
    // Whoever led before has left the ISR: else it would lead on.
    let before = stage.observer.view().partition(partition).and_then(|it| it.registration.as_ref());
    let before = before.and_then(|it| it.leader).filter(|before| *before != leader);
    let isr: Vec<NodeId> = [A, B, C].into_iter().filter(|node| Some(*node) != before).collect();
    let registration = stage.next(Some(leader), epoch, &isr);
    stage.metadata_at(
        A,
        MetadataChange::PartitionChanged { partition, registration, unclean: false },
    );
}

/// All is stated; A coordinates in epoch 1.
pub(super) fn leads_in_one(stage: &mut Stage, kind: CoordinatorKind) {
    stage.observer.expect_all_facts();
    let name = match kind {
        CoordinatorKind::Group => "__consumer_offsets",
        CoordinatorKind::Transaction => "__transaction_state",
        CoordinatorKind::Share => "__share_group_state",
    };
    stage.topic(place(kind).topic.0, name, 1, false);
    elected(stage, kind, A, 1);
    if kind == CoordinatorKind::Group {
        reads(stage, 1);
    }
}

fn reads(stage: &mut Stage, epoch: i32) {
    let (partition, leader_epoch) = (place(CoordinatorKind::Group), LeaderEpoch(epoch));
    let loaded = GroupNote::CoordinatorLoaded { partition, leader_epoch, groups: Vec::new() };
    stage.note(A, &Note::Group(loaded));
}

fn answers(kind: CoordinatorKind) -> CoordinatorDeed {
    CoordinatorDeed::Answers { kind, about: about(kind), api: "Heartbeat" }
}

fn marks(epoch: i32) -> CoordinatorDeed {
    CoordinatorDeed::Marks { producer_id: PRODUCER, coordinator_epoch: LeaderEpoch(epoch) }
}

pub(super) fn ongoing(epoch: i32) -> Note {
    is_in(TransactionState::Ongoing, epoch)
}

/// The transaction is in a state, says the coordinator of an epoch. Its end takes the producer to the next epoch.
pub(super) fn is_in(state: TransactionState, epoch: i32) -> Note {
    use TransactionState as State;
    let ends = matches!(
        state,
        State::PrepareCommit | State::PrepareAbort | State::CompleteCommit | State::CompleteAbort
    );
    Note::Transaction(TransactionNote::StateChanged {
        transactional_id: ID.to_owned(),
        producer_id: PRODUCER,
        producer_epoch: ProducerEpoch(ends.into()),
        transaction: TransactionOrdinal(1),
        state,
        timeout_ms: 10_000,
        coordinator_epoch: LeaderEpoch(epoch),
    })
}

/// Nobody answers as a coordinator who knows that another one leads, or nobody; whoever leads again does.
#[test]
fn whoever_knows_that_it_does_not_lead_answers_nobody() {
    for kind in KINDS {
        for successor in [Some(B), None] {
            let mut stage = super::case::stage();
            leads_in_one(&mut stage, kind);
            stage.acts(A, &answers(kind));
            let registration = stage.next(successor, 2, &[B, C]);
            let (partition, unclean) = (place(kind), false);
            let change = MetadataChange::PartitionChanged { partition, registration, unclean };
            stage.metadata_at(A, change);
            stage.acts_at_once(A, &answers(kind));
            stage.acts(B, &answers(kind));
            assert_eq!(stage.found(), Vec::<String>::new(), "{kind:?}: in the event itself");
            stage.acts(A, &answers(kind));
            assert_eq!(stage.found(), [NAME], "{kind:?}: {successor:?} leads");
        }
    }
}

/// A group coordinator that leads anew has read its partition anew before it says a word.
#[test]
fn who_leads_again_has_read_again() {
    for (kind, known) in [(CoordinatorKind::Group, &[NAME][..]), (CoordinatorKind::Share, &[][..])]
    {
        let mut stage = super::case::stage();
        leads_in_one(&mut stage, kind);
        elected(&mut stage, kind, A, 2);
        stage.acts(A, &answers(kind));
        assert_eq!(stage.found(), Vec::<String>::new(), "{kind:?} leads on");
        elected(&mut stage, kind, B, 3);
        elected(&mut stage, kind, A, 4);
        stage.acts(A, &answers(kind));
        assert_eq!(stage.found(), known, "{kind:?} by what it knew");
        let mut stage = super::case::stage();
        leads_in_one(&mut stage, kind);
        elected(&mut stage, kind, B, 2);
        elected(&mut stage, kind, A, 3);
        reads(&mut stage, 3);
        stage.acts(A, &answers(kind));
        assert_eq!(stage.found(), Vec::<String>::new(), "{kind:?} has read again");
    }
}

/// Another process has heard of nothing.
#[test]
fn a_process_that_starts_has_heard_of_no_successor() {
    let kind = CoordinatorKind::Group;
    let mut stage = super::case::stage();
    leads_in_one(&mut stage, kind);
    elected(&mut stage, kind, B, 2);
    stage.observer.process_started(stage.now_ns(), A);
    stage.acts(A, &answers(kind));
    assert_eq!(stage.found(), Vec::<String>::new());
}

/// Where a coordinator names its epoch, it is that of the newest election.
#[test]
fn a_transaction_coordinator_names_the_epoch_in_which_it_leads() {
    let kind = CoordinatorKind::Transaction;
    let deeds: [(&str, Act); 2] = [
        ("marker", |stage, epoch| stage.acts(A, &marks(epoch))),
        ("state", |stage, epoch| stage.note(A, &ongoing(epoch))),
    ];
    for (what, act) in deeds {
        for (epoch, is_older) in [(3, false), (1, true)] {
            let mut stage = super::case::stage();
            leads_in_one(&mut stage, kind);
            stage.note(A, &ongoing(1));
            stage.acts(A, &marks(1));
            elected(&mut stage, kind, B, 2);
            elected(&mut stage, kind, A, 3);
            assert_eq!(stage.found(), Vec::<String>::new(), "it has said nothing since");
            act(&mut stage, epoch);
            let found = stage.found().contains(&NAME.to_owned());
            assert_eq!(found, is_older, "a {what} of epoch {epoch}");
        }
    }
}

/// Each fact that only a coordinator states gives away one that knows better.
#[test]
fn no_fact_of_a_deposed_coordinator_goes_unnoticed() {
    for (kind, note) in facts() {
        let mut stage = super::case::stage();
        leads_in_one(&mut stage, kind);
        stage.note(A, &note);
        let before = stage.found();
        assert!(!before.contains(&NAME.to_owned()), "{note:?} in its own epoch: {before:?}");
        elected(&mut stage, kind, B, 2);
        stage.found();
        stage.note(A, &note);
        let found = stage.found();
        assert!(found.contains(&NAME.to_owned()), "{note:?}: {found:?}");
    }
    let mut stage = super::case::stage();
    leads_in_one(&mut stage, CoordinatorKind::Group);
    elected(&mut stage, CoordinatorKind::Group, B, 2);
    stage.note(
        A,
        &Note::Exchange(ExchangeNote::EpochLearned {
            partition: "x-0".to_owned(),
            epoch: LeaderEpoch(1),
        }),
    );
    let (group, member) = (GROUP.to_owned(), "m".to_owned());
    stage.note(A, &Note::Group(GroupNote::PartitionReleased { group, member, partition: X }));
    assert_eq!(stage.found(), Vec::<String>::new(), "who resigns lets go of all");
}

/// Of each protocol.
fn thrown_out() -> [GroupNote; 2] {
    let (group, member, reason) = (GROUP.to_owned(), "m".to_owned(), Lateness::Session);
    [
        GroupNote::MemberThrownOut {
            group: group.clone(),
            member: member.clone(),
            member_epoch: 1,
            reason,
        },
        GroupNote::ClassicMemberThrownOut { group, member, reason, waits: false },
    ]
}

fn facts() -> Vec<(CoordinatorKind, Note)> {
    let (group, member) = (GROUP.to_owned(), "m".to_owned());
    let (partition, leader_epoch) = (place(CoordinatorKind::Group), LeaderEpoch(1));
    let (producer_id, producer_epoch) = (PRODUCER, ProducerEpoch(0));
    let of_groups = vec![
        GroupNote::PartitionAssigned {
            group: group.clone(),
            member: member.clone(),
            partition: X,
            member_epoch: 1,
        },
        GroupNote::GenerationBegan { group: group.clone(), generation: 1, members: 1 },
        GroupNote::CommitFenced { group: group.clone(), generation: 1 },
        GroupNote::TargetAssigned { group: group.clone(), group_epoch: 1, members: 1 },
        GroupNote::ProtocolChanged { group: group.clone(), classic: true },
        GroupNote::CommitAccepted {
            group: group.clone(),
            member: member.clone(),
            generation: 1,
            partitions: Vec::new(),
        },
        GroupNote::JoinPhaseChanged {
            group: group.clone(),
            members: 1,
            awaited: 1,
            initial: false,
        },
        GroupNote::GroupDeleted { group: group.clone() },
        GroupNote::OffsetsDeleted { group: group.clone() },
        GroupNote::OffsetsExpired { group: group.clone(), partitions: Vec::new() },
        GroupNote::OffsetsPending {
            group: group.clone(),
            producer_id,
            producer_epoch,
            partitions: Vec::new(),
        },
        GroupNote::MemberHolds {
            partition,
            leader_epoch,
            group: group.clone(),
            member,
            member_epoch: 1,
            partitions: Vec::new(),
            revokes_within_ms: 0,
        },
        GroupNote::ClassicStateChanged {
            group: group.clone(),
            state: ClassicGroupState::Stable,
            timeout_ms: 0,
        },
    ];
    let at = Offset(1);
    let of_shares = vec![
        ShareNote::StateRead { group: group.clone(), partition: X, leader_epoch, at },
        ShareNote::StateWritten { group, partition: X, leader_epoch, at },
    ];
    let of_groups = of_groups.into_iter().chain(thrown_out());
    let groups = of_groups.map(|note| (CoordinatorKind::Group, Note::Group(note)));
    let shares = of_shares.into_iter().map(|note| (CoordinatorKind::Share, Note::Share(note)));
    groups.chain(shares).chain([(CoordinatorKind::Transaction, ongoing(1))]).collect()
}
