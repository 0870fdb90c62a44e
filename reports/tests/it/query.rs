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
    ];
    let table: &[(&str, &[usize])] = &[
        ("recovered[batches.kind = control]", &[0]),
        ("recovered[batches.base_offset >= 4]", &[0]),
        ("recovered[batches.kind != control]", &[1]),
        ("recovered[clean = true]", &[0]),
        ("records-deleted[reason = time]", &[2]),
        ("records-deleted[reason.kind = time]", &[2]),
        ("records-deleted[reason = time|leader]", &[2, 3]),
        ("records-deleted[reason != time]", &[3]),
        ("records-deleted[reason.age_ms > 20]", &[2]),
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
            "the run has no partition a-7",
            "did you mean `a-0`? its partitions are a-0, a-1",
        ),
        ("not halted[partition != b-0]", 24, "no partition b-0", "its partitions are a-0, a-1"),
        (
            "halted preceded by (closed or fault[partition ~ orders])",
            48,
            "the run has no partition with `orders` in its name",
            "a-0, a-1",
        ),
        ("halted[node = 1|77]", 16, "the run has no node 77", "its nodes are 1, 2, 3, 101"),
        (
            "member-owns[group = reader]",
            20,
            "the run has no event with group = reader",
            "did you mean `readers`? its events have in group readers",
        ),
        ("member-owns[member = m-1]", 21, "no event with member = m-1", "there are none"),
    ];
    for (text, offset, message, help) in table {
        let told = unknown(text, &[&events]);
        let [(at, said, meant)] = told.as_slice() else { panic!("{text}: {told:?}") };
        assert_eq!(*at, offset, "{text}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(meant.contains(help), "{text}: {meant}");
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
    assert!(told[0].2.starts_with("its partitions are t-00, t-01, "), "{told:?}");
    assert!(told[0].2.ends_with(", t-15 and 4 more"), "{told:?}");
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
    assert_eq!(message, "in 2 runs there is no partition b-1");
    assert!(help.ends_with("their partitions are a-0, a-1, b-0"), "{help}");
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
        ("halted preceded by (closed or fault[offset = 1])", 36, "never have `offset`", "nothing"),
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
    let deep = "(".repeat(10_000);
    assert!(Query::parse(&deep).expect_err("too deep").message.contains("too deep"));
    let denied = "not ".repeat(10_000);
    assert!(Query::parse(&denied).expect_err("too deep").message.contains("too deep"));
}
