//! The life of a record, as it is told.

use harrow_broker_model::note::{AppendOrigin, TruncateReason};
use harrow_broker_model::types::{LeaderEpoch, NodeId, RecordValue};
use harrow_reports::biography::{attach, places};
use harrow_reports::render::{Format, Styles};
use harrow_reports::report::Report;
use harrow_reports::verdict::{Finding, Record};
use harrow_sim::biography::{Moment, MomentKind, RecordIdentity};
use harrow_sim::history::Completion;

use super::{rendered, report, run, violation};

const IT: RecordIdentity =
    RecordIdentity { value: Some(1), leader_epoch: LeaderEpoch(1), checksum: 7 };
const OTHER: RecordIdentity =
    RecordIdentity { value: Some(5), leader_epoch: LeaderEpoch(4), checksum: 9 };

fn at(second: u64, node: i32, kind: MomentKind) -> Moment {
    Moment { at_ns: second * 1_000_000_000, event: Some(second), node: Some(NodeId(node)), kind }
}

fn client(second: u64, kind: MomentKind) -> Moment {
    Moment { at_ns: second * 1_000_000_000, event: None, node: None, kind }
}

/// A record that is committed, acknowledged, cut away by its leader and replaced, and read by so many consumers.
fn life(reads: u32) -> Vec<Moment> {
    let (origin, leader_epoch) = (AppendOrigin::Leader, LeaderEpoch(4));
    let told = (Completion::Ok, Some(1));
    let mut life = vec![
        client(1, MomentKind::SendInvoked { process: 0, value: 1 }),
        at(2, 1, MomentKind::Appended { record: IT, origin }),
        at(3, 2, MomentKind::Appended { record: IT, origin: AppendOrigin::Follower }),
        at(4, 1, MomentKind::Committed { record: IT }),
        at(4, 1, MomentKind::Acknowledged { record: IT, acks: -1, duplicate: false }),
        client(
            5,
            MomentKind::SendCompleted { process: 0, value: 1, completion: told.0, offset: told.1 },
        ),
        at(
            6,
            2,
            MomentKind::Truncated { record: IT, to: 0, reason: TruncateReason::HighWatermark },
        ),
        at(7, 2, MomentKind::Elected { leader_epoch, unclean: false, record: None }),
        at(7, 2, MomentKind::Lost { record: IT, leader_epoch }),
        at(8, 2, MomentKind::Appended { record: OTHER, origin }),
    ];
    let read = |reader: u32| client(9, MomentKind::Polled { process: reader, value: 5 });
    life.extend((0..reads).map(read));
    life
}

fn broken(reads: u32) -> Report {
    let mut run = run(&[0, 2]);
    run.violations = vec![violation("leader-completeness", 9)];
    let mut report = report(&run);
    let places = places(&report.findings);
    assert_eq!(places.len(), 1, "{places:?}");
    attach(&mut report.findings, &places, &[life(reads)]);
    report
}

