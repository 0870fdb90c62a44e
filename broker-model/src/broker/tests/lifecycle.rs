//! Boot, registration, heartbeats, shutdown.

use bytes::Bytes;

use crate::broker::tests::bench::{
    Bench, CONTROLLER, INCARNATION, ORDERS, batch, partition, register, registration, topic,
};
use crate::defect::BrokerDefect;
use crate::disk_image::{DiskImage, FileId};
use crate::message::{
    BrokerHeartbeatResponse, BrokerRegistrationRequest, ClientRequest, ClusterError,
    ControllerRequest, ControllerResponse, HeartbeatState, RequestBody, ResponseBody,
};
use crate::node::{COMMITTED_METADATA_GONE, Channel, Effect, Event, Node};
use crate::note::{BrokerNote, BrokerState, Note, PartitionRegistration, ReplicationNote};
use crate::types::{BrokerEpoch, NodeId, Offset, PartitionEpoch};

const ACTIVE: HeartbeatState = HeartbeatState { fenced: false, should_shut_down: false };

fn states(effects: &[Effect]) -> Vec<BrokerState> {
    let notes = effects.iter().filter_map(|effect| {
        let Effect::Note(Note::Broker(BrokerNote::StateChanged { state, .. })) = effect else {
            return None;
        };
        Some(*state)
    });
    notes.collect()
}

fn registration_request(bench: &mut Bench) -> BrokerRegistrationRequest {
    let sent = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerRegistration(request)) = sent.message.body
    else {
        panic!("{sent:?}")
    };
    request
}

#[test]
fn the_clean_shutdown_marker_is_told_once_and_gone_before_anything_else() {
    let mut image = DiskImage::default();
    image.files.insert(FileId::CleanShutdown, Bytes::from_static(b"0\n42\n"));
    let (mut bench, effects) = Bench::booted(1, &image);
    assert_eq!(effects[0], Effect::Delete { file: FileId::CleanShutdown });
    assert_eq!(effects[1], Effect::Sync { file: FileId::CleanShutdown });
    let request = registration_request(&mut bench);
    assert_eq!(request.previous_broker_epoch, BrokerEpoch(42));
    assert_eq!(request.incarnation, INCARNATION);
}

#[test]
fn without_a_whole_marker_the_shutdown_counts_as_unclean() {
    for torn in [None, Some("0\n4"), Some("")] {
        let mut image = DiskImage::default();
        if let Some(torn) = torn {
            image.files.insert(FileId::CleanShutdown, Bytes::from_static(torn.as_bytes()));
        }
        let (mut bench, _) = Bench::booted(1, &image);
        assert_eq!(
            registration_request(&mut bench).previous_broker_epoch,
            BrokerEpoch::NONE,
            "{torn:?}"
        );
    }
}

#[test]
fn a_broker_is_unfenced_once_it_has_applied_its_own_registration() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    let effects = bench.answer_registration(Ok(BrokerEpoch(0)));
    assert_eq!(states(&effects), [BrokerState::Fenced]);
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)) =
        &heartbeat.message.body
    else {
        panic!("{heartbeat:?}")
    };
    assert!(request.want_fence, "nothing is applied yet");
    assert_eq!(request.metadata_offset, Offset(-1));
    let fenced = HeartbeatState { fenced: true, should_shut_down: false };
    let response = BrokerHeartbeatResponse { result: Ok(fenced), controller: None };
    bench.answer(
        &heartbeat,
        ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)),
    );
    assert!(!bench.has_sent(Channel::Heartbeat), "the next heartbeat is due after the interval");
    bench.commit(&[register(1, INCARNATION)]);
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)) =
        &heartbeat.message.body
    else {
        panic!("{heartbeat:?}")
    };
    assert!(!request.want_fence, "caught up: said at once");
    assert_eq!(request.metadata_offset, Offset(0));
    let response = BrokerHeartbeatResponse { result: Ok(ACTIVE), controller: None };
    let effects = bench.answer(
        &heartbeat,
        ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)),
    );
    assert_eq!(states(&effects), [BrokerState::Running]);
}

