//! Snapshots among voters: made, fetched, loaded, and what may be deleted because of them.

use crate::config::{ClusterConfig, MetadataLogConfig};
use crate::controller::tests::config;
use crate::controller::tests::net::Net;
use crate::defect::{Defect, QuorumDefect};
use crate::disk_image::{DiskImage, FileId};
use crate::message::{
    BrokerRegistrationRequest, ClusterError, ControllerRequest, EpochEnd, FetchSnapshotRequest,
    FetchSnapshotResponse, QuorumFetchRequest, QuorumRequest, QuorumResponse, RequestBody,
    ResponseBody,
};
use crate::metadata::{MetadataImage, encode_snapshot};
use crate::node::{Channel, Effects};
use crate::note::{DeletionReason, LogNote, Note, QuorumNote};
use crate::raft::tests::boot::NOW;
use crate::raft::{Quorum, QuorumOptions};
use crate::record::RecordBatchBuilder;
use crate::types::{
    BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence,
    SnapshotId, WallTime,
};

const VOTERS: [NodeId; 3] = [NodeId(101), NodeId(102), NodeId(103)];

/// Snapshots after a few records, of which only the last is kept, in parts of 64 bytes.
fn snapshots(defects: &[Defect]) -> ClusterConfig {
    let metadata_log = MetadataLogConfig {
        snapshot_bytes: 300,
        retention_bytes: 0,
        retention_ms: 1_000,
        clean_interval_ms: 100,
        fetch_snapshot_max_bytes: 64,
        ..MetadataLogConfig::DEFAULT
    };
    ClusterConfig { metadata_log, segment_bytes: 512, ..config(3, defects) }
}

fn leader(net: &mut Net) -> NodeId {
    net.run_until("an active controller", |net| net.active().is_some());
    net.active().expect("just found")
}

/// Brokers register, one uptime after the other, a second apart.
fn write(net: &mut Net, uptimes: std::ops::Range<u64>) {
    let leader = leader(net);
    for incarnation in uptimes {
        let request = BrokerRegistrationRequest {
            broker: NodeId(1 + (incarnation % 3) as i32),
            incarnation,
            previous_broker_epoch: BrokerEpoch::NONE,
            log_dirs: Box::default(),
        };
        let body = ControllerRequest::BrokerRegistration(request.clone());
        net.ask(request.broker, leader, Channel::Heartbeat, RequestBody::Controller(body));
        net.run_for(4_000);
    }
}

fn written(net: &Net, by: NodeId, by_fetch: bool) -> usize {
    let is_it = |note: &&(NodeId, Note)| {
        matches!(note, (node, Note::Quorum(QuorumNote::SnapshotWritten { fetched, .. }))
            if *node == by && *fetched == by_fetch)
    };
    net.notes.iter().filter(is_it).count()
}

#[test]
fn who_was_away_for_longer_than_the_log_reaches_begins_with_a_snapshot() {
    let mut net = Net::new(snapshots(&[]));
    write(&mut net, 1..4);
    let leads = leader(&mut net);
    let away = VOTERS.into_iter().find(|node| *node != leads).expect("there are three");
    net.crash(away, true);
    write(&mut net, 4..20);
    let start = net.controller(leads).log().log_start_offset();
    assert!(written(&net, leads, false) > 2 && start > Offset(10), "the log begins at {start}");
    net.restart(away);
    net.run_for(3_000);
    assert_eq!(written(&net, away, true), 1, "one snapshot was fetched");
    assert_eq!(net.image(away), net.image(leads));
    assert!(net.controller(away).log().log_start_offset() > Offset(10), "it did not read all");
    assert!(net.halted.is_empty(), "{:?}", net.halted);
}

#[test]
fn a_restarted_voter_has_the_metadata_of_its_snapshot_and_its_log() {
    let mut net = Net::new(snapshots(&[]));
    write(&mut net, 1..20);
    let before = VOTERS.map(|node| net.image(node).clone());
    for node in VOTERS {
        net.crash(node, true);
    }
    for node in VOTERS {
        net.restart(node);
        assert!(net.image(node).end_offset > Offset(5), "{node} knows what its snapshot holds");
    }
    let leads = leader(&mut net);
    net.run_for(3_000);
    for (node, before) in VOTERS.into_iter().zip(before) {
        assert_eq!(net.image(node), net.image(leads));
        assert_eq!(net.image(node).topics, before.topics);
        assert!(net.image(node).end_offset > before.end_offset);
    }
}

fn deleted(net: &Net) -> bool {
    net.notes.iter().any(|(_, note)| {
        matches!(note, Note::Log(LogNote::RecordsDeleted { reason, .. })
            if !matches!(reason, DeletionReason::Snapshot))
    })
}

/// KAFKA-14238: the log's own retention takes what no snapshot holds. KAFKA-15312: a snapshot is gone with the power.
#[test]
fn without_the_rules_a_voter_is_left_without_its_metadata() {
    let rows: [(&[Defect], bool, bool); 3] = [
        (&[], false, false),
        (&[Defect::Quorum(QuorumDefect::RetentionPastSnapshot)], true, true),
        (&[Defect::Quorum(QuorumDefect::SnapshotNotSynced)], false, true),
    ];
    for (defects, by_age, halts) in rows {
        let mut config = snapshots(defects);
        // Segments fill and grow old behind the last snapshot.
        (config.metadata_log.snapshot_bytes, config.metadata_log.clean_interval_ms) = (900, 15_000);
        let mut net = Net::new(config);
        write(&mut net, 1..60);
        assert_eq!(deleted(&net), by_age, "{defects:?}");
        let leads = leader(&mut net);
        net.crash(leads, true);
        net.restart(leads);
        assert_eq!(!net.halted.is_empty(), halts, "{defects:?}: {:?}", net.halted);
    }
}