fn lines(report: &Report) -> Vec<String> {
    let text = rendered(report, Format::Human { styles: Styles::plain(), replay: "again" });
    let lines = text.lines().skip_while(|line| !line.starts_with("the life of "));
    lines.take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_short_life_is_told_whole() {
    let lines = lines(&broken(1));
    let wanted = [
        "the life of record 1, offset 1 of orders-0:",
        "  1.000000s client 0 began to send it",
        "  2.000000s node 1 appended it as leader of epoch 1",
        "  3.000000s node 2 copied it from the leader",
        "  4.000000s it is committed: node 1 moved the true high watermark past it",
        "  4.000000s node 1 acknowledged it with acks=all",
        "  5.000000s client 0: it is acknowledged at offset 1",
        "  6.000000s node 2 truncated it from its log, which ends at 0 now: to its own high watermark",
        "  7.000000s node 2 was elected in epoch 4 and does not have it",
        "  7.000000s it is lost: node 2 leads in epoch 4 without it",
        "  8.000000s node 2 appended another record, 5, as leader of epoch 4",
        "  9.000000s client 0 read record 5 here",
    ];
    assert_eq!(lines, wanted);
}

#[test]
fn a_cleaner_takes_it_for_a_later_record_of_its_key_and_tombstones_are_called_so() {
    let tombstone = RecordIdentity { value: Some(RecordValue(9).as_tombstone().0), ..OTHER };
    let mut report = broken(0);
    let cleaned = |record, replaced_by| MomentKind::Cleaned { record, replaced_by };
    report.findings[0].biography = vec![
        at(1, 1, MomentKind::Appended { record: IT, origin: AppendOrigin::Leader }),
        at(2, 1, cleaned(IT, Some(8))),
        at(3, 1, MomentKind::Appended { record: tombstone, origin: AppendOrigin::Leader }),
        at(4, 1, cleaned(tombstone, None)),
    ];
    let lines = lines(&report);
    let number = tombstone.value.expect("it has one");
    let wanted = [
        "  2.000000s the cleaner of node 1 took it: offset 8 has a later record of its key"
            .to_owned(),
        format!("  3.000000s node 1 appended a tombstone, {number}, as leader of epoch 4"),
        format!(
            "  4.000000s the cleaner of node 1 took a tombstone, {number}: a tombstone goes when its \
             delete.retention.ms is over"
        ),
    ];
    assert_eq!(lines[2..], wanted);
}

#[test]
fn of_a_long_life_what_matters_is_told_and_the_rest_counted() {
    let lines = lines(&broken(50));
    assert_eq!(lines.len(), 12, "{lines:#?}");
    assert_eq!(lines[11], "  and 50 more moments, in the JSON report");
    assert!(lines.iter().any(|line| line.contains("it is lost")), "{lines:#?}");
}

#[test]
fn the_rest_of_the_story_stays_as_short_as_without_it() {
    let report = broken(50);
    let mut bare = report.clone();
    bare.findings[0].biography.clear();
    let format = || Format::Human { styles: Styles::plain(), replay: "again" };
    let story = rendered(&bare, format());
    let story = story.split("\n\n").nth(1).expect("a finding follows the outcome").lines().count();
    assert!(story <= 15, "{story} lines");
    let whole = rendered(&report, format()).lines().count();
    assert_eq!(whole, rendered(&bare, format()).lines().count() + 13);
}

#[test]
fn a_life_survives_json_and_is_left_out_when_nobody_followed() {
    let report = broken(50);
    let json = rendered(&report, Format::Json);
    let again: Report = serde_json::from_str(&json).expect("a report reads back");
    assert_eq!(again, report);
    assert_eq!(again.findings[0].biography.len(), 60, "all moments are there");
    let first = r#""biography":[{"at_ns":1000000000,"kind":"send-invoked","process":0,"value":1},"#;
    assert!(json.contains(first), "{json}");
    let record = r#""record":{"partition":"orders-0","offset":1,"value":"1"}"#;
    assert!(json.contains(record), "{json}");
    let mut bare = report;
    bare.findings[0].biography.clear();
    assert!(!rendered(&bare, Format::Json).contains("biography"));
}

#[test]
fn a_place_is_followed_once_and_only_its_findings_get_its_life() {
    let record = |offset: i64| {
        Some(Record { partition: "orders-0".to_owned(), offset, value: None, lines: Vec::new() })
    };
    let of = |record: Option<Record>| Finding { record, ..Finding::default() };
    let mut findings = vec![of(record(2)), of(None), of(record(1)), of(record(2))];
    let places = places(&findings);
    let offsets: Vec<i64> = places.iter().map(|place| place.offset).collect();
    assert_eq!(offsets, [1, 2]);
    attach(&mut findings, &places, &[life(0), Vec::new()]);
    let lengths: Vec<usize> = findings.iter().map(|finding| finding.biography.len()).collect();
    assert_eq!(lengths, [0, 0, 10, 0]);
}
