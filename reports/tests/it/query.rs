//! The language over events: what is selected, and what is said of a query that is none.

use harrow_reports::trace::TraceEvent;
use harrow_reports::trace::query::Query;
use serde_json::{Value, json};

/// An event: time in milliseconds, node, family and kind, partitions, fields.
fn event(at_ms: u64, node: i32, kind: &str, partitions: &[&str], fields: Value) -> TraceEvent {
    let (family, kind) = kind.split_once('.').expect("a family and a kind");
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    TraceEvent {
        row: 0,
        event: at_ms,
        at_ns: at_ms * 1_000_000,
        node: (node != 0).then_some(node),
        family: family.to_owned(),
        kind: kind.to_owned(),
        partitions: partitions.iter().map(ToString::to_string).collect(),
        fields,
        cause: None,
        text: format!("{kind} at node {node}"),
    }
}

/// Two elections, two cuts, and what goes with them. Positions are those of the list.
fn story() -> Vec<TraceEvent> {
    let batch = json!({ "batch": { "base_offset": 5, "last_offset": 9, "leader_epoch": 2 } });
    let mut all = vec![
        event(0, 0, "world.fault", &[], json!({})),
        event(10, 1, "replication.became-leader", &["a-0"], json!({ "leader_epoch": 1 })),
        event(20, 1, "log.appended", &["a-0"], batch),
        event(30, 2, "replication.became-leader", &["a-1"], json!({ "leader_epoch": 3 })),
        event(
            2_000,
            2,
            "log.truncated",
            &["a-0"],
            json!({ "from": 9, "to": 5, "reason": "high-watermark" }),
        ),
        event(2_100, 1, "log.truncated", &["a-0"], json!({ "from": 4, "to": 4 })),
        event(2_200, 1, "operation.operation-invoked", &[], json!({ "records": [70, 71] })),
        event(5_000, 1, "process.halted", &[], json!({})),
        event(
            5_100,
            3,
            "message.request-sent",
            &["a-0", "a-1"],
            json!({ "api": "fetch", "to": 1 }),
        ),
    ];
    for (row, event) in all.iter_mut().enumerate() {
        event.row = row as u64;
    }
    all
}

