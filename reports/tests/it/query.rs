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
        let problem = Query::parse(text).expect_err(text);
        assert_eq!(problem.offset, offset, "{text}: {problem:?}");
        assert!(problem.message.contains(message), "{text}: {}", problem.message);
        assert!(problem.help.contains(help), "{text}: {}", problem.help);
    }
    let deep = "(".repeat(10_000);
    assert!(Query::parse(&deep).expect_err("too deep").message.contains("too deep"));
    let denied = "not ".repeat(10_000);
    assert!(Query::parse(&denied).expect_err("too deep").message.contains("too deep"));
}