#[test]
fn metadata_of_an_earlier_uptime_makes_no_leader() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    let old = [register(1, 5), topic(1), partition(registration(1, 3, &[1, 2]))];
    let effects = bench.commit(&old);
    assert!(bench.broker.partition(ORDERS).is_none(), "not registered yet");
    assert!(!effects.iter().any(|effect| matches!(
        effect,
        Effect::Note(Note::Replication(ReplicationNote::BecameLeader { .. }))
    )));
    bench.answer_registration(Ok(BrokerEpoch(4)));
    assert!(
        bench.broker.partition(ORDERS).is_none(),
        "registered, but the registration is not applied"
    );
    bench.commit(&[partition(registration(2, 4, &[2])), register(1, INCARNATION)]);
    let hosted = bench.broker.partition(ORDERS).expect("hosted now");
    assert!(!hosted.is_leader());
    assert_eq!(bench.take_sent(Channel::ReplicaFetch).to, NodeId(2));
}

#[test]
fn a_broker_that_boots_does_not_listen() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    let body = RequestBody::Client(ClientRequest::Metadata(Box::default()));
    let effects = bench.request(7, 1001, 1, body);
    let closes =
        |effect: &Effect| matches!(effect, Effect::Close { connection } if connection.0 == 7);
    assert!(effects.iter().any(closes), "{effects:?}");
}

#[test]
fn a_duplicate_registration_is_tried_again_until_the_old_session_ends() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    bench.answer_registration(Err(ClusterError::DuplicateBrokerRegistration));
    bench.sent.clear();
    bench.pass_ms(1_999);
    assert!(!bench.has_sent(Channel::Heartbeat), "a heartbeat's interval later");
    bench.pass_ms(1);
    assert_eq!(registration_request(&mut bench).incarnation, INCARNATION);
}

#[test]
fn another_controller_is_asked_when_one_does_not_answer() {
    let (mut bench, _) = Bench::booted(1, &DiskImage::default());
    let first = bench.take_sent(Channel::Heartbeat).to;
    let effects = bench.handle(Event::ConnectionLost { to: first, channel: Channel::Heartbeat });
    assert!(effects.is_empty(), "after a pause: {effects:?}");
    bench.pass_ms(150);
    assert_ne!(bench.take_sent(Channel::Heartbeat).to, first);
}

#[test]
fn an_unanswered_heartbeat_is_given_up_after_half_a_session() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.pass_ms(2_000);
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    let effects = bench.pass_ms(4_500);
    let given_up = Effect::Disconnect { to: heartbeat.to, channel: Channel::Heartbeat };
    assert!(effects.contains(&given_up), "{effects:?}");
}

#[test]
fn a_stale_epoch_is_asked_with_again_and_a_newer_uptime_ends_this_one() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.pass_ms(2_000);
    for _ in 0..2 {
        let heartbeat = bench.take_sent(Channel::Heartbeat);
        let response = BrokerHeartbeatResponse {
            result: Err(ClusterError::StaleBrokerEpoch),
            controller: Some(CONTROLLER),
        };
        let effects = bench.answer(
            &heartbeat,
            ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)),
        );
        assert_eq!(states(&effects), [], "it is registered once");
        bench.sent.retain(|sent| sent.channel != Channel::Heartbeat);
        bench.pass_ms(1_999);
        assert!(!bench.has_sent(Channel::Heartbeat), "not before the interval");
        bench.pass_ms(1);
    }
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    assert!(
        matches!(
            heartbeat.message.body,
            RequestBody::Controller(ControllerRequest::BrokerHeartbeat(_))
        ),
        "{heartbeat:?}"
    );
    let effects = bench.commit(&[register(1, INCARNATION + 1)]);
    assert!(matches!(effects.last(), Some(Effect::Halt { .. })), "{effects:?}");
    assert_eq!(bench.broker.next_deadline(), None);
}

/// As in Kafka, whose metadata loader fails for good: the next uptime reads all of it anew.
#[test]
fn a_broker_whose_metadata_is_gone_from_the_quorum_halts() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let effects = bench.diverge(Offset(1));
    assert_eq!(effects.last(), Some(&Effect::Halt { reason: COMMITTED_METADATA_GONE }));
    assert_eq!(bench.broker.next_deadline(), None);
}

