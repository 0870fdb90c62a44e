//! Each way in which a file is not a history, with the line, and the column where one byte is at fault.

use harrow_reports::history_file::HistoryError;

use super::read;

const HEADER: &str = "{\"harrow_history\":2}";

/// One row: lines after the header, the line that is wrong, its column if one byte is, part of the message.
type Row = (&'static [&'static str], u64, Option<usize>, &'static str);

const BEGIN: &str =
    r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"send","value":[["send","x",7]]}"#;
const OK: &str =
    r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send","value":[["send","x",7,0]]}"#;
const POLL: &str = r#"{"index":2,"time":7,"process":2,"type":"invoke","f":"poll"}"#;
const POLLED: &str =
    r#"{"index":3,"time":8,"process":2,"type":"ok","f":"poll","value":[["poll",{"x":[[0,7]]}]]}"#;
const END: &str = r#"{"end":{"lines":5,"final_reads":true}}"#;

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Order, repetition, absence.
    (&[OK, BEGIN], 2, None, "process 1 has no open `send`"),
    (&[BEGIN, OK, OK], 4, None, "index 1 comes after 1"),
    (&[BEGIN, BEGIN], 3, None, "index 0 comes after 0"),
    (&[BEGIN, POLL, OK], 4, None, "index 1 comes after 2"),
    (&[BEGIN, r#"{"index":1,"time":4,"process":1,"type":"ok","f":"send","value":[["send","x",7,0]]}"#], 3, None,
        "time 4 comes after 5"),
    (&[BEGIN, OK, r#"{"index":2,"time":6,"process":1,"type":"info","f":"send"}"#], 4, None, "no open `send`"),
    (&[BEGIN, OK, END], 4, None, "5 lines come before it, and 3 do"),
    (&[BEGIN, OK, POLL, POLLED, END, END], 7, None, "after the end line"),
    (&[BEGIN, OK, POLL, POLLED, END, BEGIN], 7, None, "after the end line"),
    (&[BEGIN, HEADER], 3, None, "second header"),
    (&[BEGIN, "", OK], 3, Some(1), "the line is empty"),
    (&[BEGIN, "   "], 3, Some(1), "the line is empty"),
    // What belongs together.
    (&[BEGIN, r#"{"index":1,"time":6,"process":2,"type":"ok","f":"send","value":[["send","x",7,0]]}"#], 3, None,
        "process 2 has no open `send`"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"txn","value":[["send","x",7,0]]}"#], 3, None,
        "no open `txn`"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send","value":[["send","x",7,0]],"invoked":1}"#], 3,
        None, "no open `send` that began at index 1"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send","value":[["send","x",8,0]]}"#], 3, None,
        "something else than its begin"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send","value":[["send","y",7,0]]}"#], 3, None,
        "elsewhere"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send"}"#], 3, None, "must say what was sent"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"ok","f":"send","value":[]}"#], 3, None,
        "must say what was sent"),
    (&[POLL, r#"{"index":3,"time":8,"process":2,"type":"ok","f":"poll","value":[["poll"]]}"#], 3, None,
        "{} if nothing"),
    (&[POLL, r#"{"index":3,"time":8,"process":2,"type":"ok","f":"poll"}"#], 3, None, "must say what it did"),
    (&[BEGIN, r#"{"index":1,"time":6,"process":1,"type":"invoke","f":"send","value":[["send","x",8]]}"#,
        r#"{"index":2,"time":6,"process":1,"type":"ok","f":"send","value":[["send","x",8,0]]}"#], 4, None,
        "several `send` open; say which one ends by `invoked`"),
    (&[BEGIN, OK, r#"{"index":2,"time":6,"process":5,"type":"invoke","f":"send","value":[["send","x",7]]}"#], 4, None,
        "line 2 already"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"send","value":[["send","x",7,0]]}"#], 2, None,
        "cannot know offsets"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"poll","value":[["poll",{"x":[]}]]}"#], 2, None,
        "cannot know offsets or records"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"poll","invoked":0}"#], 2, None, "belongs to an end"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"poll","from_start":true}"#], 2, None, "`assign`"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke","f":"poll","value":[["end","x"]]}"#], 2, None,
        "`end` does not belong into a `poll`"),
    (&[r#"{"end":{"lines":1,"final_reads":true},"index":0}"#], 2, None, "no keys but `end`"),
    // Keys and words.
    (&[r#"{"time":5,"process":1,"type":"invoke","f":"send"}"#], 2, None, "`index` is missing"),
    (&[r#"{"index":0,"process":1,"type":"invoke","f":"send"}"#], 2, None, "`time` is missing"),
    (&[r#"{"index":0,"time":5,"type":"invoke","f":"send"}"#], 2, None, "`process` is missing"),
    (&[r#"{"index":0,"time":5,"process":1,"f":"send"}"#], 2, None, "`type` is missing"),
    (&[r#"{"index":0,"time":5,"process":1,"type":"invoke"}"#], 2, None, "`f` is missing"),
    (&[r#"{"index":0,"tme":5}"#], 2, Some(16), "unknown key `tme`; did you mean `time`?"),
    (&[r#"{"index":0,"type":"oke"}"#], 2, Some(23), "unknown type `oke`; did you mean `ok`?"),
    (&[r#"{"index":0,"f":"sned"}"#], 2, Some(21), "unknown f `sned`; did you mean `send`?"),
    (&[r#"{"index":0,"f":"nemesis"}"#], 2, Some(24), "unknown f `nemesis`; known: send, poll"),
    (&[r#"{"value":[["snd","x",1]]}"#], 2, Some(16), "unknown micro-operation `snd`; did you mean `send`?"),
    (&[r#"{"end":{"line":5,"final_reads":true}}"#], 2, Some(14), "did you mean `lines`?"),
    (&[r#"{"end":{"lines":1}}"#], 2, Some(18), "`end` has no `final_reads`"),
    (&[r#"{"index":0,"index":0}"#], 2, Some(18), "`index` is there twice"),
    (&[r#"{"end":{"lines":1,"lines":1,"final_reads":true}}"#], 2, Some(27), "`lines` is there twice"),
    (&[r#"{"value":[["poll",{"x":[],"x":[]}]]}"#], 2, Some(33), "same partition twice"),
    // Numbers and texts.
    (&[r#"{"index":-1}"#], 2, Some(11), "a whole number from 0"),
    (&[r#"{"index":1.5}"#], 2, Some(12), "a whole number from 0"),
    (&[r#"{"index":"1"}"#], 2, Some(12), "a whole number from 0"),
    (&[r#"{"index":18446744073709551616}"#], 2, Some(29), "a whole number from 0"),
    (&[r#"{"time":18446744073709551615}"#], 2, Some(28), "a whole number from 0 to 18446744073709551614"),
    (&[r#"{"process":4294967296}"#], 2, Some(21), "a whole number from 0 to 4294967295"),
    (&[r#"{"process":"nemesis"}"#], 2, Some(20), "`process`, a whole number"),
    (&[r#"{"from_start":1}"#], 2, Some(15), "true or false"),
    (&[r#"{"value":[["send","x",1,-2]]}"#], 2, Some(26), "-1 or null"),
    (&[r#"{"value":[["send","x",1,9223372036854775808]]}"#], 2, Some(43), "an offset from 0"),
    (&[r#"{"value":[["poll",{"x":[[-1,5]]}]]}"#], 2, Some(27), "a whole number from 0"),
    (&[r#"{"value":[["poll",{"x":[[0]]}]]}"#], 2, Some(27), "a value is missing"),
    (&[r#"{"value":[["poll",{"x":[[0,1,2]]}]]}"#], 2, Some(31), "more than an offset and a value"),
    (&[r#"{"value":[["poll",{"x":[0,1]}]]}"#], 2, Some(25), "a record: [offset, value]"),
    (&[r#"{"value":[["send","x",18446744073709551615]]}"#], 2, Some(42), "is reserved"),
    (&[r#"{"value":[["send","x",null]]}"#], 2, Some(27), "must have a value"),
    (&[r#"{"value":[["send","x",true]]}"#], 2, Some(26), "a value: a whole number"),
    (&[r#"{"value":[["send","x",1,0,4294967295]]}"#], 2, Some(36), "keys are numbers below"),
    (&[r#"{"value":[["send","x",1,0,5],["send","x",2,0,"k"]]}"#], 2, Some(48), "not both in one file"),
    (&[r#"{"value":[["send","x",1],["send","x","b"]]}"#], 2, Some(40), "not both in one file"),
    (&[r#"{"value":[["send","",1]]}"#], 2, Some(20), "empty"),
    (&[r#"{"value":[["send","a\u001b[2Jb",1]]}"#], 2, Some(31), "control character"),
    (&[r#"{"value":[["consumed","x",5,4]]}"#], 2, Some(30), "below the first one"),
    (&[r#"{"value":[["member","g",-2]]}"#], 2, Some(26), "a generation from 0"),
    (&[r#"{"value":[["member","g",1],["member","g",2]]}"#], 2, Some(0), "of one member"),
    (&["{\"value\":[[\"rebalanced\",\"a\u{202e}b\"]]}"], 2, Some(0), "control character"),
    (&[r#"{"value":[["send","x",1,0,5,6]]}"#], 2, Some(30), "too many elements"),
    (&[r#"{"value":[["send"]]}"#], 2, Some(18), "a partition or null is missing"),
    (&[r#"{"value":{"a":1}}"#], 2, Some(10), "a list of micro-operations"),
    (&[r#"{"value":[[[[[[[[1]]]]]]]]}"#], 2, Some(11), "one of send, poll"),
    // No JSON.
    (&["{\"index\":0 x"], 2, Some(12), "expected `,` or `}`"),
    (&["[1,2]"], 2, Some(0), "an object"),
    (&["null"], 2, Some(4), "an object"),
    (&["{} {}"], 2, Some(4), "trailing characters"),
    (&["{\"index\":0\0}"], 2, Some(11), "a NUL byte"),
    (&["{\"index\":0}\r"], 2, Some(12), "CR LF"),
    (&["\u{feff}{\"index\":0}"], 2, Some(1), "expected value"),
];

fn error(bytes: &[u8]) -> HistoryError {
    match read(bytes) {
        Ok(recorded) => panic!("{:?} is a history: {recorded:?}", String::from_utf8_lossy(bytes)),
        Err(error) => error,
    }
}

#[test]
fn every_mistake_has_its_line() {
    let mut wrong = Vec::new();
    for (lines, line, column, message) in ROWS {
        let text = format!("{HEADER}\n{}\n", lines.join("\n"));
        let error = error(text.as_bytes());
        // Column 0 stands for any.
        let column =
            column.map(|column| if column == 0 { error.column().unwrap_or(0) } else { column });
        let right = (error.line(), error.column()) == (*line, column);
        if !right || !error.problem().contains(message) {
            wrong.push(format!("{lines:?}\n  wanted {line} {column:?} {message}\n  is {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_other_kinds_are_told_in_words() {
    let table: &[(&[u8], &str)] = &[
        (b"", "the file is empty"),
        (b"\n", "the first line is empty"),
        (b"\x1f\x8b\x08\x00rest", "this is gzip"),
        (b"\x28\xb5\x2f\xfdrest", "this is Zstandard"),
        (b"PK\x03\x04", "ZIP"),
        (b"\xef\xbb\xbf{\"harrow_history\":2}\n", "byte order mark"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"{:type :invoke, :f :poll, :value [[:poll]]}\n", "EDN"),
        (b"#jepsen.history.Op{:index 0}\n", "EDN"),
        (b"[{:type :invoke}]\n", "EDN"),
        (b"[{\"index\":0},\n", "JSON array"),
        (b"{\n\"harrow_history\":2}\n", "over several lines"),
        (b"{\"schema\":1,\"scenario\":\"x\"}\n", "history.jsonl beside it"),
        (b"index,time,process\n", "not JSON"),
        (b"{\"harrow_history\":1,\"partitions\":[],\"final_reads\":true}\n", "version 1"),
        (b"{\"harrow_history\":1,\"partitions\":[]}\n", "version 1"),
        (b"{\"harrow_history\":3}\n", "version 3"),
        (b"{\"harrow_history\":\"2\"}\n", "`harrow_history`, a whole number"),
        (b"{\"harrow_history\":2,\"index\":0}\n", "no keys but"),
        (b"{\"harrow_history\":2,\"partitions\":[\"x\",\"x\"]}\n", "listed twice"),
        (b"{\"partitions\":[\"x\"]}\n", "the header is missing"),
        (
            b"{\"index\":0,\"time\":5,\"process\":1,\"type\":\"invoke\",\"f\":\"poll\"}\n",
            "the header is missing",
        ),
        (b"{\"end\":{\"lines\":0,\"final_reads\":true}}\n", "the header is missing"),
    ];
    for (bytes, message) in table {
        let error = error(bytes);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(error.line(), 1, "{shown}: {error}");
        assert!(error.problem().contains(message), "{shown}: {error}");
    }
}

#[test]
fn bytes_that_are_no_text_have_their_place() {
    let bytes = [HEADER.as_bytes(), b"\n{\"index\":\xc3\x28}\n"].concat();
    let error = error(&bytes);
    assert_eq!((error.line(), error.column()), (2, Some(10)), "{error}");
}

#[test]
fn a_line_that_is_cut_off_is_said_to_be_and_the_whole_ones_are_read() {
    for length in 1..OK.len() {
        let text = format!("{HEADER}\n{BEGIN}\n{}", &OK[..length]);
        let read = harrow_reports::history_file::read_history(text.as_bytes());
        let recorded = read.expect("the whole lines are read");
        assert_eq!((recorded.cut, recorded.complete, recorded.lines), (Some(3), false, 2));
        assert_eq!(recorded.history.len(), 1, "{text}");
    }
    let within_a_character = [format!("{HEADER}\n{{\"f\":\"").as_bytes(), b"\xc3"].concat();
    let read = harrow_reports::history_file::read_history(&within_a_character[..]);
    assert_eq!(read.expect("the header is whole").cut, Some(2));
    let error = error(&HEADER.as_bytes()[..9]);
    assert!(error.problem().contains("the file ends in the middle"), "{error}");
}

#[test]
fn deep_nesting_and_long_names_are_refused_in_few_words() {
    let deep = format!("{HEADER}\n{{\"value\":[[\"send\",\"x\",1,0,0,{}\n", "[".repeat(100_000));
    assert_eq!(error(deep.as_bytes()).line(), 2);
    let deep = format!("{HEADER}\n{}\n", "{\"end\":".repeat(100_000));
    assert_eq!(error(deep.as_bytes()).line(), 2);
    let long = format!("{HEADER}\n{{\"value\":[[\"send\",\"{}\",1]]}}\n", "x".repeat(100_000));
    let error = error(long.as_bytes());
    assert!(error.problem().contains("1024 are the most"), "{error}");
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b' '), 1 << 40));
    let error = harrow_reports::history_file::read_history(endless).expect_err("it never ends");
    assert!(error.problem().contains("longer than 67108864 bytes"), "{error}");
}

#[test]
fn what_ends_late_and_offsets_at_the_edge_are_right() {
    let text = [
        HEADER,
        concat!(
            r#"{"index":5,"time":0,"process":4294967295,"type":"invoke","f":"send","#,
            r#""value":[["send",null,18446744073709551614]]}"#,
        ),
        concat!(
            r#"{"index":18446744073709551614,"time":18446744073709551614,"process":4294967295,"#,
            r#""type":"ok","f":"send","#,
            r#""value":[["send","x",18446744073709551614,9223372036854775807,4294967294]]}"#,
        ),
        r#"{"end":{"lines":3,"final_reads":false}}"#,
    ];
    let recorded = read(text.join("\n").as_bytes()).expect("it is right");
    assert_eq!(recorded.history.sends()[0].offset, i64::MAX);
    assert!(super::judged(&recorded).findings.is_empty());
}