fn id(epoch: i32, end: i64) -> SnapshotId {
    SnapshotId { epoch: LeaderEpoch(epoch), end_offset: Offset(end) }
}

/// A voter with a snapshot that ends beyond its log, and one that is torn.
fn overtaken() -> (Quorum, Effects) {
    let mut image = DiskImage::default();
    let metadata = MetadataImage { end_offset: Offset(40), ..MetadataImage::default() };
    let bytes = encode_snapshot(&metadata, WallTime(5));
    image.files.insert(FileId::MetadataSnapshot(id(4, 60)), bytes.slice(..bytes.len() - 1));
    image.files.insert(FileId::MetadataSnapshot(id(3, 40)), bytes);
    let config = snapshots(&[]);
    let options =
        QuorumOptions { node: NodeId(101), config: &config, image: &image, incarnation: 1 };
    let mut effects = Effects::new();
    let quorum = Quorum::open(options, NOW, &mut effects);
    (quorum, effects)
}

#[test]
fn a_log_that_its_snapshot_has_overtaken_begins_there() {
    let (mut quorum, mut effects) = overtaken();
    quorum.boot(NOW, &mut effects);
    quorum.check();
    let log = quorum.log();
    let bounds = [log.log_start_offset(), log.high_watermark(), log.log_end_offset()];
    assert_eq!(bounds, [Offset(40); 3]);
    assert_eq!(log.last_fetched_epoch(), LeaderEpoch(3), "that of the snapshot");
    assert_eq!(quorum.epoch(), LeaderEpoch(3), "a voter is not behind what it holds");
    let (snapshot, image) = quorum.snapshot_beyond(Offset(39)).expect("it ends at 40");
    assert_eq!((snapshot, image.end_offset), (id(3, 40), Offset(40)));
    assert!(quorum.snapshot_beyond(Offset(40)).is_none(), "it gives nothing more");
}

#[test]
fn cut_to_its_begin_a_log_is_of_the_epoch_of_its_snapshot() {
    let (mut quorum, mut effects) = overtaken();
    quorum.boot(NOW, &mut effects);
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(0), None, Some(bytes::Bytes::from_static(b"x")));
    let batch = builder.build().with_assignment(Offset(40), LeaderEpoch(3));
    quorum.log.append_as_follower(&[batch], LeaderEpoch(3), &mut effects);
    let leader_end = EpochEnd { epoch: LeaderEpoch(3), end_offset: Offset(40) };
    quorum.cut_divergence(leader_end, &mut effects);
    let log = quorum.log();
    assert_eq!((log.log_end_offset(), log.last_fetched_epoch()), (Offset(40), LeaderEpoch(3)));
}

#[test]
fn the_leader_names_a_snapshot_to_who_is_behind_the_start_of_its_log() {
    let (quorum, _) = overtaken();
    let rows = [
        (0, -1, true),
        (39, 3, true),
        (40, 2, true),
        (40, 3, false),
        (41, 2, true),
        (41, 3, false),
        (50, 4, false),
    ];
    for (offset, epoch, named) in rows {
        let request = QuorumFetchRequest {
            replica: NodeId(1),
            replica_directory: DirectoryId::UNASSIGNED,
            epoch: LeaderEpoch(4),
            fetch_offset: Offset(offset),
            last_fetched_epoch: LeaderEpoch(epoch),
            high_watermark: Offset::NONE,
            wait_max_ms: 0,
        };
        let expected = named.then(|| id(3, 40));
        assert_eq!(quorum.snapshot_instead(&request), expected, "{offset} of epoch {epoch}");
    }
}

#[test]
fn a_part_is_given_of_what_is_there() {
    let mut net = Net::new(snapshots(&[]));
    write(&mut net, 1..12);
    let leads = leader(&mut net);
    let epoch = net.controller(leads).quorum_epoch();
    let latest = net.notes.iter().rev().find_map(|(node, note)| {
        let Note::Quorum(QuorumNote::SnapshotWritten { snapshot, .. }) = note else { return None };
        (*node == leads).then_some(*snapshot)
    });
    let latest = latest.expect("a snapshot was made");
    let older = LeaderEpoch(epoch.0 - 1);
    let rows = [
        (latest, epoch, 0, None, 10),
        (latest, epoch, 3, None, 10),
        (latest, epoch, 1 << 40, Some(ClusterError::PositionOutOfRange), 0),
        (id(9, 9_999), epoch, 0, Some(ClusterError::SnapshotNotFound), 0),
        (latest, older, 0, Some(ClusterError::FencedLeaderEpoch), 0),
    ];
    for (snapshot, epoch, position, error, length) in rows {
        net.inbox.clear();
        let request = FetchSnapshotRequest {
            replica: NodeId(1),
            replica_directory: DirectoryId::UNASSIGNED,
            epoch,
            snapshot,
            position,
            bytes_max: 10,
        };
        let body = RequestBody::Quorum(QuorumRequest::FetchSnapshot(Box::new(request)));
        net.ask(NodeId(1), leads, Channel::QuorumFetch, body);
        net.run_for(10);
        let ResponseBody::Quorum(QuorumResponse::FetchSnapshot(part)) = &net.inbox[0].1.body else {
            panic!("{:?}", net.inbox)
        };
        let FetchSnapshotResponse { error: found, bytes, .. } = &**part;
        assert_eq!((*found, bytes.len()), (error, length), "{snapshot} from {position}");
    }
}