/// Index of the first effect that satisfies a test.
fn place(effects: &[Effect], test: impl Fn(&Effect) -> bool) -> usize {
    effects.iter().position(test).unwrap_or_else(|| panic!("not among {effects:?}"))
}

/// The fact that a broker stopped cleanly.
fn stopped(effect: &Effect) -> bool {
    matches!(effect, Effect::Note(Note::Broker(BrokerNote::StoppedCleanly { .. })))
}

#[test]
fn a_stop_waits_for_the_controller_then_syncs_everything_before_the_marker() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let effects = bench.handle(Event::StopRequested);
    assert_eq!(states(&effects), [BrokerState::ShuttingDown]);
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)) =
        &heartbeat.message.body
    else {
        panic!("{heartbeat:?}")
    };
    assert!(request.want_shutdown);
    let response = BrokerHeartbeatResponse { result: Ok(ACTIVE), controller: None };
    let effects = bench.answer(
        &heartbeat,
        ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)),
    );
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Halt { .. })),
        "still leads something"
    );
    bench.pass_ms(2_000);
    let effects = bench.answer_heartbeat(HeartbeatState { fenced: false, should_shut_down: true });
    let synced = |file: FileId| move |effect: &Effect| *effect == Effect::Sync { file };
    let replaced = |wanted: FileId| {
        move |effect: &Effect| {
            let Effect::Replace { file, .. } = effect else { return false };
            *file == wanted
        }
    };
    let high_watermarks = place(&effects, replaced(FileId::HighWatermarkCheckpoint));
    let recovery_points = place(&effects, replaced(FileId::RecoveryPointCheckpoint));
    let written = |effect: &Effect| {
        *effect
            == Effect::Write { file: FileId::CleanShutdown, bytes: Bytes::from_static(b"0\n0\n") }
    };
    let marker = place(&effects, written);
    assert!(high_watermarks < marker && recovery_points < marker, "{effects:?}");
    assert_eq!(place(&effects, stopped), marker + 1, "a process that dies in the sync has stopped");
    assert_eq!(place(&effects, synced(FileId::CleanShutdown)), marker + 2);
    assert_eq!(effects.last(), Some(&Effect::Halt { reason: "stopped" }));
}

#[test]
fn an_uptime_that_never_registered_leaves_no_epoch_in_its_marker() {
    let mut image = DiskImage::default();
    image.files.insert(FileId::CleanShutdown, Bytes::from_static(b"0\n42\n"));
    let (mut bench, _) = Bench::booted(1, &image);
    let effects = bench.handle(Event::StopRequested);
    let (file, bytes) = (FileId::CleanShutdown, Bytes::from_static(b"0\n-1\n"));
    let marker = place(&effects, |effect| *effect == Effect::Write { file, bytes: bytes.clone() });
    assert!(stopped(&effects[marker + 1]), "{effects:?}");
    assert_eq!(effects[marker + 2], Effect::Sync { file });
    let mut image = DiskImage::default();
    image.files.insert(file, bytes);
    let (mut bench, _) = Bench::booted(1, &image);
    let request = registration_request(&mut bench);
    assert_eq!(request.previous_broker_epoch, BrokerEpoch::NONE, "it counts as unclean");
}

#[test]
fn a_stop_is_asked_for_again_soon_after_the_first_answer() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.handle(Event::StopRequested);
    bench.answer_heartbeat(ACTIVE);
    bench.pass_ms(49);
    assert!(!bench.has_sent(Channel::Heartbeat));
    bench.pass_ms(1);
    bench.answer_heartbeat(ACTIVE);
    bench.pass_ms(50);
    assert!(!bench.has_sent(Channel::Heartbeat), "from then on at the heartbeats' pace");
}

#[test]
fn a_stop_that_begins_while_a_heartbeat_is_under_way_is_told_after_it() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.pass_ms(2_000);
    let before = bench.take_sent(Channel::Heartbeat);
    bench.handle(Event::StopRequested);
    assert!(!bench.has_sent(Channel::Heartbeat), "one at a time");
    let response = BrokerHeartbeatResponse { result: Ok(ACTIVE), controller: None };
    bench.answer(&before, ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)));
    let heartbeat = bench.take_sent(Channel::Heartbeat);
    let RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)) =
        &heartbeat.message.body
    else {
        panic!("{heartbeat:?}")
    };
    assert!(request.want_shutdown);
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.handle(Event::StopRequested);
    let effects = bench.pass_ms(5_000);
    assert_eq!(effects.last(), Some(&Effect::Halt { reason: "stopped" }));
}

