//! Log directories that fail, at once and while the broker is down.

use bytes::Bytes;

use crate::broker::tests::bench::{
    Bench, INCARNATION, ORDERS, batch, config, only_reply, register, registration, replies, topic,
};
use crate::broker::tests::serving::produce;
use crate::config::ClusterConfig;
use crate::defect::{BrokerDefect, Defect};
use crate::disk_image::{DirectoryFile, DiskImage, FileId};
use crate::message::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, ClientResponse, ControllerRequest, ControllerResponse,
    HeartbeatState, RequestBody, ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect, Event, METADATA_DIRECTORY_FAILED, Node};
use crate::note::{BrokerNote, PartitionRegistration};
use crate::proto::ErrorCode;
use crate::types::{BrokerEpoch, DirectoryId, LogDirectory, NodeId, TopicPartition};

const ACTIVE: HeartbeatState = HeartbeatState { fenced: false, should_shut_down: false };
const OTHER: TopicPartition = TopicPartition { partition: 1, ..ORDERS };
/// Ids of the directories that are formatted already.
const IDS: [DirectoryId; 2] = [DirectoryId(500), DirectoryId(501)];
const SECOND: LogDirectory = LogDirectory(1);

fn two(defects: &[BrokerDefect]) -> ClusterConfig {
    let defects = defects.iter().map(|defect| Defect::Broker(*defect)).collect();
    ClusterConfig { log_dirs: 2, defects, ..config() }
}

fn formatted() -> DiskImage {
    let mut image = DiskImage::default();
    for (place, id) in [(LogDirectory::FIRST, IDS[0]), (SECOND, IDS[1])] {
        let file = DirectoryFile::MetaProperties.of(place);
        let bytes = Bytes::from(format!("version=1\nnode.id=1\ndirectory.id={id}\n"));
        if place == LogDirectory::FIRST {
            image.files.insert(file, bytes);
        } else {
            image.others.entry(place).or_default().insert(file, bytes);
        }
    }
    image
}

/// A disk of which the second directory cannot be read.
fn second_failed() -> DiskImage {
    let mut image = formatted();
    image.others.clear();
    image.failed.insert(SECOND);
    image
}

fn of(partition: TopicPartition, registration: PartitionRegistration) -> MetadataRecord {
    MetadataRecord::Partition { partition, registration, unclean: false }
}

/// Broker 1 leads both partitions, one in each directory.
fn hosting(defects: &[BrokerDefect]) -> Bench {
    let (mut bench, _) = Bench::booted_as(1, two(defects), &formatted());
    bench.join_cluster();
    let led = registration(1, 0, &[1, 2, 3]);
    bench.commit(&[topic(1), of(ORDERS, led.clone()), of(OTHER, led)]);
    bench
}

fn assignments(bench: &mut Bench) -> Vec<(TopicPartition, DirectoryId)> {
    if !bench.has_sent(Channel::Controller) {
        return Vec::new();
    }
    let sent = bench.take_sent(Channel::Controller);
    let RequestBody::Controller(ControllerRequest::AssignReplicasToDirs(request)) =
        sent.message.body.clone()
    else {
        panic!("{sent:?}")
    };
    let AssignReplicasToDirsRequest { replicas, .. } = *request;
    let taken = replicas.iter().map(|(partition, _)| (*partition, None)).collect();
    let response = AssignReplicasToDirsResponse { result: Ok(taken) };
    let response = ControllerResponse::AssignReplicasToDirs(Box::new(response));
    bench.answer(&sent, ResponseBody::Controller(response));
    replicas
}

fn heartbeat(bench: &mut Bench) -> BrokerHeartbeatRequest {
    let sent = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)) =
        sent.message.body.clone()
    else {
        panic!("{sent:?}")
    };
    bench.sent.push(sent);
    request
}

fn registered(bench: &mut Bench) -> BrokerRegistrationRequest {
    let sent = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerRegistration(request)) =
        sent.message.body.clone()
    else {
        panic!("{sent:?}")
    };
    bench.sent.push(sent);
    request
}

fn errors(body: &ResponseBody) -> Vec<i16> {
    let ResponseBody::Client(ClientResponse::Produce(response)) = body else { panic!("{body:?}") };
    response.responses[0].partition_responses.iter().map(|it| it.error_code).collect()
}

fn halted(effects: &[Effect]) -> Option<&'static str> {
    effects.iter().find_map(|effect| {
        let Effect::Halt { reason } = effect else { return None };
        Some(*reason)
    })
}