#[test]
fn queries_select_what_they_say() {
    let events = story();
    let table: &[(&str, &[usize])] = &[
        ("truncated", &[4, 5]),
        ("log.truncated", &[4, 5]),
        ("log.*", &[2, 4, 5]),
        ("*", &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("truncated[node = 1]", &[5]),
        ("truncated[node != 1]", &[4]),
        ("*[node = 1|3, time > 2s]", &[5, 6, 7, 8]),
        ("*[time >= 2s and time <= 2100ms]", &[4, 5]),
        ("*[time = 0.01s]", &[1]),
        ("*[offset = 7]", &[2, 4]),
        ("*[offset < 6]", &[2, 4]),
        ("*[offset > 8]", &[2]),
        ("*[offset >= 8]", &[2, 4]),
        ("*[offset != 7]", &[]),
        ("*[epoch = 2]", &[2]),
        ("*[epoch >= 2]", &[2, 3]),
        ("*[partition = a-1]", &[3, 8]),
        ("*[partition != a-1 and node = 1]", &[1, 2, 5]),
        ("*[partition ~ a-]", &[1, 2, 3, 4, 5, 8]),
        ("*[record = 71]", &[6]),
        ("*[text ~ 'at node 2']", &[3, 4]),
        ("*[kind = halted or row = 0]", &[0, 7]),
        ("*[family = world]", &[0]),
        ("request-sent[api = fetch]", &[8]),
        ("request-sent[api != fetch]", &[]),
        ("request-sent[to <= 1]", &[8]),
        ("truncated[reason = high-watermark]", &[4]),
        ("appended[batch.last_offset > 8]", &[2]),
        ("truncated[not (node = 1 or node = 3)]", &[4]),
        ("truncated preceded by became-leader", &[5]),
        ("truncated not preceded by became-leader", &[4]),
        ("truncated preceded by became-leader on any node", &[4, 5]),
        ("truncated preceded by became-leader on any partition", &[4, 5]),
        ("truncated preceded by became-leader anywhere", &[4, 5]),
        ("truncated preceded by became-leader within 2s", &[]),
        ("truncated preceded by became-leader within 2090ms", &[5]),
        ("became-leader followed by halted", &[1]),
        ("became-leader followed by halted within 1s", &[]),
        ("became-leader not followed by halted", &[3]),
        ("halted preceded by (truncated preceded by became-leader)", &[7]),
        ("halted preceded by (fault or appended)", &[7]),
        ("truncated and halted", &[4, 5, 7]),
        ("(halted or appended) and not disconnected", &[2, 7]),
        ("truncated preceded by became-leader not followed by halted", &[]),
    ];
    for &(text, wanted) in table {
        let query = Query::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        let answer = query.ask(&events);
        assert_eq!(answer.events, wanted, "{text}");
        assert_eq!(answer.holds, !wanted.is_empty(), "{text}");
    }
}

#[test]
fn what_is_denied_holds_without_events() {
    let events = story();
    for (text, holds) in [
        ("not disconnected", true),
        ("not halted", false),
        ("truncated and not halted", false),
        ("not (disconnected and halted)", true),
        ("disconnected or not closed", true),
    ] {
        let answer = Query::parse(text).expect("a query").ask(&events);
        assert_eq!(answer.holds, holds, "{text}");
        assert!(answer.events.is_empty(), "{text}: {:?}", answer.events);
    }
}

#[test]
fn lists_are_what_is_in_them_and_variants_with_fields_are_called_by_their_names() {
    let batch = |kind: &str, at: i64| json!({ "base_offset": at, "kind": kind });
    let aged = json!({ "kind": "time", "limit_ms": 10, "age_ms": 25 });
    let events = [
        event(
            1,
            1,
            "log.recovered",
            &["a-0"],
            json!({ "batches": [batch("plain", 0), batch("control", 4)], "clean": true }),
        ),
        event(2, 1, "log.recovered", &["a-0"], json!({ "batches": [], "clean": false })),
        event(3, 1, "log.records-deleted", &["a-0"], json!({ "from": 0, "to": 5, "reason": aged })),
        event(4, 1, "log.records-deleted", &["a-0"], json!({ "reason": "leader" })),
        event(
            5,
            1,
            "log.cleaned",
            &["a-0"],
            json!({ "batches": [{ "records": [3, 4] }, { "records": [], "delete_horizon": 7 }] }),
        ),
        event(6, 1, "group.coordinator-loaded", &[], json!({ "groups": [["readers", 3]] })),
        event(7, 1, "log.epochs-known", &["a-0"], json!({ "epochs": [[1, 0], [2, 255]] })),
    ];
    let table: &[(&str, &[usize])] = &[
        ("recovered[batches.kind = control]", &[0]),
        ("recovered[batches.base_offset >= 4]", &[0]),
        ("recovered[batches.kind != control]", &[]),
        ("recovered[batches.kind != commit-marker]", &[0]),
        ("recovered[clean = true]", &[0]),
        ("records-deleted[reason = time]", &[2]),
        ("records-deleted[reason.kind = time]", &[2]),
        ("records-deleted[reason = time|leader]", &[2, 3]),
        ("records-deleted[reason != time]", &[3]),
        ("records-deleted[reason.age_ms > 20]", &[2]),
        // Some items have it and some do not: what is there counts.
        ("cleaned[batches.delete_horizon != 5]", &[4]),
        ("cleaned[batches.delete_horizon != 7]", &[]),
        ("cleaned[batches.records = 4]", &[4]),
        // A list of pairs is all that is in them.
        ("coordinator-loaded[groups > 2]", &[5]),
        ("coordinator-loaded[groups = readers]", &[5]),
        ("coordinator-loaded[groups = 4]", &[]),
        ("epochs-known[epochs = 255]", &[6]),
    ];
    for &(text, wanted) in table {
        let query = Query::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        assert_eq!(query.ask(&events).events, wanted, "{text}");
    }
}

#[test]
fn numbers_are_compared_by_their_value_however_large() {
    let key = json!({ "records": [{ "key": "18446744073709551615" }, { "key": 7 }] });
    let events = [
        event(1, 1, "log.keys-appended", &["a-0"], key),
        event(2, 1, "log.recovered", &["a-0"], json!({ "high_watermark": 0 })),
        event(3, 1, "log.keys-appended", &["a-0"], json!({ "records": [{ "key": u64::MAX }] })),
    ];
    let table: &[(&str, &[usize])] = &[
        ("keys-appended[records.key = 18446744073709551615]", &[0, 2]),
        ("keys-appended[records.key > 9223372036854775807]", &[0, 2]),
        ("keys-appended[records.key > 18446744073709551615]", &[]),
        ("keys-appended[records.key < 99999999999999999999999999999999999999999999]", &[0, 2]),
        ("keys-appended[records.key < -9223372036854775809]", &[]),
        ("keys-appended[records.key = 007]", &[0]),
        ("recovered[high_watermark = 00]", &[1]),
        ("recovered[high_watermark = +0]", &[1]),
        ("recovered[high_watermark != 0]", &[]),
        ("*[time < 9999999999s]", &[0, 1, 2]),
        ("*[row >= 00]", &[0, 1, 2]),
    ];
    for &(text, wanted) in table {
        let query = Query::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        assert_eq!(query.ask(&events).events, wanted, "{text}");
    }
}

#[test]
fn a_time_as_it_is_shown_stands_for_all_that_are_shown_so() {
    let mut cut = event(6_086, 1, "log.truncated", &["a-0"], json!({}));
    cut.at_ns = 6_086_568_415;
    assert!(cut.line().contains("6.086568s"), "{}", cut.line());
    for (condition, is) in [
        ("time = 6.086568s", true),
        ("time != 6.086568s", false),
        ("time <= 6.086568s", true),
        ("time < 6.086568s", false),
        ("time >= 6.086568s", true),
        ("time > 6.086568s", false),
        ("time > 6.086567s", true),
        ("time = 6.086569s", false),
        ("time = 6086568415ns", true),
        ("time = 6086568414ns", false),
        ("time < 6086568416ns", true),
    ] {
        let query = Query::parse(&format!("truncated[{condition}]")).expect(condition);
        assert_eq!(query.ask(std::slice::from_ref(&cut)).holds, is, "{condition}");
    }
}

#[test]
fn offsets_epochs_and_nodes_are_found_where_a_kind_has_them() {
    let events = [
        event(
            1,
            1,
            "producer.produce-acknowledged",
            &["a-0"],
            json!({ "base_offset": 250, "last_offset": 259, "leader_epoch": 1 }),
        ),
        event(2, 1, "log.start-moved", &["a-0"], json!({ "log_start_offset": 255 })),
        event(
            3,
            1,
            "log.recovered",
            &["a-0"],
            json!({ "log_start_offset": 9, "log_end_offset": 256, "high_watermark": 3 }),
        ),
        event(
            4,
            1,
            "consumer.epoch-end-served",
            &["a-0"],
            json!({ "leader_epoch": 7, "asked": 5, "epoch": 4, "end_offset": 255 }),
        ),
        event(5, 0, "world.fault", &["a-0"], json!({ "nodes": [2, 3] })),
        event(6, 1, "replication.isr-proposed", &["a-0"], json!({ "from": [1, 2], "to": [1] })),
    ];
    let table: &[(&str, &[usize])] = &[
        ("*[offset = 255]", &[0, 1, 2, 3]),
        ("produce-acknowledged[offset = 255]", &[0]),
        ("start-moved[offset = 255]", &[1]),
        ("recovered[offset = 255]", &[2]),
        ("recovered[offset = 256]", &[]),
        ("epoch-end-served[epoch = 4]", &[3]),
        ("epoch-end-served[epoch = 7]", &[]),
        ("epoch-end-served[leader_epoch = 7]", &[3]),
        ("fault[node = 2]", &[4]),
        ("fault[node = 1]", &[]),
        ("fault[node != 1]", &[4]),
        ("isr-proposed[to != 2, from = 2]", &[5]),
    ];
    for &(text, wanted) in table {
        let query = Query::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        assert_eq!(query.ask(&events).events, wanted, "{text}");
    }
}

/// What is said of the names in a query that no run has: place, message, help.
fn unknown(text: &str, runs: &[&[TraceEvent]]) -> Vec<(usize, String, String)> {
    let query = Query::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
    let mut all = query.names();
    for events in runs {
        let mut names = query.names();
        names.look(&[1, 2, 3, 101], events);
        all.join(names);
    }
    all.unknown().into_iter().map(|one| (one.offset, one.message, one.help)).collect()
}

#[test]
fn a_name_that_no_run_has_is_told_beside_the_answer() {
    let mut events = story();
    events.push(event(6_000, 1, "group.member-owns", &[], json!({ "group": "readers" })));
    let table = [
        (
            "truncated[partition = a-7]",
            22,
            "no event is of a partition `a-7`",
            "did you mean `a-0`? events are of a-0, a-1",
        ),
        (
            "not truncated[partition != b-0]",
            27,
            "a partition `b-0`",
            "did you mean `a-0`? events are of",
        ),
        (
            "halted preceded by (closed or fault[partition ~ orders])",
            48,
            "no event is of a partition with `orders` in its name",
            "a-0, a-1",
        ),
        ("halted[node = 1|77]", 16, "the run has no node `77`", "the nodes are 1, 2, 3, 101"),
        ("became-follower[leader = 99]", 25, "the run has no node `99`", "1, 2, 3, 101"),
        ("*[error = FencedLeaderEpok]", 10, "no event has `error` = `FencedLeaderEpok`", "none"),
        (
            "member-owns[group = reader]",
            20,
            "no event has `group` = `reader`",
            "did you mean `readers`? events have in `group` readers",
        ),
        ("member-owns[member = m-1]", 21, "no event has `member` = `m-1`", "there are none"),
        (
            "truncated[partition = '']",
            22,
            "no event is of a partition ``",
            "events are of a-0, a-1",
        ),
        ("truncated[node = 4]", 17, "the run has no node `4`", "the nodes are 1, 2, 3, 101"),
    ];
    for (text, offset, message, help) in table {
        let told = unknown(text, &[&events]);
        let [(at, said, meant)] = told.as_slice() else { panic!("{text}: {told:?}") };
        assert_eq!(*at, offset, "{text}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(meant.contains(help), "{text}: {meant}");
        let is_guess = meant.starts_with("did you mean");
        assert_eq!(is_guess, help.starts_with("did you mean"), "{text}: {meant}");
    }
    for text in [
        "truncated[partition = a-1]",
        "truncated[node = 101 or node < 99 or node = 03]",
        "*[partition ~ a]",
        "truncated[offset = 99, text ~ nowhere, time > 9m]",
        "member-owns[group ~ read]",
    ] {
        let told = unknown(text, &[&events]);
        assert!(told.is_empty(), "{text}: {told:?}");
    }
}

#[test]
fn of_many_names_the_first_are_listed() {
    let named = |index: i32| event(1, 1, "log.truncated", &[&format!("t-{index:02}")], json!({}));
    let events: Vec<TraceEvent> = (0..20).map(named).collect();
    let told = unknown("truncated[partition = orders-0]", &[&events]);
    assert!(told[0].2.starts_with("events are of t-00, t-01, "), "{told:?}");
    assert!(told[0].2.ends_with(", t-15 and 4 more"), "{told:?}");
    let many: Vec<TraceEvent> = (0..600).map(named).collect();
    let told = unknown("truncated[partition = orders-0]", &[&many]);
    assert!(told[0].2.ends_with(" and 484 more at least"), "{told:?}");
}

#[test]
fn of_many_names_that_are_nowhere_the_first_are_told() {
    let names: Vec<String> = (0..400).map(|index| format!("g{index:03}")).collect();
    let mut events = story();
    events.push(event(6_000, 1, "group.member-owns", &[], json!({ "group": "g001" })));
    let told = unknown(&format!("member-owns[group = {}]", names.join("|")), &[&events]);
    assert_eq!(told.len(), 11, "{told:?}");
    assert!(told[9].1.contains("`g010`"), "{told:?}");
    assert!(told[10].1.starts_with("389 more names") && told[10].1.contains("`g011`"), "{told:?}");
}

#[test]
fn what_is_denied_is_not_what_is_missed() {
    let events = story();
    let unmet = |text: &str| {
        let mut names = Query::parse(text).expect(text).names();
        names.look(&[1, 2, 3], &events);
        (names.unknown().len(), names.unmet().len())
    };
    assert_eq!(unmet("halted[node != 99]"), (1, 0));
    assert_eq!(unmet("halted[not node = 99]"), (1, 0));
    assert_eq!(unmet("halted[node = 99]"), (1, 1));
    assert_eq!(unmet("halted not preceded by booted[node = 99]"), (1, 0));
}

#[test]
fn a_name_that_only_some_runs_have_is_nothing_to_be_told() {
    let with = [event(1, 1, "log.truncated", &["b-0"], json!({}))];
    let without = story();
    for runs in [[&without[..], &with[..]], [&with[..], &without[..]]] {
        let told = unknown("truncated[partition = b-0]", &runs);
        assert!(told.is_empty(), "{told:?}");
    }
    let told = unknown("truncated[partition = b-1]", &[&without[..], &with[..]]);
    let [(_, message, help)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(message, "in 2 runs no event is of a partition `b-1`");
    assert!(help.ends_with("events are of a-0, a-1, b-0"), "{help}");
    assert!(unknown("truncated[partition = b-1]", &[]).is_empty(), "nobody has looked");
}

/// A query that is none: where, what is wrong, and what would be right.
fn refuses(text: &str, offset: usize, message: &str, help: &str) {
    let problem = Query::parse(text).expect_err(text);
    assert_eq!(problem.offset, offset, "{text}: {problem:?}");
    assert!(problem.message.contains(message), "{text}: {}", problem.message);
    assert!(problem.help.contains(help), "{text}: {}", problem.help);
}

#[test]
fn what_a_field_never_is_is_told_where_and_what_would_be_right() {
    let table = [
        (
            "truncated[reason = high-watermrk]",
            19,
            "`reason` of these events is never `high-watermrk`",
            "did you mean `high-watermark`? it is one of diverged, out-of-range, high-watermark, \
             across-start, snapshot",
        ),
        ("truncated[reason = diverged|snapshots]", 28, "never `snapshots`", "`snapshot`?"),
        ("truncated[reason != nonsense]", 20, "never `nonsense`", "it is one of diverged"),
        ("truncated[reason ~ watermrk]", 19, "never contains `watermrk`", "high-watermark"),
        ("truncated[reason < snapshot]", 17, "neither less nor more", "~"),
        ("log.*[reason = sise]", 15, "never `sise`", "did you mean `size`?"),
        ("recovered[clean = yes]", 18, "`clean` of these events is never `yes`", "false, true"),
        ("recovered[batches.kind = plane]", 25, "never `plane`", "did you mean `plain`?"),
        ("request-sent[api = prodce]", 19, "never `prodce`", "did you mean `produce`?"),
        ("request-sent[api = nonsense]", 19, "never `nonsense`", "`harrow query --kinds`"),
        ("*[kind = haltd]", 9, "`kind` of these events is never `haltd`", "`halted`?"),
        ("*[family = lgo]", 11, "`family` of these events is never `lgo`", "did you mean `log`?"),
        ("log.*[kind = halted]", 13, "never `halted`", "it is one of appended"),
        ("truncated[to = five]", 15, "no whole number", "255"),
        ("appended[batch = 5]", 15, "`batch` is no single value", "batch.base_offset"),
        (
            "appended[batch.base_ofset = 5]",
            9,
            "no field `batch.base_ofset`",
            "`batch.base_offset`?",
        ),
        ("appended[batch.nonsense = 5]", 9, "no field `batch.nonsense`", "batch.checksum"),
        ("truncated[reason.nonsense = 5]", 10, "no field", "nothing is in `reason`"),
        ("appended[batch ~ base_offset]", 15, "`batch` is no single value", "batch.base_offset"),
        ("truncated[from ~ abc]", 15, "a number contains nothing", "="),
        ("epochs-known[epochs ~ 25]", 20, "a number contains nothing", "any item"),
        ("truncated[to = 1e5]", 15, "no whole number", "255"),
        ("coordinator-loaded[groups > many]", 28, "no whole number", "255"),
        ("isr-proposed[offset = 5]", 13, "never have `offset`", "out_of_sync"),
        ("isr-proposed[to = one]", 18, "no whole number", "255"),
        ("message.*[offset < 5]", 10, "never have `offset`", "correlation_id"),
        ("keys-appended[record = 5]", 14, "never have `record`", "records"),
        ("operation-completed[record = 5]", 20, "never have `record`", "operation"),
        ("file-synced[bytes > 5]", 12, "no field `bytes`", "file"),
        ("healed[node = 1]", 7, "never have `node`", "nothing"),
        ("halted[partition = a-0]", 7, "never have `partition`", "nothing"),
        ("quorum.*[partition ~ metadata]", 9, "never have `partition`", "epoch"),
        ("quorum.*[partition = a-0]", 9, "never have `partition`", "epoch"),
        ("snapshot-written[epoch = 1]", 17, "never have `epoch`", "did you mean `snapshot.epoch`?"),
        (
            "request-sent[from = 1]",
            13,
            "no field `from`",
            "of its own it has api, correlation_id, to",
        ),
    ];
    for (text, offset, message, help) in table {
        refuses(text, offset, message, help);
    }
}

#[test]
fn a_query_that_is_none_is_told_where_and_what_would_be_right() {
    let table = [
        ("", 0, "empty", "truncated not preceded by became-leader"),
        ("truncatd", 0, "no kind of event `truncatd`", "did you mean `truncated`?"),
        ("raft.truncated", 0, "no kind of event", "--kinds"),
        ("log.truncatd", 0, "no kind of event", "did you mean `log.truncated`?"),
        ("truncated preceded became-leader", 19, "`by` should be", "preceded by"),
        ("truncated preceded by", 21, "the end is where a kind", "--kinds"),
        ("truncated preceded by became-leader within soon", 43, "no time", "500ms"),
        ("truncated preceded by became-leader on node", 39, "says nowhere", "on any node"),
        ("truncated[node]", 14, "no comparison", "!="),
        ("truncated[node = one]", 17, "no whole number", "255"),
        ("truncated[nde = 1]", 10, "no field `nde`", "did you mean `node`?"),
        ("truncated[reson = 1]", 10, "no field `reson`", "did you mean `reason`?"),
        ("truncated[isr = 1]", 10, "no field `isr`", ""),
        ("truncated[epoch = 1]", 10, "never have `epoch`", "from, partition, reason, to"),
        ("became-leader or truncated[epoch = 1]", 27, "never have `epoch`", "--kinds"),
        ("halted preceded by (closed or fault[offset = 1])", 36, "never have `offset`", "nodes"),
        ("disk.*[record = 1]", 7, "never have `record`", "bytes"),
        ("truncated[time > 2]", 17, "no time", "2s"),
        ("truncated[partition < a-0]", 20, "neither less nor more", "~"),
        ("truncated[node ~ 1]", 15, "contains nothing", "="),
        ("truncated[node = 1", 18, "`]` should be", "close it"),
        ("(truncated", 10, "`)` should be", "close it"),
        ("truncated halted", 10, "after the end", "preceded by"),
        ("truncated[text = 'x]", 17, "no end", "close it"),
        ("truncated; halted", 9, "means nothing here", "quotes"),
        ("halted preceded by (truncated and closed)", 19, "whole run", "or"),
        ("(not truncated) preceded by halted", 0, "whole run", "or"),
        ("and", 0, "where a kind of event should be", "*"),
    ];
    for (text, offset, message, help) in table {
        refuses(text, offset, message, help);
    }
    for (joint, at) in [(" or ", 1_000 * 10), (" and ", 1_000 * 11)] {
        let long = vec!["halted"; 25_000].join(joint);
        refuses(&long, at, "one more than 1000", "|");
    }
    let long = format!("*[{}]", vec!["row = 1"; 25_000].join(" or "));
    refuses(&long, 2 + 999 * 11, "one more than 1000", "|");
    let most = Query::parse(&vec!["halted"; 1_000].join(" or ")).expect("as many as there may be");
    assert!(most.ask(&story()).holds);
    let deep = "(".repeat(10_000);
    assert!(Query::parse(&deep).expect_err("too deep").message.contains("too deep"));
    let denied = "not ".repeat(10_000);
    assert!(Query::parse(&denied).expect_err("too deep").message.contains("too deep"));
}