/// What was written into the checkpoint of high watermarks.
fn written_high_watermarks(effects: &[Effect]) -> Option<Bytes> {
    written(effects, FileId::HighWatermarkCheckpoint)
}

/// What was written into a checkpoint.
fn written(effects: &[Effect], checkpoint: FileId) -> Option<Bytes> {
    effects.iter().find_map(|effect| {
        let (Effect::Replace { file, bytes } | Effect::ReplaceInBackground { file, bytes }) =
            effect
        else {
            return None;
        };
        (*file == checkpoint).then(|| bytes.clone())
    })
}

#[test]
fn checkpoints_tell_neither_what_is_not_committed_nor_what_is_not_flushed() {
    let mut bench = Bench::hosting(registration(1, 1, &[1, 2]));
    bench.request(7, 1001, 1, super::serving::produce(&[batch(1)], 1, 100));
    let log = bench.broker.partition(ORDERS).expect("hosted").log();
    let bounds = (log.high_watermark(), log.recovery_point(), log.log_end_offset());
    assert_eq!(bounds, (Offset(0), Offset(0), Offset(1)));
    let effects = bench.pass_ms(60_000);
    for checkpoint in [FileId::HighWatermarkCheckpoint, FileId::RecoveryPointCheckpoint] {
        let written = written(&effects, checkpoint).expect("each has its interval");
        let told = crate::log::checkpoint::decode_offsets(&written).expect("whole");
        assert_eq!(told.get(&ORDERS), Some(&Offset(0)), "{checkpoint:?}");
    }
}

#[test]
fn checkpoints_keep_partitions_that_are_not_hosted_yet() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let produce = super::serving::produce(&[batch(1)], 1, 100);
    bench.request(7, 1001, 1, produce);
    let effects = bench.pass_ms(5_000);
    let written = written_high_watermarks(&effects);
    let mut image = DiskImage::default();
    image.files.insert(FileId::HighWatermarkCheckpoint, written.expect("the high watermark moved"));
    let (mut bench, _) = Bench::booted(1, &image);
    let effects = bench.handle(Event::StopRequested);
    let kept = written_high_watermarks(&effects);
    let kept =
        crate::log::checkpoint::decode_offsets(&kept.expect("a stop writes it")).expect("whole");
    assert_eq!(kept.get(&ORDERS), Some(&Offset(1)), "this uptime never hosted it");
}

/// Source: `ReplicaManager.applyLocalFollowersDelta`.
#[test]
fn a_broker_that_stops_fetches_no_more_where_it_has_left_the_isr() {
    for (isr, fetches) in [(&[1, 2, 3][..], true), (&[2, 3], false)] {
        let mut bench = Bench::hosting(registration(2, 1, &[1, 2, 3]));
        assert!(bench.has_sent(Channel::ReplicaFetch), "it follows broker 2");
        bench.handle(Event::StopRequested);
        let partition_epoch = PartitionEpoch(2);
        let changed = registration(2, 1, isr);
        bench.commit(&[partition(PartitionRegistration { partition_epoch, ..changed })]);
        bench.take_sent(Channel::ReplicaFetch);
        let (to, channel) = (NodeId(2), Channel::ReplicaFetch);
        bench.handle(Event::ConnectionLost { to, channel });
        bench.pass_ms(2_000);
        assert_eq!(bench.has_sent(Channel::ReplicaFetch), fetches, "ISR {isr:?}");
    }
}

#[test]
fn a_broker_ends_whose_registration_was_replaced() {
    for goes_on in [false, true] {
        let mut bench = Bench::hosting(registration(1, 1, &[1, 2, 3]));
        if goes_on {
            bench.broker.context.config.defects =
                [BrokerDefect::ReplacedGoesOn].into_iter().collect();
        }
        let effects = bench.commit(&[register(1, INCARNATION + 1)]);
        let ends = effects.iter().any(|effect| matches!(effect, Effect::Halt { .. }));
        assert_eq!(ends, !goes_on, "{effects:?}");
    }
}