#[test]
fn new_directories_are_formatted_and_told_and_replicas_are_put_where_the_fewest_are() {
    let (mut bench, effects) = Bench::booted_as(1, two(&[]), &DiskImage::default());
    let formatted = effects.iter().filter(|it| {
        matches!(
            it,
            Effect::Replace {
                file: FileId::OfDirectory { file: DirectoryFile::MetaProperties, .. },
                ..
            }
        )
    });
    assert_eq!(formatted.count(), 2, "{effects:?}");
    let told = registered(&mut bench).log_dirs;
    assert_eq!(told.len(), 2);
    bench.join_cluster();
    let led = registration(1, 0, &[1, 2, 3]);
    let effects = bench.commit(&[topic(1), of(ORDERS, led.clone()), of(OTHER, led)]);
    let made = |partition, directory| Effect::CreateLogDirectory { partition, directory };
    assert!(effects.contains(&made(ORDERS, LogDirectory::FIRST)), "{effects:?}");
    assert!(effects.contains(&made(OTHER, SECOND)), "{effects:?}");
    assert_eq!(assignments(&mut bench), [(ORDERS, told[0]), (OTHER, told[1])]);
}

#[test]
fn a_single_directory_is_not_told() {
    let (mut bench, effects) = Bench::booted(1, &DiskImage::default());
    assert!(!effects.iter().any(|it| matches!(it, Effect::Replace { .. })), "{effects:?}");
    assert!(registered(&mut bench).log_dirs.is_empty());
    bench.join_cluster();
    let effects = bench.commit(&[topic(1), of(ORDERS, registration(1, 0, &[1, 2, 3]))]);
    assert!(!effects.iter().any(|it| matches!(it, Effect::CreateLogDirectory { .. })));
    assert_eq!(assignments(&mut bench), []);
}

#[test]
fn what_is_in_a_directory_that_fails_is_served_no_more_and_the_controller_hears_of_it() {
    let mut bench = hosting(&[]);
    let waiting = bench.request(1, 1001, 1, produce(&[batch(1), batch(2)], -1, 5_000));
    assert_eq!(replies(&waiting), [], "followers lag");
    let effects = bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    let storage = ErrorCode::KafkaStorageError.code();
    assert_eq!(replies(&effects), [], "one partition is undecided still");
    assert!(bench.broker.partition(OTHER).is_none());
    assert_eq!(*heartbeat(&mut bench).offline_log_dirs, [IDS[1]], "told at once");
    let effects = bench.request(2, 1002, 1, produce(&[batch(3), batch(4)], 1, 5_000));
    assert_eq!(errors(&only_reply(&effects)), [0, storage], "the other one is served");
    let effects = bench.pass_ms(5_000);
    let answered: Vec<Vec<i16>> = replies(&effects).iter().map(|(_, _, it)| errors(it)).collect();
    assert_eq!(answered, [[ErrorCode::RequestTimedOut.code(), storage]]);
    let again = bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    assert_eq!(again, [], "it is offline already");
}

#[test]
fn nothing_is_written_in_a_directory_that_is_offline() {
    let mut bench = hosting(&[]);
    bench.request(1, 1001, 1, produce(&[batch(1), batch(2)], 1, 5_000));
    bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    let mut effects = bench.pass_ms(61_000);
    effects.extend(bench.handle(Event::StopRequested));
    effects.extend(bench.pass_ms(5_000));
    assert!(effects.contains(&Effect::Sync { file: FileId::CleanShutdown }), "it stops cleanly");
    let files = effects.iter().filter_map(|effect| match effect {
        Effect::Append { file, .. }
        | Effect::Truncate { file, .. }
        | Effect::Write { file, .. }
        | Effect::Replace { file, .. }
        | Effect::ReplaceInBackground { file, .. }
        | Effect::Rename { to: file, .. }
        | Effect::Delete { file }
        | Effect::Sync { file }
        | Effect::Flush { file, .. } => Some(*file),
        Effect::Request { .. }
        | Effect::Reply { .. }
        | Effect::Disconnect { .. }
        | Effect::Close { .. }
        | Effect::Discard { .. }
        | Effect::CreateLogDirectory { .. }
        | Effect::Complete { .. }
        | Effect::Begin(_)
        | Effect::Note(_)
        | Effect::Halt { .. } => None,
    });
    for file in files {
        let there = matches!(file, FileId::OfDirectory { directory: SECOND, .. });
        assert!(!there && file.partition() != Some(OTHER), "{file:?}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_costs_its_directory() {
    let files = [
        DirectoryFile::HighWatermarkCheckpoint,
        DirectoryFile::RecoveryPointCheckpoint,
        DirectoryFile::LogStartOffsetCheckpoint,
    ];
    for file in files {
        for (bytes, lost) in [(&b"torn"[..], true), (b"", false)] {
            let mut image = formatted();
            let found = image.others.entry(SECOND).or_default();
            found.insert(file.of(SECOND), Bytes::from_static(bytes));
            let (mut bench, _) = Bench::booted_as(1, two(&[]), &image);
            assert!(bench.broker.log_directories.online().any(|it| it == SECOND), "nobody looked");
            let effects = bench.join_cluster();
            let note = BrokerNote::LogDirectoryOffline { directory: SECOND, id: IDS[1] };
            let told = effects.contains(&Effect::Note(note.into()));
            assert_eq!((told, halted(&effects)), (lost, None), "{file:?} with {bytes:?}");
            assert!(bench.broker.log_directories.has_offline() == lost, "{file:?}");
        }
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_ends_a_broker_with_one_directory() {
    for (bytes, lost) in [(&b"torn"[..], true), (b"", false)] {
        let file = FileId::HighWatermarkCheckpoint;
        let image = DiskImage::of([(file, Bytes::from_static(bytes))].into());
        let (mut bench, effects) = Bench::booted(1, &image);
        assert_eq!(halted(&effects), None, "nobody looked");
        bench.answer_registration(Ok(BrokerEpoch(0)));
        let effects = bench.commit(&[register(1, INCARNATION)]);
        assert_eq!(halted(&effects).is_some(), lost, "{bytes:?}");
    }
}

#[test]
fn the_last_directory_and_that_of_the_metadata_log_end_the_process() {
    let mut bench = hosting(&[]);
    let effects = bench.handle(Event::LogDirectoryFailed { directory: LogDirectory::FIRST });
    assert_eq!(halted(&effects), Some(METADATA_DIRECTORY_FAILED));
    let mut bench = Bench::hosting(registration(1, 0, &[1, 2, 3]));
    let effects = bench.handle(Event::LogDirectoryFailed { directory: LogDirectory::FIRST });
    assert_eq!(halted(&effects), Some("all log directories failed"));
    let mut image = formatted();
    image.failed.insert(LogDirectory::FIRST);
    let (_, effects) = Bench::booted_as(1, two(&[]), &image);
    assert_eq!(halted(&effects), Some(METADATA_DIRECTORY_FAILED), "nor does it start");
}

#[test]
fn a_broker_that_cannot_tell_of_a_directory_stops() {
    let mut bench = hosting(&[]);
    bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    let patience = bench.broker.context.config.log_dir_failure_timeout_ms;
    assert_eq!(halted(&bench.pass_ms(patience - 1)), None);
    assert_eq!(halted(&bench.pass_ms(6_000)), Some("stopped"));
    let mut bench = hosting(&[]);
    bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    bench.answer_heartbeat(ACTIVE);
    assert_eq!(halted(&bench.pass_ms(patience + 6_000)), None, "it was told");
}

/// What a broker makes of its replica in the first metadata that it sees, while its second directory is offline:
/// whether it is made anew, and what is told of it.
fn reopened(
    directory: Option<DirectoryId>,
    registration: PartitionRegistration,
    defects: &[BrokerDefect],
) -> (bool, Vec<(TopicPartition, DirectoryId)>) {
    let (mut bench, _) = Bench::booted_as(1, two(defects), &second_failed());
    let mut records = vec![topic(1), of(ORDERS, registration)];
    let (partition, broker) = (ORDERS, NodeId(1));
    let assigned = |directory| MetadataRecord::ReplicaDirectory { partition, broker, directory };
    records.extend(directory.map(assigned));
    bench.commit(&records);
    bench.join_cluster();
    (bench.broker.partition(ORDERS).is_some(), assignments(&mut bench))
}

#[test]
fn a_replica_that_may_be_in_a_directory_that_is_offline_is_not_made_anew() {
    let in_sync = || registration(2, 0, &[1, 2, 3]);
    let lags = || registration(2, 0, &[2, 3]);
    let eligible = || PartitionRegistration { elr: vec![NodeId(1)], ..lags() };
    let last = || PartitionRegistration { last_known_leader: Some(NodeId(1)), ..lags() };
    let lost = vec![(ORDERS, DirectoryId::LOST)];
    let here = vec![(ORDERS, IDS[0])];
    let table = [
        ("assigned to what is offline", Some(IDS[1]), lags(), (false, vec![])),
        ("assigned to what is online", Some(IDS[0]), in_sync(), (true, vec![])),
        ("assigned to what nobody has", Some(DirectoryId(999)), lags(), (false, vec![])),
        ("lost", Some(DirectoryId::LOST), lags(), (false, vec![])),
        ("unassigned and in sync", None, in_sync(), (false, lost.clone())),
        ("unassigned and eligible", None, eligible(), (false, lost.clone())),
        ("unassigned, and the last to lead", None, last(), (false, lost)),
        ("unassigned, and not in sync", None, lags(), (true, here.clone())),
    ];
    for (name, directory, registration, expected) in table {
        assert_eq!(reopened(directory, registration, &[]), expected, "{name}");
    }
    let anew = reopened(None, in_sync(), &[BrokerDefect::UnassignedCreatedAnew]);
    assert_eq!(anew, (true, here));
}

#[test]
fn a_new_replica_is_made_although_a_directory_is_offline() {
    let (mut bench, _) = Bench::booted_as(1, two(&[]), &second_failed());
    assert_eq!(*registered(&mut bench).log_dirs, [IDS[0]]);
    bench.join_cluster();
    bench.commit(&[topic(1), of(ORDERS, registration(1, 0, &[1, 2, 3]))]);
    assert!(bench.broker.partition(ORDERS).is_some());
    assert_eq!(assignments(&mut bench), [(ORDERS, IDS[0])]);
}

#[test]
fn with_all_directories_online_a_replica_of_a_lost_one_is_made_anew() {
    let (mut bench, _) = Bench::booted_as(1, two(&[]), &formatted());
    let directory = DirectoryId(999);
    let assigned =
        MetadataRecord::ReplicaDirectory { partition: ORDERS, broker: NodeId(1), directory };
    bench.commit(&[topic(1), of(ORDERS, registration(2, 0, &[2, 3])), assigned]);
    bench.join_cluster();
    assert!(bench.broker.partition(ORDERS).is_some(), "its disk was replaced");
    assert_eq!(assignments(&mut bench), [(ORDERS, IDS[0])]);
}

#[test]
fn a_stop_was_clean_only_if_all_directories_say_so() {
    let marker = |epoch: i64| Bytes::from(format!("0\n{epoch}\n"));
    let with = |first: Option<i64>, second: Option<i64>| {
        let mut image = formatted();
        let file = |place| DirectoryFile::CleanShutdown.of(place);
        image.files.extend(first.map(|it| (file(LogDirectory::FIRST), marker(it))));
        let others = image.others.entry(SECOND).or_default();
        others.extend(second.map(|it| (file(SECOND), marker(it))));
        image
    };
    let mut failed = with(Some(7), None);
    failed.failed.insert(SECOND);
    let table = [
        ("both", with(Some(7), Some(7)), 7),
        ("none", with(None, None), -1),
        ("the first", with(Some(7), None), -1),
        ("the second", with(None, Some(7)), -1),
        ("of two uptimes", with(Some(7), Some(5)), -1),
        ("one cannot be read", failed, -1),
    ];
    for (name, image, expected) in table {
        let (mut bench, _) = Bench::booted_as(1, two(&[]), &image);
        let told = registered(&mut bench).previous_broker_epoch;
        assert_eq!(told, BrokerEpoch(expected), "{name}");
    }
    let one = two(&[BrokerDefect::CleanByAnyDirectory]);
    let (mut bench, _) = Bench::booted_as(1, one, &with(None, Some(7)));
    assert_eq!(registered(&mut bench).previous_broker_epoch, BrokerEpoch(7));
}

#[test]
fn a_log_in_two_directories_keeps_the_broker_from_starting() {
    let mut image = formatted();
    let file = FileId::PartitionMetadata(ORDERS);
    image.files.insert(file, Bytes::from_static(b"orders"));
    image.others.entry(SECOND).or_default().insert(file, Bytes::from_static(b"orders"));
    let (_, effects) = Bench::booted_as(1, two(&[]), &image);
    assert_eq!(halted(&effects), Some("a log is in two log directories"));
}

#[test]
fn the_defect_goes_on_from_memory() {
    let mut bench = hosting(&[BrokerDefect::AppendsAfterIoError]);
    bench.handle(Event::LogDirectoryFailed { directory: SECOND });
    let effects = bench.request(2, 1002, 1, produce(&[batch(3), batch(4)], 1, 5_000));
    assert_eq!(errors(&only_reply(&effects)), [0, 0]);
    assert!(bench.broker.next_deadline().is_some());
}
